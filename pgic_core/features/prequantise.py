"""Prequantisation: float feature maps to the 8, 10 or 12-bit samples a video codec takes (B-1).

Three scalar quantisers, each for the whole tensor or for every channel by itself:

* ``uniform``: equal steps between the smallest and the largest value;
* ``log``: equal steps of a signed logarithm, fine near zero and coarse far from it;
* ``lloyd``: intervals fitted to the values by Lloyd's iteration (least squared error), each
  reconstructed at its middle, as document B describes its custom scalar quantiser.

Whatever the kind, the decoder sees a table of levels: reconstruction is one look-up.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from pgic_core.errors import PgiFormatError, PgiOptionError

__all__ = ["BIT_DEPTHS", "QUANTISERS", "Quantiser", "QuantiserKind", "fit_quantiser"]

QuantiserKind = Literal["uniform", "log", "lloyd"]
QUANTISERS: tuple[QuantiserKind, ...] = get_args(QuantiserKind)
BIT_DEPTHS = (8, 10, 12)

_GRID = 65_535  # interval edges are stored on a 16-bit grid between lo and hi
_PACKED = 0x20  # flag of a table stored as zlib
_LARGEST_TABLE = 48 << 20  # bytes; a forged number of channels must not let a few kilobytes inflate to 100 GB
_FIT_SAMPLES = 1 << 18
_FIT_ROUNDS = 40
# From this share of exact lower bounds on (what a ReLU leaves), the bound gets an interval of its own.
_SPIKE = 0.05

Floats = npt.NDArray[np.float32]
Samples = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Quantiser:
    """A fitted scalar quantiser.

    Attributes:
        kind: which rule.
        bits: 8, 10 or 12.
        per_channel: whether each channel has its own row of parameters.
        ranges: float32 (rows, 2), smallest and largest value; rows is 1 or the number of channels.
        extra: for ``log`` float32 (rows,), the value below which steps are nearly even; for ``lloyd``
            uint16 (rows, 2**bits - 1), the inner interval edges on a 16-bit grid, ascending; else empty.
    """

    kind: QuantiserKind
    bits: int
    per_channel: bool
    ranges: Floats
    extra: npt.NDArray[Any] = field(default_factory=lambda: np.zeros(0, np.float32))

    @property
    def levels(self) -> Floats:
        """Reconstruction values, float32 (rows, 2**bits), ascending along the row."""
        low, high = (self.ranges[:, i : i + 1].astype(np.float64) for i in (0, 1))
        steps = np.linspace(0.0, 1.0, 1 << self.bits)[None]
        if self.kind == "uniform":
            table = low + steps * (high - low)
        elif self.kind == "log":
            scale = self.extra[:, None].astype(np.float64)
            bent = _bend(low, scale) + steps * (_bend(high, scale) - _bend(low, scale))
            table = np.sign(bent) * np.expm1(np.abs(bent)) * scale
        else:
            edges = _full_edges(self.extra.astype(np.float64))
            table = low + (edges[:, 1:] + edges[:, :-1]) * (0.5 / _GRID) * (high - low)
        limit = np.finfo(np.float32).max
        return np.clip(table, -limit, limit).astype(np.float32)

    def quantise(self, values: Floats) -> Samples:
        """Interval numbers of the values.

        Args:
            values: float32 (N, C, H, W).

        Returns:
            uint16, the same shape, 0 … 2**bits - 1.
        """
        top = (1 << self.bits) - 1
        out = np.empty(values.shape, np.uint16)
        for row in range(len(self.ranges)):
            part = values[:, row : row + 1] if self.per_channel else values
            low, high = (float(v) for v in self.ranges[row])
            if self.kind == "lloyd":
                inner = low + self.extra[row].astype(np.float64) / _GRID * (high - low)
                # 'left' puts a value that lies on an edge below it, so that an empty first interval holds lo.
                index = np.searchsorted(inner, part.astype(np.float64).ravel(), side="left")
                part_out = index.reshape(part.shape)
            else:
                wide: npt.NDArray[np.float64] = part.astype(np.float64)
                if self.kind == "log":
                    scale = float(self.extra[row])
                    wide = _bend(wide, scale)
                    low, high = (float(_bend(v, scale)) for v in (low, high))
                part_out = np.rint((wide - low) * (top / (high - low) if high > low else 0.0))
            target = out[:, row : row + 1] if self.per_channel else out
            target[...] = np.clip(part_out, 0, top)
        return out

    def dequantise(self, samples: npt.NDArray[np.integer]) -> Floats:
        """Mid-point reconstruction of interval numbers, float32; samples above the table are clipped."""
        levels = self.levels
        samples = np.minimum(samples, (1 << self.bits) - 1)
        if not self.per_channel:
            whole: Floats = levels[0][samples]
            return whole
        out = np.empty(samples.shape, np.float32)
        for channel, row in enumerate(levels):
            out[:, channel] = row[samples[:, channel]]
        return out

    def to_bytes(self) -> bytes:
        """The parameters as they stand in the stream.

        Raises:
            PgiOptionError: there are too many for a reader.
        """
        raw = self.ranges.astype("<f4").tobytes()
        if self.kind == "log":
            raw += self.extra.astype("<f4").tobytes()
        elif self.kind == "lloyd":
            edges = self.extra.astype(np.int32)
            deltas = np.diff(edges, axis=1, prepend=0).astype("<u2")
            planes = deltas.view(np.uint8).reshape(*deltas.shape, 2)  # high bytes apart: they are mostly zero
            raw += planes[..., 1].tobytes() + planes[..., 0].tobytes()
        if len(raw) > _LARGEST_TABLE:
            raise PgiOptionError(
                f"A quantiser of {self.bits} bits for each of {len(self.ranges):,} channels is too large."
            )
        head = QUANTISERS.index(self.kind) | BIT_DEPTHS.index(self.bits) << 2 | self.per_channel << 4
        packed = zlib.compress(raw, 9)
        if len(packed) + 4 < len(raw):
            return struct.pack("<BI", head | _PACKED, len(packed)) + packed
        return bytes([head]) + raw

    @classmethod
    def from_bytes(cls, data: bytes | memoryview, channels: int) -> tuple[Quantiser, int]:
        """Read what :meth:`to_bytes` wrote.

        Args:
            data: bytes that start with the parameters.
            channels: of the tensor, which a per-channel table must fit.

        Returns:
            The quantiser and the number of bytes read.

        Raises:
            PgiFormatError: the bytes break the rules above.
        """
        if len(data) < 5:
            raise PgiFormatError("The quantiser of a feature map is cut short.")
        head = data[0]
        kind_id, depth_id, per_channel = head & 3, head >> 2 & 3, bool(head >> 4 & 1)
        if kind_id >= len(QUANTISERS) or depth_id >= len(BIT_DEPTHS) or head > 0x3F:
            raise PgiFormatError(f"A feature map names quantiser {head}, which does not exist.")
        kind, bits, rows = QUANTISERS[kind_id], BIT_DEPTHS[depth_id], channels if per_channel else 1
        inner = (1 << bits) - 1
        raw_size = rows * {"uniform": 8, "log": 12, "lloyd": 8 + 2 * inner}[kind]
        if raw_size > _LARGEST_TABLE:
            raise PgiFormatError("A feature map announces more quantiser parameters than the format allows.")
        start, stored = 1, raw_size
        if head & _PACKED:
            start, stored = 5, struct.unpack_from("<I", data, 1)[0]
        body = data[start : start + stored]
        if len(body) != stored:
            raise PgiFormatError("The quantiser of a feature map is cut short.")
        if head & _PACKED:
            try:
                body = zlib.decompressobj().decompress(body, raw_size + 1)
            except zlib.error as error:
                raise PgiFormatError(f"The quantiser of a feature map cannot be unpacked: {error}.") from None
        if len(body) != raw_size:
            raise PgiFormatError("The quantiser of a feature map does not unpack to its size.")
        ranges = np.frombuffer(body, "<f4", rows * 2).reshape(rows, 2).astype(np.float32)
        if not np.isfinite(ranges).all() or (ranges[:, 1] < ranges[:, 0]).any():
            raise PgiFormatError("The value range of a feature map is not a range of numbers.")
        extra: npt.NDArray[Any] = np.zeros(0, np.float32)
        if kind == "log":
            extra = np.frombuffer(body, "<f4", rows, rows * 8).astype(np.float32)
            if not (np.isfinite(extra).all() and (extra > 0).all()):
                raise PgiFormatError("The logarithm of a feature map's quantiser has no positive scale.")
        elif kind == "lloyd":
            planes = np.frombuffer(body, np.uint8, rows * inner * 2, rows * 8).reshape(2, rows, inner)
            edges = np.cumsum(planes[0].astype(np.uint32) * 256 + planes[1], axis=1, dtype=np.uint32)
            if (edges > _GRID).any():
                raise PgiFormatError("The intervals of a feature map's quantiser leave its range.")
            extra = edges.astype(np.uint16)
        return cls(kind, bits, per_channel, ranges, extra), start + stored


def fit_quantiser(values: Floats, kind: QuantiserKind, bits: int, *, per_channel: bool = False) -> Quantiser:
    """Fit a quantiser to a feature map.

    Args:
        values: float32 (N, C, H, W), finite.
        kind: "uniform", "log" or "lloyd".
        bits: 8, 10 or 12.
        per_channel: one row of parameters per channel. Pays where channels differ a lot in scale; the
            table is part of the stream (8 bytes a channel, far more for ``lloyd``).

    Raises:
        PgiOptionError: an unknown kind or depth.
    """
    if kind not in QUANTISERS:
        raise PgiOptionError(f"quantiser must be one of {', '.join(QUANTISERS)}, not {kind!r}.")
    if bits not in BIT_DEPTHS:
        raise PgiOptionError(f"bits must be 8, 10 or 12, not {bits!r}.")
    rows = [values[:, c] for c in range(values.shape[1])] if per_channel else [values]
    ranges = np.array([(row.min(), row.max()) for row in rows], np.float32)
    extra: npt.NDArray[Any] = np.zeros(0, np.float32)
    if kind == "log":
        scales = np.array([np.abs(_sample(row), dtype=np.float64).mean() / 8 for row in rows])
        extra = np.maximum(scales, np.finfo(np.float32).tiny).astype(np.float32)
    elif kind == "lloyd":
        extra = np.stack(
            [
                _lloyd(_sample(row), low, high, bits)
                for row, (low, high) in zip(rows, ranges.tolist(), strict=True)
            ]
        )
    return Quantiser(kind, bits, per_channel, ranges, extra)


def _bend(values: Any, scale: Any) -> Any:
    """Signed logarithm of a number or an array."""
    return np.sign(values) * np.log1p(np.abs(values) / scale)


def _sample(values: Floats) -> Floats:
    """At most 2**18 of the values, evenly spread: enough to fit 4096 levels."""
    flat = values.ravel()
    return flat[:: max(1, -(-flat.size // _FIT_SAMPLES))]


def _full_edges(inner: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    rows = len(inner)
    return np.concatenate([np.zeros((rows, 1)), inner, np.full((rows, 1), float(_GRID))], axis=1)


def _lloyd(values: Floats, low: float, high: float, bits: int) -> Samples:
    """Inner edges, uint16 (2**bits - 1,), of least squared error for the values."""
    inner = (1 << bits) - 1
    if high <= low:
        return np.zeros(inner, np.uint16)
    points = np.sort((values.astype(np.float64) - low) * (_GRID / (high - low)))
    spike = float((points == 0).mean()) >= _SPIKE
    if spike:
        points = points[points > 0]
    count = inner if spike else inner + 1
    # Where squared error counts, intervals want the density to the power 1/3: start from there.
    density, bounds = np.histogram(points, bins=1024, range=(0, _GRID))
    mass = np.cumsum(np.cbrt(density.astype(np.float64)) + 1e-3)
    centres = np.interp((np.arange(count) + 0.5) / count * mass[-1], mass, bounds[1:])
    start = _between(centres, spike)
    sums = np.concatenate([[0.0], np.cumsum(points)])
    for _ in range(_FIT_ROUNDS):
        edges = (centres[1:] + centres[:-1]) / 2
        cuts = np.concatenate([[0], np.searchsorted(points, edges), [len(points)]])
        filled = np.diff(cuts)
        moved = np.where(filled > 0, np.diff(sums[cuts]) / np.maximum(filled, 1), centres)
        if np.abs(moved - centres).max() < 0.25:
            break
        centres = np.maximum.accumulate(moved)
    # Lloyd's centres are means, but reconstruction is at the middle: where values are few, the two part.
    # Take what is best as it will be used, from even intervals over the start to the fitted ones.
    even = np.linspace(0, _GRID, count + 1)[:-1] if spike else np.linspace(0, _GRID, count + 1)[1:-1]
    fitted = _between(centres, spike)
    choices = [even, start, fitted, (even + start) / 2, (even + fitted) / 2]
    rounded = [np.clip(np.rint(edges), 0, _GRID) for edges in choices]
    return min(rounded, key=lambda edges: _error(points, edges)).astype(np.uint16)


def _between(centres: npt.NDArray[np.float64], spike: bool) -> npt.NDArray[np.float64]:
    edges = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[0.0], edges]) if spike else edges


def _error(points: npt.NDArray[np.float64], inner: npt.NDArray[np.float64]) -> float:
    edges = _full_edges(inner[None])[0]
    index = np.searchsorted(inner, points, side="left")
    return float(((points - (edges[index] + edges[index + 1]) / 2) ** 2).sum())
