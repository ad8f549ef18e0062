"""The bits of a watermark: a keyed check, and a convolutional code that is decoded from soft values."""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "CHECK_BITS",
    "CODED_BITS",
    "ID_BYTES",
    "check_of",
    "decode_bits",
    "decode_unchecked",
    "encode_bits",
    "keystream",
]

ID_BYTES = 8
"""Bytes of an id: 64 bits."""
_CHECK_BYTES = 4
CHECK_BITS = 8 * _CHECK_BYTES
"""Bits that must be right by themselves: random values pass once in two to this power."""
_BITS = 8 * (ID_BYTES + _CHECK_BYTES)
# Rate 1/3, constraint length 9, the best known generators (octal 557, 663, 711).
_MEMORY = 8
_GENERATORS = (0o557, 0o663, 0o711)
CODED_BITS = len(_GENERATORS) * (_BITS + _MEMORY)


def keystream(key: bytes, label: str, count: int) -> NDArray[np.uint32]:
    """Random numbers that key and label determine, 32 bits each."""
    raw = hashlib.shake_256(b"pgic watermark 1\0" + label.encode() + b"\0" + key).digest(4 * count)
    return np.frombuffer(raw, "<u4")


def encode_bits(key: bytes, identity: bytes) -> NDArray[np.int8]:
    """The coded bits of an id, each -1 or 1.

    Args:
        key: of the watermark.
        identity: 8 bytes.
    """
    bits = np.unpackbits(np.frombuffer(identity + check_of(key, identity), np.uint8))
    bits = bits ^ _mask(key)
    state, coded = 0, []
    for bit in [*bits.tolist(), *[0] * _MEMORY]:
        state = (state << 1 | bit) & ((1 << (_MEMORY + 1)) - 1)
        coded += [(state & generator).bit_count() & 1 for generator in _GENERATORS]
    return (2 * np.array(coded, np.int8) - 1).astype(np.int8)


def decode_bits(key: bytes, values: NDArray[np.float64]) -> bytes | None:
    """The id that soft values stand for.

    Random values pass the check once in 2^32 times.

    Args:
        key: of the watermark.
        values: (CODED_BITS,), the more above 0 the surer a bit is 1, the more below the surer it is 0.

    Returns:
        8 bytes, or None if the check does not hold.
    """
    identity, check = decode_unchecked(key, values)
    return identity if hmac.compare_digest(check, check_of(key, identity)) else None


def decode_unchecked(key: bytes, values: NDArray[np.float64]) -> tuple[bytes, bytes]:
    """The id and the check that soft values stand for most likely; see :func:`decode_bits`."""
    bits = _viterbi(values.reshape(-1, len(_GENERATORS)))[:_BITS] ^ _mask(key)
    data = np.packbits(bits).tobytes()
    return data[:ID_BYTES], data[ID_BYTES:]


def check_of(key: bytes, identity: bytes) -> bytes:
    """The check that an id has, 4 bytes."""
    return hmac.digest(key, b"pgic watermark check 1\0" + identity, "sha256")[:_CHECK_BYTES]


def _mask(key: bytes) -> NDArray[np.uint8]:
    """So that no id is a run of zeros."""
    return (keystream(key, "mask", _BITS) & 1).astype(np.uint8)


@lru_cache(maxsize=1)
def _trellis() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The two states that lead to each state, and the signs (2, states, 3) that each step has."""
    states = 1 << _MEMORY
    after = np.arange(states)
    before = np.stack([after >> 1, (after >> 1) | (states >> 1)])
    registers = (before << 1) | (after & 1)
    parity = [[[(int(r) & g).bit_count() & 1 for g in _GENERATORS] for r in row] for row in registers]
    return before, 2.0 * np.array(parity) - 1.0


def _viterbi(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The most likely bits, the zeros of the end among them."""
    before, signs = _trellis()
    states = 1 << _MEMORY
    score = np.full(states, -np.inf)
    score[0] = 0
    choices = np.empty((len(values), states), np.uint8)
    for step, value in enumerate(values):
        paths = score[before] + signs @ value
        choices[step] = paths[1] > paths[0]
        score = np.where(choices[step], paths[1], paths[0])
    state, bits = 0, np.empty(len(values), np.uint8)
    for step in range(len(values) - 1, -1, -1):
        bits[step] = state & 1
        state = int(before[choices[step, state], state])
    return bits
