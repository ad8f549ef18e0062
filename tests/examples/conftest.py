"""Example scripts, run as Python runs them, with pgic's own plugin whether or not a package registers it."""

from __future__ import annotations

import runpy
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pgic_core.hooks import PluginSet, calling

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def builtin(monkeypatch: pytest.MonkeyPatch) -> PluginSet:
    plugins = PluginSet([EntryPoint("builtin", "pgic_plugins.builtin", "pgic")])
    monkeypatch.setattr(calling, "_plugins", plugins)
    return plugins


@pytest.fixture
def figure_script(monkeypatch: pytest.MonkeyPatch, builtin: PluginSet) -> Callable[[str], dict[str, Any]]:
    """Gives the names of a script that draws, by the script's name; no window opens."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.syspath_prepend(EXAMPLES)
    return lambda name: runpy.run_path(str(EXAMPLES / name))
