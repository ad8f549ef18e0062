"""The entropy coder of the ``pgic`` feature codec: what is coded when, in which context.

Input is a block array q of integers, (V, C, h, w): V blocks in a (N, rows, columns) grid, C channels. It is
coded one block position (y, x) after the other, for a group of channels and half of the blocks at a time,
so that one step is a long vector whose contexts are all known. The context of a symbol is its *expected
magnitude*, an integer formed from magnitudes that are decoded already:

1. left and upper neighbour in the block, 2. the ring around them, 3. the mean of the channel's block so
far, 4. the mean of the same place in the channel groups before, 5. the same place in the four blocks
around (for the second half of the chessboard of blocks), 6. a constant.

Their weights are fitted to each tensor and sent, one byte each. The expected magnitude selects one of
some 70 adaptive models of a magnitude; sparse places get a model in which a zero costs a hundredth of a
bit, so runs of zeros need no symbol of their own. All of it is integer arithmetic, and probabilities are
integers given as float64, so that every machine builds the same models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import constriction
import numpy as np
import numpy.typing as npt

from pgic_core.errors import PgiFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["decode_blocks", "encode_blocks"]

Ints = npt.NDArray[np.int64]
Magnitudes = npt.NDArray[np.int32]
Counts = npt.NDArray[np.float64]  # whole numbers, as constriction wants them
Grid = tuple[int, int, int]

_UNIT = 256  # expected magnitudes are in 1/256
_WEIGHT_UNIT = 32
_FEATURES = 6
_PAD = 2  # zeros around a block, so that neighbours need no bounds check
_GROUP_ENDS = (1 / 8, 1 / 4, 1 / 2, 1.0)  # channels of a step; later groups know more, so they are larger
_ALPHABET = 18  # magnitudes 0 … 16 (in units of the class's shift), and the escape
_ESCAPE = _ALPHABET - 1
_MAX_BITS = 24  # of an escaped magnitude
_PRIOR_COUNT = 24 * 256  # weight of a model's first guess, in 1/256 symbols
_SEEN = 256
_FIT_ROWS = 1 << 15
_END_BITS = 16
_END_MARK = 0x5A69  # coded last: what decodes to something else was damaged on the way

# Upper bounds of the classes: powers of 2^(1/3), as integers.
_BOUNDS = np.unique(np.floor(np.cumprod(np.full(70, 1.2599210498948732)) + 0.5).astype(np.int64))
_CLASSES = len(_BOUNDS) + 1


def _priors() -> tuple[Counts, list[int]]:
    """First guess of each class (classes, alphabet), and its number of low bits sent plainly (classes)."""
    shifts, tables = [], []
    for upper in [*_BOUNDS.tolist(), 2 * int(_BOUNDS[-1])]:
        shift = max(0, (upper // (3 * _UNIT)).bit_length() - 1)
        mean = upper * 0.9 / (_UNIT << shift)
        ratio, mass, row = mean / (1 + mean), 1.0, []
        for _ in range(_ESCAPE):
            row.append(mass * (1 - ratio))
            mass *= ratio
        row.append(mass)
        tables.append([int(p * _PRIOR_COUNT) + 1 for p in row])
        shifts.append(shift)
    return np.array(tables, np.float64), shifts


_PRIORS, _SHIFTS = _priors()


@dataclass
class _Step:
    """One vector of symbols: block place, channels, blocks, and which set of weights it uses."""

    y: int
    x: int
    channels: slice
    blocks: Ints
    weights: int


class _Coder:
    """Adaptive models over constriction's range coder; ``code`` both writes and reads."""

    def __init__(self, words: npt.NDArray[np.uint32] | None) -> None:
        self.reading = words is not None
        self.stream: Any = (
            constriction.stream.queue.RangeEncoder()
            if words is None
            else constriction.stream.queue.RangeDecoder(words)
        )
        self.magnitudes = _PRIORS.copy()
        self.signs = np.full((6, 2), 128.0)
        self.lengths = np.full(_MAX_BITS + 1, 16.0)

    def symbols(self, counts: Counts, values: Magnitudes | None, amount: int) -> Magnitudes:
        """Code ``amount`` symbols by one adaptive model, and let the model learn them."""
        model = constriction.stream.model.Categorical(counts, perfect=False)
        out = self._run(model, values, amount)
        counts += _SEEN * np.bincount(out, minlength=len(counts))
        return out

    def plain_bits(self, bits: int, values: Magnitudes | None, amount: int) -> Magnitudes:
        """Code ``amount`` numbers of ``bits`` bits without a model."""
        return self._run(constriction.stream.model.Uniform(1 << bits), values, amount)

    def _run(self, model: Any, values: Magnitudes | None, amount: int) -> Magnitudes:
        if values is None:
            out: Magnitudes = self.stream.decode(model, amount)
            return out
        self.stream.encode(values, model)
        return values


def encode_blocks(q: Magnitudes, grid: Grid) -> bytes:
    """Code a block array; see the module for how.

    Args:
        q: int32 (V, C, h, w), magnitudes below 2**24.
        grid: (N, rows, columns) with product V.
    """
    steps = list(_steps(q.shape, grid))
    places = np.ascontiguousarray(q.transpose(2, 3, 0, 1))
    weights = _fit_weights(places, steps, grid)
    coder = _Coder(None)
    _walk(coder, places, steps, weights, grid)
    coder.plain_bits(_END_BITS, np.array([_END_MARK], np.int32), 1)
    used = bytes(weights[sorted({step.weights for step in steps})].astype(np.uint8).ravel())
    words: npt.NDArray[np.uint32] = coder.stream.get_compressed()
    return used + words.astype("<u4").tobytes()


def decode_blocks(data: bytes, shape: tuple[int, int, int, int], grid: Grid) -> Magnitudes:
    """The exact inverse of :func:`encode_blocks`.

    Raises:
        PgiFormatError: the bytes are no such stream.
    """
    steps = list(_steps(shape, grid))
    sets = sorted({step.weights for step in steps})
    size = len(sets) * _FEATURES
    if len(data) < size or (len(data) - size) % 4:
        raise PgiFormatError("The coded samples of a feature map are cut short.")
    weights = np.zeros((4, _FEATURES), np.int64)
    weights[sets] = np.frombuffer(data, np.uint8, size).reshape(-1, _FEATURES)
    coder = _Coder(np.frombuffer(data, "<u4", offset=size).astype(np.uint32))
    count, channels, height, width = shape
    places = np.zeros((height, width, count, channels), np.int32)
    try:
        _walk(coder, places, steps, weights, grid)
        whole = coder.plain_bits(_END_BITS, None, 1)[0] == _END_MARK
    except (
        AssertionError,
        ValueError,
        OverflowError,
    ):  # how constriction says that the bytes are none of its own
        whole = False
    if not whole:
        raise PgiFormatError("The coded samples of a feature map are damaged.")
    return places.transpose(2, 3, 0, 1)


def _steps(shape: tuple[int, ...], grid: Grid) -> Iterator[_Step]:
    count, channels, height, width = shape
    number = np.arange(count).reshape(grid)
    odd = (np.indices(grid)[1] + np.indices(grid)[2]) % 2 == 1
    halves = [(0, number[~odd]), (1, number[odd])]
    ends = sorted({max(1, round(channels * end)) for end in _GROUP_ENDS})
    for y in range(height):
        for x in range(width):
            for first, end in zip([0, *ends], ends, strict=False):
                for half, blocks in halves:
                    if len(blocks):
                        yield _Step(y, x, slice(first, end), blocks, 2 * (first > 0) + half)


class _Known:
    """Magnitudes decoded so far, and what contexts are made of."""

    def __init__(self, shape: tuple[int, ...], grid: Grid) -> None:
        height, width, count, channels = shape
        self.grid = grid
        self.width = width
        self.size = np.zeros((height + _PAD, width + 2 * _PAD, count, channels), np.int32)
        self.negative_left = np.zeros((count, channels), np.int8)  # sign of the sample to the left
        self.total = np.zeros((count, channels), np.int64)

    def estimate(self, number: int, step: _Step) -> Ints:
        """Estimate ``number`` of the magnitudes, in 1/256: int64, broadcast to (blocks, channels)."""
        y, x, blocks, part = step.y + _PAD, step.x + _PAD, step.blocks, step.channels

        def at(row: int, column: int) -> Ints:
            return self.size[row, column, blocks, part].astype(np.int64)

        match number:
            case 0:
                return (at(y, x - 1) + at(y - 1, x)) * (_UNIT // 2)
            case 1:
                ring = at(y - 1, x - 1) + at(y - 1, x + 1) + at(y, x - 2) + at(y - 2, x)
                return ring * (_UNIT // 4)
            case 2:
                return self.total[blocks, part] * _UNIT // max(1, step.y * self.width + step.x)
            case 3:
                before = self.size[y, x][blocks, : part.start].sum(axis=1, dtype=np.int64, keepdims=True)
                mean: Ints = before * _UNIT // max(1, part.start)
                return mean
            case 4:
                return self._around(step)
            case _:
                return np.array([[_UNIT // 8]])

    def expected(self, step: _Step, weights: Ints) -> Ints:
        """Expected magnitudes, int64 (blocks, channels), in 1/256."""
        total = np.zeros((len(step.blocks), step.channels.stop - step.channels.start), np.int64)
        for number, weight in enumerate(weights.tolist()):
            if weight:
                total += weight * self.estimate(number, step)
        return total // _WEIGHT_UNIT

    def _around(self, step: _Step) -> Ints:
        if not step.weights % 2:
            return np.zeros((1, 1), np.int64)
        here = self.size[step.y + _PAD, step.x + _PAD][:, step.channels]
        grid = here.reshape(*self.grid, -1)
        total = np.zeros(grid.shape, np.int64)
        total[:, 1:] += grid[:, :-1]
        total[:, :-1] += grid[:, 1:]
        total[:, :, 1:] += grid[:, :, :-1]
        total[:, :, :-1] += grid[:, :, 1:]
        return total.reshape(here.shape)[step.blocks] * (_UNIT // 4)

    def learn(self, step: _Step, values: Ints) -> None:
        """Take note of decoded (signed) values, int64 (blocks, channels)."""
        size = np.minimum(np.abs(values), 1 << 15)
        self.size[step.y + _PAD, step.x + _PAD, step.blocks, step.channels] = size
        self.total[step.blocks, step.channels] += size
        self.negative_left[step.blocks, step.channels] = np.sign(values)


def _walk(coder: _Coder, places: Magnitudes, steps: list[_Step], weights: Ints, grid: Grid) -> None:
    """Write or read ``places``, (h, w, V, C)."""
    known = _Known(places.shape, grid)
    for step in steps:
        classes = np.searchsorted(_BOUNDS, known.expected(step, weights[step.weights]).ravel())
        here = places[step.y, step.x]
        values = None if coder.reading else here[step.blocks, step.channels].ravel()
        sides = (
            known.negative_left[step.blocks, step.channels].ravel() + 1
            if step.x
            else np.ones(len(classes), np.int8)
        )
        coded = _code_step(coder, values, classes, sides + 3 * (step.x == 0 and step.y == 0))
        coded = coded.reshape(len(step.blocks), -1)
        known.learn(step, coded)
        if coder.reading:
            here[step.blocks, step.channels] = coded


def _code_step(
    coder: _Coder, values: Magnitudes | None, classes: Ints, sign_contexts: npt.NDArray[np.integer]
) -> Ints:
    """Code one vector of signed values, given the class of each."""
    order = np.argsort(classes, kind="stable")
    sizes = None if values is None else np.abs(values[order])
    counts = np.bincount(classes)
    parts = []
    end = 0
    for number in counts.nonzero()[0].tolist():
        begin, end = end, end + int(counts[number])
        mine = None if sizes is None else sizes[begin:end]
        parts.append(_code_magnitudes(coder, number, mine, end - begin))
    coded = np.empty(len(classes), np.int64)
    coded[order] = np.concatenate(parts)
    nonzero = coded.nonzero()[0]
    contexts = sign_contexts[nonzero]
    for context in np.bincount(contexts).nonzero()[0].tolist():
        where = nonzero[contexts == context]
        given = None if values is None else (values[where] < 0).astype(np.int32)
        coded[where] *= 1 - 2 * coder.symbols(coder.signs[context], given, len(where))
    return coded


def _code_magnitudes(
    coder: _Coder, number: int, sizes: Magnitudes | None, amount: int
) -> npt.NDArray[np.integer]:
    """Code magnitudes of one class; damaged streams may say more than 32 bits."""
    shift = _SHIFTS[number]
    tops = None if sizes is None else sizes >> shift
    given = None if tops is None else np.minimum(tops, _ESCAPE)
    coded: npt.NDArray[np.integer] = coder.symbols(coder.magnitudes[number], given, amount)
    if coded.max() == _ESCAPE:
        escaped = (coded == _ESCAPE).nonzero()[0]
        coded = coded.astype(np.int64)
        coded[escaped] += _code_beyond(coder, None if tops is None else tops[escaped] - _ESCAPE, len(escaped))
    if shift:
        low = None if sizes is None else sizes & ((1 << shift) - 1)
        coded = coded.astype(np.int64) << shift | coder.plain_bits(shift, low, amount)
    return coded


def _code_beyond(coder: _Coder, beyond: Magnitudes | None, amount: int) -> Ints:
    """Code numbers from 0, each plus one, by its length and then its bits below the leading one."""
    plus = None if beyond is None else beyond + 1
    bits = None if plus is None else np.frexp(plus.astype(np.float64))[1].astype(np.int32) - 1
    lengths = coder.symbols(coder.lengths, bits, amount)
    out = (1 << lengths.astype(np.int64)) - 1
    for length in np.unique(lengths[lengths > 0]).tolist():
        where = (lengths == length).nonzero()[0]
        rest = None if plus is None else plus[where] - (1 << length)
        out[where] += coder.plain_bits(length, rest, len(where))
    return out


def _fit_weights(places: Magnitudes, steps: list[_Step], grid: Grid) -> Ints:
    """Least squares, each sample weighed by its expected spread, with no weight below zero."""
    known = _Known(places.shape, grid)
    rows: dict[int, list[Ints]] = {}
    sizes: dict[int, list[Ints]] = {}
    stride = max(1, places.size // _FIT_ROWS)
    for number, step in enumerate(steps):
        values = places[step.y, step.x, step.blocks, step.channels].astype(np.int64)
        some = slice(number % stride, None, stride)
        estimates = [np.broadcast_to(known.estimate(i, step), values.shape) for i in range(_FEATURES)]
        rows.setdefault(step.weights, []).append(np.stack([e.ravel()[some] for e in estimates]))
        sizes.setdefault(step.weights, []).append(np.abs(values).ravel()[some])
        known.learn(step, values)
    weights = np.zeros((4, _FEATURES), np.int64)
    for which, parts in rows.items():
        x = np.concatenate(parts, axis=1).astype(np.float64) / _UNIT
        y = np.concatenate(sizes[which]).astype(np.float64)
        weights[which] = np.clip(np.rint(_spread_fit(x, y) * _WEIGHT_UNIT), 0, 255)
        weights[which, -1] = max(1, weights[which, -1])
    return weights


def _spread_fit(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    active = np.abs(x).sum(axis=1) > 0
    weights = np.zeros(len(x))
    expected = np.full(len(y), y.mean() if len(y) else 0.0)
    for _ in range(4):
        scaled = x / (expected + 0.05) ** 2
        keep = active.copy()
        while keep.any():
            solution = np.linalg.lstsq(scaled[keep] @ x[keep].T, scaled[keep] @ y, rcond=None)[0]
            if (solution >= 0).all():
                break
            lost = np.flatnonzero(keep)
            keep[lost[solution < 0]] = False
        weights[:] = 0
        if keep.any():
            weights[keep] = solution
        expected = np.maximum(weights @ x, 0)
    return weights
