"""Entropy coding of symbols: rANS with the CDF tables of a model (A-6.4.2d).

Symbols are coded row by row, so that each run of symbols shares one distribution. A symbol beyond its row's
bound is coded as the row's escape; the excess of all escapes of a segment follows the segment.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import constriction
import numpy as np

from ....errors import PgiFormatError
from .difference_distributions import ALL_ROWS, difference_frequencies

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ....models import Model

__all__ = ["LARGEST", "Z_BOUND", "CdfTable", "SegmentReader", "WordReader", "encode_segments"]

LARGEST = 32767
"""Largest magnitude of a symbol."""
Z_BOUND = 127
"""Largest magnitude of a hyper-latent."""
_EXCESS = 1 << 16
_BITS = 32


class CdfTable:
    """The distribution rows of a model, and behind them those of differences. Make it with :meth:`of`.

    Args:
        model: whose tables.
    """

    def __init__(self, model: Model) -> None:
        frequencies = model.tables.frequencies
        differences = difference_frequencies()
        own = np.array([len(row) // 2 - 1 for row in differences], np.int32)
        self.bounds = np.concatenate([frequencies["bounds"].astype(np.int32), own])
        sizes = np.where(np.arange(ALL_ROWS) > 0, 2 * self.bounds + 2, 0)
        ends = np.cumsum(sizes)
        self._starts = ends - sizes
        values = np.concatenate([frequencies["values"], *differences])
        self._bits = np.asarray(24 - np.log2(values), np.float32)
        self._values = np.split(values, ends[:-1])
        self._models: list[Any] = [None] * ALL_ROWS
        self.excess = constriction.stream.model.Uniform(_EXCESS)

    @staticmethod
    @lru_cache(maxsize=4)
    def of(model: Model) -> CdfTable:
        """The cdfs of ``model``; kept for the next caller."""
        return CdfTable(model)

    def row(self, row: int) -> Any:
        """The distribution of a row above 0."""
        if self._models[row] is None:
            # The library gives each symbol one unit of its own on top of what is asked for, so asking for
            # f - 1 of (2^24 - n) units yields frequencies of exactly f.
            asked = self._values[row].astype(np.float64) - 1
            self._models[row] = constriction.stream.model.Categorical(asked, perfect=False)
        return self._models[row]

    def models(self, rows: Sequence[int]) -> list[Any]:
        """The distributions of rows above 0."""
        found = [self._models[row] for row in rows]
        return [self.row(row) for row in rows] if None in found else found

    def bits(self) -> NDArray[np.float32]:
        """``(rows, 2)``: bits of a zero and of a one in each row; row 0 is all zeros."""
        out = np.zeros((ALL_ROWS, 2), np.float32)
        for row in range(1, ALL_ROWS):
            zero = self._starts[row] + self.bounds[row]
            out[row] = self._bits[zero : zero + 2]
        return out

    def cost(self, counts: NDArray[np.int64], symbols: NDArray[np.int16]) -> NDArray[np.float32]:
        """Bits of symbols ``(n,)`` that come row by row, as :func:`encode_segments` takes them."""
        bounds = np.repeat(self.bounds[: len(counts)], counts)
        escaped = np.abs(symbols.astype(np.int32)) > bounds
        place = np.where(escaped, 2 * bounds + 1, symbols + bounds)
        bits = self._bits[np.repeat(self._starts[: len(counts)], counts) + place]
        return np.asarray(bits + escaped * np.log2(_EXCESS), np.float32)


def encode_segments(cdfs: CdfTable, segments: Sequence[tuple[NDArray[np.int64], NDArray[np.int16]]]) -> bytes:
    """Code segments that will be decoded in this order.

    Args:
        cdfs: the rows.
        segments: of each, how many symbols every row has, ``(ROWS,)`` or more of them (row 0 none), and the
            symbols ``(n,)`` row by row.

    Returns:
        Little-endian 32-bit words.
    """
    coder = constriction.stream.stack.AnsCoder()
    for counts, symbols in reversed(segments):  # last in, first out
        bound = np.repeat(cdfs.bounds[: len(counts)], counts)
        values = symbols.astype(np.int32)
        coded = values + bound
        beyond = np.flatnonzero(coded.view(np.uint32) > (2 * bound).view(np.uint32))  # or below 0
        if len(beyond):
            least, sign = bound[beyond] + 1, values[beyond] < 0
            coder.encode_reverse((2 * (np.abs(values[beyond]) - least) + sign).astype(np.int32), cdfs.excess)
            coded[beyond] = 2 * least - 1
        ends = np.cumsum(counts).tolist()
        for row in np.flatnonzero(counts[1:])[::-1].tolist():
            coder.encode_reverse(coded[ends[row] : ends[row + 1]], cdfs.row(row + 1))
    words: NDArray[np.uint32] = coder.get_compressed()
    return words.astype("<u4").tobytes()


@contextmanager
def _damage() -> Iterator[None]:
    """Takes what the coder cannot read for damage."""
    try:
        yield
    except BaseException as error:
        # No words are known that the coder cannot read. Should there be any: a panic of Rust is no
        # Exception in Python, and would go past every handler that keeps other files alive.
        if isinstance(error, ValueError) or type(error).__name__ == "PanicException":
            raise PgiFormatError("An entropy-coded part cannot be decoded.") from error
        raise


class WordReader:
    """Reads an entropy-coded part.

    Args:
        data: the bytes.

    Raises:
        PgiFormatError: they cannot be such a part.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) % 4:
            raise PgiFormatError("An entropy-coded part is not a whole number of 32-bit words.")
        words = np.frombuffer(data, "<u4").astype(np.uint32)
        if len(words) and words[-1] == 0:
            raise PgiFormatError("An entropy-coded part ends with a zero word.")
        self._coder = constriction.stream.stack.AnsCoder(words)

    def symbols(self, model: Any, count: int) -> NDArray[np.int32]:
        """The next symbols, all of one distribution.

        Raises:
            PgiFormatError: they cannot be read.
        """
        with _damage():
            found: NDArray[np.int32] = self._coder.decode(model, count)
        return found

    def finish(self) -> None:
        """Check that nothing is left.

        Raises:
            PgiFormatError: something is.
        """
        if not self._coder.is_empty():
            raise PgiFormatError("An entropy-coded part holds more than its symbols.")


class SegmentReader(WordReader):
    """Reads what :func:`encode_segments` wrote, segment by segment.

    Args:
        cdfs: the rows.
        data: the bytes.

    Raises:
        PgiFormatError: they cannot be such a stream.
    """

    def __init__(self, cdfs: CdfTable, data: bytes) -> None:
        super().__init__(data)
        self._cdfs = cdfs

    def read(self, counts: NDArray[np.int64]) -> NDArray[np.int32]:
        """The symbols of a segment, row by row.

        Args:
            counts: ``(ROWS,)`` or more, how many symbols each row has; row 0 none.

        Raises:
            PgiFormatError: a symbol is beyond what any encoder writes.
        """
        rows = np.flatnonzero(counts)
        if not len(rows):
            return np.zeros(0, np.int32)
        cdfs, sizes, decode = self._cdfs, counts[rows], self._coder.decode
        models = cdfs.models(rows.tolist())
        with _damage():
            runs = [decode(model, size) for model, size in zip(models, sizes.tolist(), strict=True)]
        symbols: NDArray[np.int32] = np.concatenate(runs)
        bounds = np.repeat(cdfs.bounds[rows], sizes)
        symbols -= bounds
        beyond = np.flatnonzero(symbols > bounds)
        if len(beyond):
            # An escape reads as bound + 1, which is also the smallest magnitude it can stand for.
            with _damage():
                tail = decode(cdfs.excess, len(beyond))
            magnitude = symbols[beyond] + tail // 2
            if magnitude.max() > LARGEST:
                raise PgiFormatError("A symbol is larger than the format allows.")
            symbols[beyond] = np.where(tail % 2, -magnitude, magnitude)
        return symbols
