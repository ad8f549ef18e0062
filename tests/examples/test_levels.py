"""``examples/levels.py``."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

import pgic_core

if TYPE_CHECKING:
    import pytest

    from pgic_core.hooks import PluginSet

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "levels.py"


def test_fine_is_nearest_and_all_have_the_size_of_the_photo(
    monkeypatch: pytest.MonkeyPatch, builtin: PluginSet
) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    script = runpy.run_path(str(SCRIPT))
    with Image.open(SCRIPT.with_name("tower.jpg")) as photo:
        part = photo.crop((850, 300, 1170, 620)).convert("RGB")
    panels = script["shown"](pgic_core.encode(part, quality=20, codec="learned"), part)
    titles = [title for title, _ in panels]
    assert titles[0] == "preview, 1/8 of each side"
    assert {picture.size for _, picture in panels} == {part.size}
    psnr = {title.split(",")[0]: float(title.split()[1]) for title in titles[1:]}
    assert psnr["fine"] > psnr["fast"]
    assert psnr["fine"] > psnr["perceptual"]
