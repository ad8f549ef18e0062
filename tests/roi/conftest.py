"""pgic's own plugin, whether or not an installed package registers it."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest
import skimage.data

from pgic_core.hooks import PluginSet, calling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@pytest.fixture(autouse=True)
def builtin(monkeypatch: pytest.MonkeyPatch) -> PluginSet:
    plugins = PluginSet([EntryPoint("builtin", "pgic_plugins.builtin", "pgic")])
    monkeypatch.setattr(calling, "_plugins", plugins)
    return plugins


@pytest.fixture(scope="session")
def photo() -> NDArray[np.uint8]:
    """512 x 512, RGB."""
    photo: NDArray[np.uint8] = skimage.data.astronaut()
    return photo
