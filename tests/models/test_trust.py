"""A model that was not installed runs only if somebody who is trusted vouches for it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from pgic_core.cli import app
from pgic_core.errors import PgiInputError, PgiModelError, PgiOptionError
from pgic_core.models import available_models, default_model, find_model
from pgic_core.models.model_lookup import PgiModelWarning
from pgic_core.models.model_trust import sign_model

pytest.importorskip("cryptography")

from pgic_core.ed25519_keys import make_key

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of one's own, where models are looked for, and keys of two people, one of them trusted."""
    made = tmp_path / "models" / "mine"
    shutil.copytree(default_model().folder, made, ignore=shutil.ignore_patterns("*.pt", "*.md", "*.png"))
    rename(made, "mine")
    make_key(str(tmp_path / "trusted"))
    make_key(str(tmp_path / "stranger"))
    monkeypatch.setenv("PGIC_MODEL_PATH", str(made.parent))
    monkeypatch.setenv("PGIC_MODEL_KEYS", str(tmp_path / "trusted.pub"))
    return made


def rename(folder: Path, name: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"id": name}))


def refused(reason: str, name: str = "mine") -> None:
    with pytest.warns(PgiModelWarning, match=reason), pytest.raises(PgiModelError, match="not installed"):
        find_model(name)
    assert default_model() in available_models()


def test_an_unsigned_model_is_refused_unless_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused("is not signed; PGIC_MODEL_UNSIGNED=1")
    monkeypatch.setenv("PGIC_MODEL_UNSIGNED", "1")
    assert find_model("mine").folder == folder
    monkeypatch.setenv("PGIC_MODEL_UNSIGNED", "yes")
    with pytest.raises(PgiOptionError, match="must be 0 or 1"):
        find_model("mine")


def test_a_signed_model_is_found(folder: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["model", "sign", str(folder), "--key", str(tmp_path / "trusted")])
    assert done.exit_code == 0, done.output
    assert find_model("mine").folder == folder
    listed = CliRunner().invoke(app, ["model", "list"]).output.splitlines()
    assert [line.split("\t")[0] for line in listed] == [model.id for model in available_models()]
    assert "mine" in listed[-1]


def test_a_strangers_signature_does_not_do(folder: Path, tmp_path: Path) -> None:
    sign_model(folder, str(tmp_path / "stranger"))
    refused("not signed with a key of PGIC_MODEL_KEYS")


def test_a_model_that_was_changed_after_signing_is_refused(folder: Path, tmp_path: Path) -> None:
    sign_model(folder, str(tmp_path / "trusted"))
    rename(folder, "other")
    refused("was changed since", "other")


def test_a_swapped_network_is_refused_when_it_is_loaded(folder: Path, tmp_path: Path) -> None:
    """The manifest, which is signed, lists every file."""
    sign_model(folder, str(tmp_path / "trusted"))
    (folder / "analysis.onnx").write_bytes((folder / "means.onnx").read_bytes())
    with pytest.raises(PgiModelError, match=r"analysis\.onnx was changed"):
        find_model("mine").network("analysis")({})
    with pytest.raises(PgiModelError, match=r"analysis\.onnx was changed"):
        sign_model(folder, str(tmp_path / "trusted"))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"key_id": 1, "signature": 2}', b"\xff"])
def test_what_is_no_signature_is_refused(folder: Path, content: bytes) -> None:
    (folder / "manifest.sig").write_bytes(content)
    refused("mine")


def test_keys_that_cannot_be_read_are_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_model(folder, str(tmp_path / "trusted"))
    monkeypatch.setenv("PGIC_MODEL_KEYS", str(tmp_path / "none.pub"))
    refused("cannot be checked")
    with pytest.raises(PgiInputError):
        sign_model(folder, str(tmp_path / "none"))
