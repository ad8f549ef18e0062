"""pgic's own plugin, as the package declares it."""

from __future__ import annotations

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from pgic_core.hooks import ENTRY_GROUPS, PluginSet, calling, find_key, offered
from pgic_core.hooks.loading import describe

PROJECT = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())["project"]
DECLARED = [
    EntryPoint(name, value, group)
    for group, points in PROJECT["entry-points"].items()
    for name, value in points.items()
]


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> PluginSet:
    plugins = PluginSet([point for point in DECLARED if point.group == "pgic"])
    monkeypatch.setattr(calling, "_plugins", plugins)
    return plugins


def test_every_declared_group_is_listed() -> None:
    foreign = {"napari.manifest"}  # read by others
    assert {describe(point).group for point in DECLARED} <= set(ENTRY_GROUPS) | foreign


def test_own_plugin_loads_and_offers(own: PluginSet) -> None:
    (plugin,) = own.plugins()
    assert (plugin.name, plugin.error) == ("builtin", "")
    assert list(offered("roi")) == ["insulator", "panel", "saliency"]
    assert list(offered("preprocess")) == ["denoise", "normalise-light", "sharpen"]


def test_keys_of_a_folder(own: PluginSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_key("decrypt", "depot") is None
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "depot.key").write_bytes(b"shared")
    (keys / "depot.sign.key").write_bytes(b"signing")
    (tmp_path / "outside.key").write_bytes(b"outside")
    monkeypatch.setenv("PGIC_KEY_FOLDER", str(keys))
    assert find_key("decrypt", "depot") == b"shared"
    assert find_key("sign", "depot") == b"signing"
    for name in ("../outside", "", ".", "..", "other", str(tmp_path / "outside"), "a\0b"):
        assert find_key("decrypt", name) is None
