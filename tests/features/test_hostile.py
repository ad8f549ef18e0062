"""Mutated, cut and forged streams end in one of our errors, or in an array of the announced shape."""

import struct

import numpy as np
import pytest

from pgic_core.errors import PgiChecksumError, PgiError, PgiFormatError, PgiLimitError, PgiTruncatedError
from pgic_core.features import decode_features, encode_features
from pgic_core.features.bitstream import MAGIC
from pgic_core.limits import Limits

from .mutations import attack, seal, streams


def test_a_few_hundred_mutations_end_in_a_clear_error():
    report = attack(200, seed=1)
    assert report.faults == []
    assert report.outcomes["decoded"] < 100  # of the unsealed half none can


@pytest.mark.slow
def test_five_thousand_mutations_end_in_a_clear_error():
    assert attack(5000, seed=2).faults == []


@pytest.mark.parametrize("number", range(5))
def test_every_truncation_is_refused(number):
    data = streams()[number]
    for size in {*range(0, 60, 3), *range(60, len(data), 199), len(data) - 1}:
        with pytest.raises(PgiFormatError):
            decode_features(data[:size])
        if size > 9:
            with pytest.raises(PgiError):
                decode_features(seal(data[:size]))


def test_the_checksum_sees_every_byte():
    data = streams()[0]
    for at in range(9, len(data), 13):
        broken = bytearray(data)
        broken[at] ^= 0x10
        with pytest.raises(PgiChecksumError):
            decode_features(bytes(broken))


def forged(*shape, payload=b"", codec=1, qp=88):
    """A sealed stream of one tensor that claims a shape."""
    body = bytearray([0, 1, 4 | codec << 5, qp])
    for side in (*shape, None):
        while side is not None and side > 0x7F:
            body.append(side & 0x7F | 0x80)
            side >>= 7
        if side is not None:
            body.append(side)
    body += b"\x00" + struct.pack("<ff", 0, 1) + b"\x00"
    size = len(payload)
    while size > 0x7F:
        body.append(size & 0x7F | 0x80)
        size >>= 7
    body += bytes([size]) + payload
    return seal(MAGIC + b"\x01" + bytes(4) + bytes(body))


def test_forged_shapes_are_refused_before_allocation():
    with pytest.raises(PgiFormatError, match="more samples"):
        decode_features(forged(1, 512, 224, 224, payload=bytes(64)))
    with pytest.raises(PgiLimitError, match="pixels"):
        decode_features(forged(4096, 4096, 4096, 4096, payload=bytes(64)))
    with pytest.raises(PgiLimitError, match="pixels"):
        decode_features(streams()[0], limits=Limits(pixels=100))
    with pytest.raises(PgiFormatError, match="shape"):
        decode_features(forged(1, 0, 4, 4, payload=bytes(64)))


def test_video_of_another_size_or_number_is_refused():
    values = np.zeros((4, 16, 16), np.float32)
    good = encode_features(values, packing="stack")
    for shape in ((1, 4, 40, 40), (1, 3, 16, 16), (1, 5, 16, 16)):
        at = good.index(bytes([1, 4, 16, 16]))
        with pytest.raises(PgiFormatError, match=r"picture|damaged"):
            decode_features(seal(good[:at] + bytes(shape) + good[at + 4 :]))


def test_bytes_after_the_end_and_other_files_are_refused():
    with pytest.raises(PgiFormatError, match="follow"):
        decode_features(seal(streams()[3] + b"\x00"))
    with pytest.raises(PgiFormatError, match="not a pgic feature stream"):
        decode_features(b"\x89PNG\r\n\x1a\n" + bytes(50))
    with pytest.raises(PgiTruncatedError):
        decode_features(MAGIC)
