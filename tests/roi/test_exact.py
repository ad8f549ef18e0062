"""Everything that ``exact=`` takes, in every orientation, through files and the command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import pgic_core
from pgic_core.cli.encode import encode
from pgic_core.codec.orientation import upright_pixels
from pgic_core.container import Annotation, Box, Polygon
from pgic_core.errors import PgiOptionError
from pgic_core.roi import exact_boxes, resolve_exact

if TYPE_CHECKING:
    from pathlib import Path

Photo = NDArray[np.uint8]


def in_pixels(blocks: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    return blocks.repeat(8, 0).repeat(8, 1)[:height, :width]


def test_nothing_is_nothing(photo: Photo) -> None:
    for nothing in (None, [], np.zeros((512, 512), bool), "annotations"):
        assert resolve_exact(nothing, photo) is None


@pytest.mark.parametrize(
    "source",
    [
        [(70, 10, 20, 20)],
        np.array([[70, 10, 20, 20]]),
        (Annotation("seal", Box(70, 10, 90, 30)),),
        iter([{"box": [70, 10, 90, 30]}]),
        [Polygon(((70, 10), (90, 10), (90, 30), (70, 30)))],
        "annotations",
    ],
    ids=type,
)
def test_shapes(photo: Photo, source: Any) -> None:
    fields = {"pgic.annotations": [{"label": "seal", "box": [70, 10, 90, 30]}]}
    blocks = resolve_exact(source, photo, fields=fields)
    assert blocks is not None
    assert blocks[1:4, 8:12].all()
    assert blocks.sum() == 12


@pytest.mark.parametrize("kind", ["bool", "float", "uint8", "1", "L"])
def test_masks(photo: Photo, kind: str) -> None:
    mask = np.zeros((512, 512), bool)
    mask[10:30, 70:90] = True
    source = Image.fromarray(mask).convert(kind) if kind in ("1", "L") else mask.astype(kind)
    blocks = resolve_exact(source, photo)
    assert blocks is not None
    assert blocks.sum() == blocks[1:4, 8:12].sum() == 12


@given(orientation=st.integers(1, 8), seed=st.integers(0, 1 << 20))
@settings(max_examples=60, deadline=None)
def test_what_is_asked_for_of_the_upright_picture_is_kept_in_the_stored_one(
    orientation: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    height, width = (int(side) for side in random.integers(1, 150, 2))
    stored = np.arange(height * width).reshape(height, width)
    upright = upright_pixels(stored[:, :, None], orientation)[:, :, 0]
    x, y = int(random.integers(upright.shape[1])), int(random.integers(upright.shape[0]))
    box = (x, y, int(random.integers(1, 60)), int(random.integers(1, 60)))
    wanted = upright[y : y + box[3], x : x + box[2]]
    mask = np.isin(upright, wanted)
    picture = np.zeros((height, width, 3), np.uint8)
    for source in ([box], mask):
        blocks = resolve_exact(source, picture, orientation=orientation)
        assert blocks is not None
        inside = in_pixels(blocks, height, width)
        assert np.isin(wanted, stored[inside]).all()
        # No block more than what touches the wish.
        expected = {(int(p) // width // 8, int(p) % width // 8) for p in wanted.flat}
        assert {tuple(block) for block in np.argwhere(blocks).tolist()} == expected
        boxes = exact_boxes(blocks, width, height, orientation)
        named = np.concatenate([upright[b : b + d, a : a + c].ravel() for a, b, c, d in boxes])
        assert sorted(named) == sorted(stored[inside])


@given(seed=st.integers(0, 1 << 20))
@settings(max_examples=60, deadline=None)
def test_polygons_are_covered(seed: int) -> None:
    random = np.random.default_rng(seed)
    points = random.uniform(-30, [240, 160], (4, 2))
    # Places that an odd number of edges has to their left.
    y, x = (side.ravel() + 0.25 for side in np.mgrid[:130:0.5, :210:0.5])
    inside = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, 0), strict=True):
        inside ^= ((y0 <= y) != (y1 <= y)) & (x0 + (x1 - x0) * (y - y0) / (y1 - y0) < x)
    assume(inside.any())  # one that lies outside the picture is refused
    blocks = resolve_exact([Polygon(tuple(map(tuple, points.tolist())))], np.zeros((130, 210, 3), np.uint8))
    assert blocks is not None
    needed = np.zeros_like(blocks)
    needed[y[inside].astype(int) // 8, x[inside].astype(int) // 8] = True
    assert blocks[needed].all()
    assert (blocks & ~needed).sum() < 25  # which an edge only just touches


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (np.zeros((3, 3), bool), "shape"),
        (np.zeros((512, 512, 3), bool), "shape"),
        (Image.new("RGB", (512, 512)), "mode"),
        ([(600, 10, 5, 5)], "outside the picture"),
        ([(5, 10, 5, 0)], "width and height"),
        (["x"], "must be"),
        (b"bytes", "must be a mask"),
        ({"box": [1, 2, 3, 4]}, "must be a mask"),
        (7, "must be a mask"),
        ("no-such-model", "no region-of-interest model"),
    ],
)
def test_mistakes_are_named(photo: Photo, source: Any, reason: str) -> None:
    with pytest.raises(PgiOptionError, match=reason):
        resolve_exact(source, photo)


def test_a_model_says_what_is_exact(photo: Photo) -> None:
    blocks = resolve_exact("saliency", photo)
    assert blocks is not None
    assert 0 < blocks.mean() < 0.9


@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_a_seal_comes_back_as_it_was(photo: Photo, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(photo[:201, :300])
    alpha = np.full((201, 300, 1), 200, np.uint8)
    data = pgic_core.encode(
        np.dstack([stored, alpha]), quality=20, exif=exif.tobytes(), exact=[(120, 30, 33, 50)]
    )
    upright = upright_pixels(stored, orientation)
    there = np.s_[30:80, 120:153]
    with pgic_core.open_file(data) as file:
        shown = upright_pixels(file.decode(), orientation)
        assert np.array_equal(shown[there][..., :3], upright[there])
        assert not np.array_equal(shown[100:, :, :3], upright[100:])
        assert (shown[..., 3] == 200).all()
        assert file.exact is not None
        assert file.exact.sum() * 64 == sum(w * h for _, _, w, h in file.exact_boxes)
        assert all(x >= 112 and y >= 16 for x, y, _, _ in file.exact_boxes)


def test_without_loss_all_is_exact(photo: Photo) -> None:
    data = pgic_core.encode(photo[:50, :50], lossless=True, exact=[(1, 1, 5, 5)])
    with pgic_core.open_file(data) as file:
        assert file.exact is None
        assert file.exact_boxes == []


@pytest.fixture
def png(tmp_path: Path, photo: Photo) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(photo[:200, :300]).save(path)
    return path


def test_the_command_takes_boxes_and_files(tmp_path: Path, png: Path, photo: Photo) -> None:
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps([[8, 16, 8, 8], {"label": "plate", "box": [240, 100, 250, 110]}]))
    out = tmp_path / "out.pgi"
    arguments = ["--exact", "70,10,20,20", "--exact", str(boxes), "--exact", "0,0,1.5,1", str(png), str(out)]
    done = CliRunner().invoke(encode, arguments)
    assert done.exit_code == 0, done.output
    with pgic_core.open_file(out) as file:
        assert sorted(file.exact_boxes) == [(0, 0, 8, 8), (8, 16, 8, 8), (64, 8, 32, 24), (240, 96, 16, 16)]
        picture = file.decode()
    assert np.array_equal(picture[10:30, 70:90], photo[10:30, 70:90])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--exact", "1,2,3"], "X,Y,WIDTH,HEIGHT"),
        (["--exact", "1,2,3,x"], "X,Y,WIDTH,HEIGHT"),
        (["--exact", "missing.json"], "cannot be read as JSON"),
        (["--exact", "saliency", "--exact", "1,2,3,4"], "stands alone"),
        (["--exact", "900,2,3,4"], "outside the picture"),
        (["--exact", "nan,2,3,4"], "all numbers"),
    ],
)
def test_mistakes_on_the_command_line_are_named(png: Path, arguments: list[str], reason: str) -> None:
    done = CliRunner().invoke(encode, [*arguments, str(png)])
    assert done.exit_code != 0
    assert reason in done.output
