"""Mutated, cut and forged streams end in one of our errors, or in an array of the announced shape."""

import struct
import zlib

import numpy as np
import pytest

from pgic_core.errors import PgiChecksumError, PgiError, PgiFormatError, PgiLimitError, PgiTruncatedError
from pgic_core.features import decode_features, encode_features
from pgic_core.features.bitstream import MAGIC
from pgic_core.limits import Limits

LIMITS = Limits(pixels=4_000_000)


def samples():
    rng = np.random.default_rng(0)
    values = np.maximum(rng.normal(size=(6, 15, 11)), 0).astype(np.float32)
    pyramid = {"p3": values, "p4": values[:, ::2, ::2]}
    return [
        encode_features(values, packing="stack", qp=22),
        encode_features(values, packing="tile-ordered", qp=None, bits=10, quantiser="lloyd"),
        encode_features(pyramid, packing="stack-ordered", qp=32, bits=12, quantiser="log", per_channel=True),
        encode_features(values, codec="pgic", qp=20),
        encode_features(pyramid, codec="pgic", qp=None),
    ]


def seal(data):
    """Repair the CRC32."""
    return data[:5] + struct.pack("<I", zlib.crc32(data[9:])) + data[9:]


def mutate(rng, data):
    data = bytearray(data)
    kind = rng.integers(5)
    at = int(rng.integers(5, len(data)))
    if kind == 0:
        del data[at:]
    elif kind == 1:
        del data[at : at + int(rng.integers(1, 20))]
    elif kind == 2:
        data[at:at] = rng.bytes(int(rng.integers(1, 20)))
    else:
        # The head of a record is where the claims are, so aim there half of the time.
        for _ in range(int(rng.integers(1, 6))):
            where = int(rng.integers(9, min(60, len(data)))) if kind == 3 else int(rng.integers(5, len(data)))
            data[where] = int(rng.integers(256))
    return bytes(data)


def attack(rounds, seed):
    rng = np.random.default_rng(seed)
    originals = samples()
    sentences = []
    for number in range(rounds):
        data = mutate(rng, originals[number % len(originals)])
        if number % 2 and len(data) > 9:
            data = seal(data)
        try:
            decode_features(data, limits=LIMITS)
        except PgiError as error:
            sentences.append(str(error))
    assert all(sentence.endswith(".") for sentence in sentences)
    return rounds - len(sentences)


def test_a_few_hundred_mutations_end_in_a_clear_error():
    survived = attack(200, seed=1)
    assert survived < 100  # of the unsealed half none can, but for a mutation that changes nothing


@pytest.mark.slow
def test_five_thousand_mutations_end_in_a_clear_error():
    attack(5000, seed=2)


@pytest.mark.parametrize("number", range(5))
def test_every_truncation_is_refused(number):
    data = samples()[number]
    for size in {*range(0, 60, 3), *range(60, len(data), 199), len(data) - 1}:
        with pytest.raises(PgiFormatError):
            decode_features(data[:size])
        if size > 9:
            with pytest.raises(PgiError):
                decode_features(seal(data[:size]))


def test_the_checksum_sees_every_byte():
    data = samples()[0]
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
        decode_features(samples()[0], limits=Limits(pixels=100))
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
        decode_features(seal(samples()[3] + b"\x00"))
    with pytest.raises(PgiFormatError, match="not a pgic feature stream"):
        decode_features(b"\x89PNG\r\n\x1a\n" + bytes(50))
    with pytest.raises(PgiTruncatedError):
        decode_features(MAGIC)
