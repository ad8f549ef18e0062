"""The codec through pgic itself. Needs the package installed: ``pip install ./examples/vendor-klt``."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from vendor_klt import decode, encode, encode_file

import pgic_core

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    """Waves of three colours, of a size that is no multiple of a block's."""
    y, x = np.arange(301)[:, None, None], np.arange(403)[:, None]
    waves = 128 + 60 * np.sin(x / np.array([4.0, 6.0, 9.0])) * np.cos(y / np.array([9.0, 7.0, 5.0]))
    noise = np.random.default_rng(0).normal(0, 3, (301, 403, 3))
    return np.clip(waves + noise, 0, 255).astype(np.uint8)


def psnr(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """In dB."""
    return float(10 * np.log10(255**2 / np.square(first.astype(float) - second).mean()))


def test_pgic_reads_what_the_codec_writes(photo: NDArray[np.uint8]) -> None:
    """Whole, in part, with metadata."""
    data = encode_file(photo, step=8, metadata=pgic_core.Metadata(device_id="drone 7"))
    assert len(data) < photo.nbytes / 4
    decoded = pgic_core.decode(data)
    assert psnr(photo, decoded) > 36
    assert np.array_equal(pgic_core.decode(data, window=(20, 10, 50, 40)), decoded[10:50, 20:70])
    pgic_core.verify(data)
    info = pgic_core.inspect(data)
    assert (info.codec, info.metadata.device_id) == ("pgic-vendor-klt 0.1.0", "drone 7")


def test_smaller_steps_are_better_and_larger(photo: NDArray[np.uint8]) -> None:
    """The step trades bytes for quality."""
    coarse, fine = encode_file(photo, step=30), encode_file(photo, step=4)
    assert len(coarse) < len(fine)
    assert psnr(photo, pgic_core.decode(coarse)) < psnr(photo, pgic_core.decode(fine))


def test_one_colour_and_one_pixel() -> None:
    """Pictures in which nothing differs."""
    for shape in ((1, 1, 3), (9, 7, 3)):
        flat = np.full(shape, 77, np.uint8)
        assert np.array_equal(decode(encode(flat, 10), shape[1], shape[0]), flat)


def test_foreign_bytes_are_refused(photo: NDArray[np.uint8]) -> None:
    """Any bytes end in a picture of the right size or in an error."""
    data = encode(photo, 10)
    generator = np.random.default_rng(1)
    for _ in range(100):
        changed = bytearray(data[: int(generator.integers(0, len(data) + 1))])
        for place in generator.integers(0, max(len(changed), 1), 3):
            if changed:
                changed[place] = int(generator.integers(0, 256))
        try:
            assert decode(bytes(changed), 403, 301).shape == (301, 403, 3)
        except (ValueError, zlib.error):
            continue
    bomb = data[: 6 + 192 + 196 * data[1]] + zlib.compress(bytes(50_000_000))
    assert decode(bomb, 403, 301).shape == (301, 403, 3)  # the rest is not inflated


def test_what_is_no_photo_is_refused(photo: NDArray[np.uint8]) -> None:
    """Grey pictures, and steps out of range."""
    with pytest.raises(ValueError, match="uint8"):
        encode(photo[..., 0], 10)
    with pytest.raises(ValueError, match="step"):
        encode(photo, 0)
