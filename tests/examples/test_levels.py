"""``examples/levels.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

import pgic_core

from .conftest import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable


def test_fine_is_nearest_and_all_have_the_size_of_the_photo(
    figure_script: Callable[[str], dict[str, Any]],
) -> None:
    script = figure_script("levels.py")
    with Image.open(EXAMPLES / "tower.jpg") as photo:
        part = photo.crop((850, 300, 1170, 620)).convert("RGB")
    panels = script["shown"](pgic_core.encode(part, quality=20, codec="learned"), part)
    titles = [title for title, _ in panels]
    assert titles[0] == "preview, 1/8 of each side"
    assert {picture.size for _, picture in panels} == {part.size}
    psnr = {title.split(",")[0]: float(title.split()[1]) for title in titles[1:]}
    assert psnr["fine"] > psnr["fast"]
    assert psnr["fine"] > psnr["perceptual"]


def test_the_worst_squares_are_found(figure_script: Callable[[str], dict[str, Any]]) -> None:
    script, side = figure_script("levels.py"), 128
    original = Image.new("RGB", (3 * side, 2 * side + 5), (90, 90, 90))
    fast, wrong = original.copy(), original.copy()
    wrong.paste((99, 99, 99), (2 * side, side, 3 * side, 2 * side))
    wrong.paste((93, 93, 93), (0, 0, side, side))
    fast.paste((120, 120, 120), (side, 0, 2 * side, side))  # where fast is wrong, and perceptual is not
    found = script["worst"](original, fast, wrong, 2)
    assert found == [(2 * side, side, side, side), (0, 0, side, side)]
