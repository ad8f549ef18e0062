"""How well the change map of a sequence finds what was pasted into photographs."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...api import PgiFile, SequenceWriter
from ...codec.tiles_and_windows import Z_STRIDE
from .printed_tables import new_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from rich.table import Table

    from .bench_pictures import Sample

__all__ = ["TruthRow", "measure_truth", "truth_table"]

_NOISE = (1.0, 2.0, 4.0)
"""Standard deviations of sensor noise, in grey levels."""
_OBJECTS = 3
_SIDES = 24, 200
_LEAST_CHANGE = 12
"""An object counts where it differs from the background by so many grey levels on average."""
_LIGHTS = 0.75, 1.3
_SIDE = 1024


@dataclass(frozen=True, slots=True)
class TruthRow:
    """One photograph with a change, after the same photograph without it.

    Attributes:
        picture: its name.
        noise: standard deviation of the noise of both, in grey levels.
        kind: "noise" for nothing else, "object" or "light".
        found, missed, false: blocks of 64 x 64 pixels: changed and found, changed and not found, found and
            not changed.
        blocks: all of them.
    """

    picture: str
    noise: float
    kind: str
    found: int
    missed: int
    false: int
    blocks: int


def measure_truth(samples: Sequence[Sample], quality: int) -> Iterator[TruthRow]:
    """Paste changes into photographs, and read them from change maps.

    Args:
        samples: photographs; of each the upper left 1024 x 1024 pixels count.
        quality: of the sequences.

    Yields:
        A row for each photograph, noise and kind of change.
    """
    for number, sample in enumerate(samples):
        photo = np.ascontiguousarray(sample.load()[:_SIDE, :_SIDE])
        random = np.random.default_rng(number)
        for noise in _NOISE:
            for kind in ("noise", "object", "light"):
                changed, mask = _with_change(photo, kind, random)
                pair = [_noisy(picture, noise, random) for picture in (photo, changed)]
                yield _row(sample.path.name, noise, kind, pair, mask, quality)


def _row(
    name: str,
    noise: float,
    kind: str,
    pair: Sequence[NDArray[np.uint8]],
    mask: NDArray[np.bool_],
    quality: int,
) -> TruthRow:
    file = io.BytesIO()
    with SequenceWriter(file, quality=quality, sync=False) as writer:
        for picture in pair:
            writer.append(picture)
    with PgiFile(file.getvalue()) as opened:
        found = opened.changes(1).blocks > 0
    truth = _blocks(mask)
    return TruthRow(
        name,
        noise,
        kind,
        int((found & truth).sum()),
        int((truth & ~found).sum()),
        int((found & ~truth).sum()),
        truth.size,
    )


def _with_change(
    photo: NDArray[np.uint8], kind: str, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The photograph with a change of some kind, and which pixels changed."""
    height, width = photo.shape[:2]
    picture, mask = photo.astype(np.float32), np.zeros((height, width), np.bool_)
    for _ in range(_OBJECTS if kind != "noise" else 0):
        side = int(random.integers(*_SIDES))
        top, left = (int(random.integers(0, size - side)) for size in (height, width))
        y, x = np.mgrid[:side, :side] - side / 2 + 0.5
        disc = np.hypot(y, x) < side / 2
        here = slice(top, top + side), slice(left, left + side)
        before = picture[here].copy()
        if kind == "object":
            down, right = (int(random.integers(0, size - side)) for size in (height, width))
            after = photo[down : down + side, right : right + side].astype(np.float32)
        else:
            after = np.clip(before * random.choice(_LIGHTS), 0, 255)
        if np.abs(after - before)[disc].mean() >= _LEAST_CHANGE:
            picture[here][disc] = after[disc]
            mask[here] |= disc
    return picture, mask


def _noisy(
    picture: NDArray[np.uint8] | NDArray[np.float32], sigma: float, random: np.random.Generator
) -> NDArray[np.uint8]:
    noise = random.normal(0, sigma, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def _blocks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Blocks of 64 x 64 pixels that hold a changed pixel."""
    height, width = (-(-size // Z_STRIDE) for size in mask.shape)
    whole = np.zeros((height * Z_STRIDE, width * Z_STRIDE), np.bool_)
    whole[: mask.shape[0], : mask.shape[1]] = mask
    return np.asarray(whole.reshape(height, Z_STRIDE, width, Z_STRIDE).any((1, 3)), np.bool_)


def truth_table(rows: Sequence[TruthRow]) -> Table:
    """Intersection over union, and false blocks, by kind and noise."""
    table = new_table(
        "Change maps against what was pasted (blocks of 64 x 64 pixels)",
        ["change", "noise"],
        ["pictures", "IoU", "missed", "false blocks"],
    )
    for kind, noise in dict.fromkeys((row.kind, row.noise) for row in rows):
        own = [row for row in rows if (row.kind, row.noise) == (kind, noise)]
        found, missed, false = (
            sum(getattr(row, name) for row in own) for name in ("found", "missed", "false")
        )
        union, still = found + missed + false, sum(row.blocks for row in own) - found - missed
        table.add_row(
            kind,
            f"{noise:g}",
            str(len(own)),
            f"{found / union:.3f}" if found + missed else "-",
            str(missed),
            f"{false / max(1, still):.2%}",
        )
    return table
