"""Tiles of a lossless picture that cost far more than they show."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data
from PIL import Image

from pgic_core.codec.lossless.webp_prefix_groups import count_prefix_groups
from pgic_core.errors import PgiFormatError
from tests.attacks.running import command
from tests.fuzz.prefix_codes import prefix_codes
from tests.hostile.test_tiles import tiled

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def webp(pixels: NDArray[np.uint8], method: int) -> bytes:
    """The bitstream that libwebp writes without loss."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, method=method)
    start = file.getvalue().index(b"VP8L")
    length = int.from_bytes(file.getvalue()[start + 4 : start + 8], "little")
    return file.getvalue()[start + 8 : start + 8 + length]


@pytest.mark.parametrize("verb", ["decode", "verify"])
def test_sixteen_tiles_full_of_prefix_codes(verb: str, tmp_path: Path) -> None:
    file = tmp_path / "a.pgi"
    file.write_bytes(tiled(2048, 2048, 512, prefix_codes(512, 512)))
    target = [tmp_path / "a.png"] if verb == "decode" else []
    done = command(verb, file, *target).check(1)
    assert b"groups of prefix codes" in done.stderr + done.stdout


def test_groups_are_counted() -> None:
    assert count_prefix_groups(prefix_codes(64, 48), 64, 48) == 192
    assert count_prefix_groups(prefix_codes(512, 512), 512, 512) == 128 * 128


@pytest.mark.parametrize("method", [0, 3, 4])
def test_pictures_have_few_groups(method: int) -> None:
    photo = np.ascontiguousarray(skimage.data.coffee()[:200, :300])
    few_colours = photo // 128 * 255
    pictures = [
        photo,
        few_colours,
        photo // 64 * 64,
        photo[:1],
        photo[:, :1],
        np.zeros((64, 64, 3), np.uint8),
    ]
    for picture in pictures:
        height, width = picture.shape[:2]
        data = webp(np.ascontiguousarray(picture), method)
        assert 1 <= count_prefix_groups(data, width, height) <= 2600


def test_a_bitstream_that_is_cut_or_changed_is_counted_or_refused() -> None:
    data = webp(np.ascontiguousarray(skimage.data.coffee()[:64, :80]), 4)
    for length in range(0, len(data), 61):
        try:
            count_prefix_groups(data[:length], 80, 64)
        except PgiFormatError:
            continue
    random = np.random.default_rng(3)
    for _ in range(200):
        changed = bytearray(data)
        changed[int(random.integers(5, 200))] ^= 1 << int(random.integers(8))
        try:
            count_prefix_groups(bytes(changed), 80, 64)
        except PgiFormatError:
            continue
