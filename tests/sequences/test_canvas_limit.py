"""A canvas counts as a picture does: its pixels for each byte that it is made of (against bombs)."""

from __future__ import annotations

import io
import zlib
from dataclasses import replace

import numpy as np
import pytest

import pgic_core
from pgic_core import Limits, open_file
from pgic_core.container import Compression, PgiReader, build_file
from pgic_core.container.sequence_appending import SequenceAppender, begin_sequence
from pgic_core.errors import PgiLimitError
from pgic_core.varint import varint


def grown(times: int) -> bytes:
    """A flat picture, and a frame of few bytes that lets its canvas grow ``times`` times in area."""
    key = pgic_core.encode(np.full((512, 512, 3), 90, np.uint8), codec="learned")
    parts = b"".join(map(varint, (0, 0, 8 * times, 8)))
    payload = bytes([3, 16]) + varint(len(parts)) + parts
    payload += zlib.crc32(payload).to_bytes(4, "little")
    file = io.BytesIO(b"".join(begin_sequence(key, key_distance=9)))
    with PgiReader(key) as reader:
        fields = replace(reader.fields, compression_type=Compression.CHANGE)
    with SequenceAppender(file) as appender:
        for _ in range(2):
            appender.append(build_file(fields, payload), reference=appender.last)
    return file.getvalue()


@pytest.mark.parametrize("number", [1, 2])
def test_pixels_of_a_canvas_count_for_each_byte(number: int) -> None:
    data = grown(4)
    with open_file(data) as file:
        assert file.frame(number).decode().shape == (512, 512, 3)
        stored = file.frame(0).reader.size + 30 * number
    most = 4 * 512 * 512 // stored
    for limit, fits in ((most + 500, True), (most - 500, False)):
        assert limit > 512 * 512 // (stored - 200)  # so the key frame passes
        limits = Limits(pixels_per_byte=limit)
        with open_file(data, limits=limits) as file:
            file.decode()
            if fits:
                file.frame(number).decode()
                continue
            with pytest.raises(PgiLimitError, match="canvas of a change frame, for each byte"):
                file.frame(number).decode()
            with pytest.raises(PgiLimitError, match="canvas of a change frame, for each byte"):
                file.frame(2).decode()
