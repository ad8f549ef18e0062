"""What is read here is what exiftool reads, but for differences that are meant."""

from __future__ import annotations

from pathlib import Path

import pytest
import skimage

from .exiftool import EXIFTOOL, compare

CASES = Path(__file__).parents[1] / "cases"
# File and tag, and why exiftool says something else.
MEANT = {
    ("gps_0_0.jpg", "lon"): "a camera without a fix writes zeros",
    ("gps_0_0.jpg", "lat"): "likewise",
    ("gps_0_0.jpg", "height"): "likewise",
    ("gps_seconds_0_0.jpg", "lon"): "exiftool makes no sum of parts of which one is 0/0",
    ("gps_seconds_0_0.jpg", "lat"): "likewise",
    ("orient0.jpg", "orientation"): "0 is not an orientation, and viewers show the picture as it is",
    ("orient9.jpg", "orientation"): "likewise 9",
    ("text_gbk.jpg", "camera_make"): "exiftool does not try GB18030",
    ("text_gbk.jpg", "camera_model"): "likewise",
    ("xmp_exif_gps.jpg", "lon"): "exiftool makes its own position from EXIF alone",
    ("xmp_exif_gps.jpg", "lat"): "likewise",
}

needs_exiftool = pytest.mark.skipif(EXIFTOOL is None, reason="exiftool is not installed")


@needs_exiftool
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_cases() -> None:
    differences, agreed = compare(sorted(CASES.iterdir()))
    assert {(difference.path.name, difference.tag) for difference in differences} == set(MEANT)
    for tag in (
        "orientation",
        "camera_make",
        "time with offset",
        "time without offset",
        "lon",
        "lat",
        "height",
    ):
        assert agreed[tag] >= 3, tag


@needs_exiftool
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_photos_of_scikit_image() -> None:
    differences, agreed = compare(sorted((Path(skimage.__file__).parent / "data").iterdir()))
    assert differences == []
    assert agreed["files"] > 3
