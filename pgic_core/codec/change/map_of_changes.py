"""Which positions of a change frame changed, how, and by how much: version 3 (``STREAM.md``, "Change").

Most frames say little more than this map, so it is entropy-coded, each of its three arrays with the
frequencies that its values have in this frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import constriction
import numpy as np

from ...errors import PgiFormatError
from ..learned.symbols.entropy_coding import WordReader
from .modes import NEW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..learned.payload.cursor import Cursor

__all__ = ["ChangeMaps", "packed_maps", "rounded_amounts", "unpacked_maps"]

_WEIGHTS = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256], np.int64)
"""What the frequency of a value is proportional to, by the four bits that say so."""
_AMOUNTS = np.array([0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 255], np.uint8)
"""Amounts that a map can say, in quarters of a grey level."""
_FULL = 1 << 24
_KINDS, _AGES, _LEVELS = 32, 8, 16
_FLAG, _MODE = 16, 15
_RESTORED = 16


class ChangeMaps(NamedTuple):
    """The map of changes, arrays of one shape.

    Attributes:
        modes: uint8, 0 to 15.
        z_coded: bool, positions whose z is coded.
        ages: uint8, 0 to 7.
        amounts: uint8, in quarters of a grey level.
    """

    modes: NDArray[np.uint8]
    z_coded: NDArray[np.bool_]
    ages: NDArray[np.uint8]
    amounts: NDArray[np.uint8]

    @property
    def changed(self) -> NDArray[np.bool_]:
        """Positions that take on a new state."""
        return np.asarray((self.modes > 0) | (self.ages > 0), np.bool_)


def rounded_amounts(amounts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The nearest amounts that a map can say, by ratio; 0 stays 0, and nothing else becomes 0."""
    return np.asarray(_AMOUNTS[_levels(amounts)], np.uint8)


def _levels(amounts: NDArray[np.uint8]) -> NDArray[np.intp]:
    known = np.log2(_AMOUNTS[1:].astype(np.float64))
    between = (known[1:] + known[:-1]) / 2
    found = np.searchsorted(between, np.log2(np.maximum(amounts, 1).astype(np.float64))) + 1
    return np.where(amounts > 0, found, 0)


def packed_maps(maps: ChangeMaps) -> bytes:
    """The bytes that say a map."""
    flag = np.where(maps.modes == 0, maps.ages > 0, maps.z_coded ^ (maps.modes == NEW))
    kinds = (maps.modes | (flag * np.uint8(_FLAG))).reshape(-1)
    changed = kinds > 0
    aged = changed & (kinds != NEW)
    arrays = (
        (_KINDS, kinds),
        (_AGES, maps.ages.reshape(-1)[aged]),
        (_LEVELS, _levels(maps.amounts.reshape(-1)[changed])),
    )
    coder, start = constriction.stream.stack.AnsCoder(), b""
    coded = []
    for size, values in arrays:
        counts = np.bincount(values, minlength=size)
        table, weights = _packed_weights(counts)
        start += table
        coded.append((weights, values))
    for weights, values in reversed(coded):  # last in, first out
        places = np.cumsum(weights > 0) - 1
        if (weights > 0).sum() > 1:
            coder.encode_reverse(places[values].astype(np.int32), _distribution(weights))
    words: NDArray[np.uint32] = coder.get_compressed()
    return start + words.astype("<u4").tobytes()


def unpacked_maps(cursor: Cursor, shape: tuple[int, int]) -> ChangeMaps:
    """The inverse of :func:`packed_maps`; the bytes are all that the cursor has.

    Raises:
        PgiFormatError: they do not say a map of that shape.
    """
    weights = [_read_weights(cursor, size) for size in (_KINDS, _AGES, _LEVELS)]
    reader = WordReader(cursor.rest())
    kinds = _read(reader, weights[0], shape[0] * shape[1])
    changed = kinds > 0
    if not changed.any():
        raise PgiFormatError("The map of changes says that nothing changed.")
    modes, flag = kinds & np.uint8(_MODE), kinds >= _FLAG
    aged = changed & (kinds != NEW)
    ages, amounts = np.zeros_like(kinds), np.zeros_like(kinds)
    ages[aged] = _read(reader, weights[1], int(aged.sum()))
    amounts[changed] = _AMOUNTS[_read(reader, weights[2], int(changed.sum()))]
    reader.finish()
    if (ages[kinds == _RESTORED] == 0).any():
        raise PgiFormatError("The map of changes restores a position without naming its state.")
    z_coded = (flag ^ (modes == NEW)) & (modes > 0)
    return ChangeMaps(
        modes.reshape(shape), z_coded.reshape(shape), ages.reshape(shape), amounts.reshape(shape)
    )


def _packed_weights(counts: NDArray[np.intp]) -> tuple[bytes, NDArray[np.int64]]:
    """What says how frequent values are, and the weights that follow."""
    there = np.flatnonzero(counts)
    weights = np.zeros(len(counts), np.int64)
    steps = np.zeros(0, np.intp)
    if len(there):
        share = counts[there] * (_WEIGHTS[-1] / counts.max())
        between = np.sqrt(_WEIGHTS[1:] * _WEIGHTS[:-1])
        steps = np.searchsorted(between, share)
        weights[there] = _WEIGHTS[steps]
    mask = int((1 << there.astype(np.int64)).sum())
    data = mask.to_bytes(len(counts) // 8, "little")
    if len(there) > 1:
        nibbles = np.append(steps, [0] * (len(steps) % 2)).astype(np.uint8)
        data += (nibbles[::2] | nibbles[1::2] << np.uint8(4)).tobytes()
    return data, weights


def _read_weights(cursor: Cursor, size: int) -> NDArray[np.int64]:
    mask = np.frombuffer(cursor.take(size // 8), np.uint8)
    there = np.flatnonzero(np.unpackbits(mask, bitorder="little"))
    weights = np.zeros(size, np.int64)
    weights[there] = 1
    if len(there) > 1:
        nibbles = np.frombuffer(cursor.take(-(-len(there) // 2)), np.uint8)
        steps = np.column_stack([nibbles & np.uint8(15), nibbles >> np.uint8(4)]).reshape(-1)
        if steps[len(there) :].any():
            raise PgiFormatError("The frequencies of the map of changes are not filled up with zeros.")
        weights[there] = _WEIGHTS[steps[: len(there)]]
    return weights


def _distribution(weights: NDArray[np.int64]) -> Any:
    """The distribution of the values that occur, from the lowest on."""
    there = weights[weights > 0]
    asked = (_FULL - len(there)) * there // there.sum()
    asked[np.argmax(there)] += _FULL - len(there) - asked.sum()
    # As in CdfTable: the library gives each of them one unit on top.
    return constriction.stream.model.Categorical(asked.astype(np.float64), perfect=False)


def _read(reader: WordReader, weights: NDArray[np.int64], count: int) -> NDArray[np.uint8]:
    there = np.flatnonzero(weights).astype(np.uint8)
    if not count:
        return np.zeros(0, np.uint8)
    if not len(there):
        raise PgiFormatError("The map of changes has no values for what changed.")
    if len(there) == 1:
        return np.full(count, there[0], np.uint8)
    return np.asarray(there[reader.symbols(_distribution(weights), count)], np.uint8)
