"""pgic's own plugin, whether or not an installed package registers it."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from pgic_core.hooks import PluginSet, calling


@pytest.fixture
def builtin(monkeypatch: pytest.MonkeyPatch) -> PluginSet:
    plugins = PluginSet([EntryPoint("builtin", "pgic_plugins.builtin", "pgic")])
    monkeypatch.setattr(calling, "_plugins", plugins)
    return plugins
