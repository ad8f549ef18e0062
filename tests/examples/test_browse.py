"""``examples/browse.py``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

import pgic_core

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "browse.py"


@pytest.fixture
def script(figure_script: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return figure_script("browse.py")


def test_sample_photo_as_one_figure(script: dict[str, Any], tmp_path: Path) -> None:
    script["main"](["-o", str(tmp_path / "figure.png")])
    with Image.open(tmp_path / "figure.png") as figure:
        assert figure.width > 3 * figure.height
        colours = np.asarray(figure.convert("RGB").resize((64, 16))).reshape(-1, 3)
        assert len(np.unique(colours, axis=0)) > 200


def test_panels_are_what_they_say(script: dict[str, Any]) -> None:
    photo = skimage.data.astronaut()
    data = pgic_core.encode(photo, quality=40, roi=[(0, 0, 64, 64)])
    with pgic_core.open_file(data) as file:
        figure = script["browse"](file, (100, 50, 120, 80))
        panels = [axis.images[0].get_array() for axis in figure.axes]
        assert [panel.shape[:2] for panel in panels] == [(64, 64), (512, 512), (80, 120), (512, 512)]
        assert np.array_equal(panels[2], file.decode(window=(100, 50, 120, 80)))
        assert f"first {file.preview_bytes:,} bytes" in figure.axes[0].get_title()


def test_files_and_photos(script: dict[str, Any], tmp_path: Path) -> None:
    grey = skimage.data.astronaut()[:100, :120, 0]
    pgic_core.encode_to(tmp_path / "grey.pgi", grey)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    for name in ("grey.pgi", "grey.png"):
        script["main"]([str(tmp_path / name), "-o", str(tmp_path / f"{name}.out.png")])
        assert (tmp_path / f"{name}.out.png").stat().st_size > 10_000


def test_a_window_that_is_none(script: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        script["main"](["--window", "1,2,3"])
    assert "four whole numbers" in capsys.readouterr().err
