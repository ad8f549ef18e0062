"""Plugin sets of a test's own, loaded from modules that the test writes."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pgic_core.hooks import PluginSet, calling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> PluginSet:
    """An empty set, which all hooks of this process use."""
    mine = PluginSet(entry_points=())
    monkeypatch.setattr(calling, "_plugins", mine)
    return mine


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., PluginSet]]:
    """A set of plugins from module sources, found by entry points."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)

    def install(**sources: str) -> PluginSet:
        points = []
        for name, source in sources.items():
            (tmp_path / f"plugin_{name}.py").write_text(source)
            points.append(EntryPoint(name, f"plugin_{name}", "pgic"))
        mine = PluginSet(points)
        monkeypatch.setattr(calling, "_plugins", mine)
        return mine

    yield install
    for name in set(sys.modules) - before:
        if name.startswith("plugin_"):
            del sys.modules[name]


@pytest.fixture
def picture() -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.arange(96 * 130 * 3, dtype=np.uint32).astype(np.uint8).reshape(96, 130, 3)
