"""Further segments of a JPEG: which are kept, that they stay as they are, and where they go."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pgic_core.container import Segment, other_segments, pack_segments, put_segments, unpack_segments
from pgic_core.errors import PgiFormatError, PgiOptionError

segments = st.lists(st.builds(Segment, st.integers(0xE0, 0xEF), st.binary(max_size=300)), max_size=9)


@given(segments)
def test_segments_come_back(found: list[Segment]) -> None:
    assert list(unpack_segments(pack_segments(found))) == found


def test_what_other_fields_hold_is_left_out() -> None:
    known = [
        ("APP0", b"JFIF\0\1"),
        ("APP0", b"JFXX\0"),
        ("APP1", b"Exif\0\0II"),
        ("APP1", b"http://ns.adobe.com/xap/1.0/\0<x/>"),
        ("APP1", b"http://ns.adobe.com/xmp/extension/\0"),
        ("APP2", b"ICC_PROFILE\0\1\1"),
        ("APP2", b"MPF\0"),
        ("APP13", b"Photoshop 3.0\x008BIM"),
        ("APP14", b"Adobe\0"),
        ("COM", b"a comment"),
    ]
    kept = [
        ("APP1", b"FLIR\0\1\0\0"),
        ("APP3", b"raw"),
        ("APP0", b"other"),
        ("APP15", b""),
    ]
    found = other_segments([*known[:4], *kept[:2], *known[4:], *kept[2:]])
    assert found == [
        (0xE1, b"FLIR\0\1\0\0"),
        (0xE3, b"raw"),
        (0xE0, b"other"),
        (0xEF, b""),
    ]


def test_segments_stand_after_those_of_the_jpeg() -> None:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x010F] = "ACME"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(file, "JPEG", exif=exif)
    largest = Segment(0xE3, bytes(range(256)) * 255 + bytes(253))
    kept = [largest, Segment(0xE4, b""), largest]
    made = put_segments(file.getvalue(), pack_segments(kept))
    with Image.open(io.BytesIO(made)) as image:
        image.load()
        assert [name for name, _ in image.applist] == ["APP0", "APP1", "APP3", "APP4", "APP3"]
        assert other_segments(image.applist) == kept


def test_nothing_else_is_packed_or_put() -> None:
    for segment in (Segment(0xDA, b""), Segment(0xF0, b""), Segment(0xE3, bytes(65534))):
        with pytest.raises(PgiOptionError, match="APP0 to APP15"):
            pack_segments([segment])
    with pytest.raises(PgiOptionError, match="4,096"):
        pack_segments([Segment(0xE3, b"")] * 4097)
    with pytest.raises(PgiFormatError, match="not a JPEG"):
        put_segments(b"\x89PNG", b"")
    with pytest.raises(PgiFormatError, match="does not hold segments"):
        put_segments(b"\xff\xd8\xff\xd9", b"\xff\xda\0\2")
