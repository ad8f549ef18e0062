"""What a region of interest does to pictures that are really coded."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import pgic_core
from pgic_core.roi import Roi

Photo = NDArray[np.uint8]
BOX = (176, 64, 96, 112)
INSIDE = np.s_[64:176, 176:272]


def psnr(a: Photo, b: Photo) -> float:
    return float(10 * np.log10(255**2 / np.square(a.astype(float) - b).mean()))


@pytest.fixture(scope="module")
def plain(photo: Photo) -> bytes:
    return pgic_core.encode(photo, quality=50)


def test_boxes_gain_at_equal_bytes(photo: Photo, plain: bytes) -> None:
    """At least 1.5 dB inside boxes that cover at most a fifth of the picture."""
    kept = pgic_core.encode(photo, max_bytes=len(plain), roi=[BOX])
    assert len(kept) <= len(plain)
    before, after = (pgic_core.decode(data)[INSIDE] for data in (plain, kept))
    assert psnr(after, photo[INSIDE]) > psnr(before, photo[INSIDE]) + 1.5


def test_background_pays_when_asked_to(photo: Photo, plain: bytes) -> None:
    finer = pgic_core.encode(photo, quality=50, roi=[BOX])
    paid = pgic_core.encode(photo, quality=50, roi=Roi([BOX], background=-1))
    assert len(paid) < len(plain) < len(finer)


def test_annotations_of_the_picture_by_name(photo: Photo) -> None:
    x, y, w, h = BOX
    faces = [{"label": "face", "box": [x, y, x + w, y + h]}]
    by_name = pgic_core.encode(photo, quality=50, annotations=faces, roi="annotations")
    by_box = pgic_core.encode(photo, quality=50, annotations=faces, roi=[BOX])
    assert np.array_equal(pgic_core.decode(by_name), pgic_core.decode(by_box))
    assert [pgic_core.inspect(data).strategy.roi for data in (by_name, by_box)] == ["annotations", "boxes"]
    assert by_name != pgic_core.encode(photo, quality=50, annotations=faces)


def test_pictures_that_lose_nothing_take_no_region(photo: Photo) -> None:
    grey = photo[:, :, 0]
    assert pgic_core.encode(grey, roi=[BOX]) == pgic_core.encode(grey)
