"""``examples/compare.py``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "compare.py"


@pytest.fixture
def script(figure_script: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return figure_script("compare.py")


@pytest.fixture
def part() -> Image.Image:
    with Image.open(SCRIPT.with_name("tower.jpg")) as photo:
        return photo.crop((850, 300, 1170, 620)).convert("RGB")


def test_peers_get_no_fewer_bytes(script: dict[str, Any], part: Image.Image) -> None:
    jpeg, avif, pgi = script["compare"](part, 60)
    assert [jpeg.name, avif.name, pgi.name] == ["JPEG", "AVIF", ".pgi"]
    assert min(jpeg.size, avif.size) >= pgi.size
    assert max(jpeg.size, avif.size) < 1.1 * pgi.size
    assert {coded.image.size for coded in (jpeg, avif, pgi)} == {part.size}


def test_psnr(script: dict[str, Any]) -> None:
    black, grey = (Image.fromarray(np.full((4, 4, 3), value, np.uint8)) for value in (0, 51))
    assert script["psnr"](black, grey) == pytest.approx(20 * np.log10(5))
    assert script["psnr"](grey, grey) == float("inf")


def test_figure_and_labels(
    script: dict[str, Any], part: Image.Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part.save(tmp_path / "part.png")
    script["main"](
        [str(tmp_path / "part.png"), "-o", str(tmp_path / "figure.png"), "--crop", "80,70,120,100"]
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["JPEG", "AVIF", ".pgi"]
    assert all("bytes" in line and line.endswith(" dB") for line in lines)
    with Image.open(tmp_path / "figure.png") as figure:
        assert figure.width > 3 * figure.height


def test_a_crop_that_is_none(script: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        script["main"](["--crop", "1,2,3"])
    assert "four whole numbers" in capsys.readouterr().err
