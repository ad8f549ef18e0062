"""Clips as sequences, beside independent pictures and video codecs (A-6.3.2.2c)."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from statistics import mean, median
from typing import TYPE_CHECKING

import numpy as np

from ...api import PgiFile, SequenceWriter
from ...errors import PgiOptionError
from .bdrate import bd_rate
from .bench_pictures import find_samples
from .printed_tables import new_table
from .sequence_peers import CLIP_CODECS, code_clip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from rich.table import Table

__all__ = [
    "ClipCosts",
    "ClipRow",
    "clip_table",
    "cost_table",
    "find_clip",
    "measure_clip",
    "measure_costs",
]

_SEEKS = 7


@dataclass(frozen=True, slots=True)
class ClipRow:
    """A clip by one codec at one quality.

    Attributes:
        clip: name of its folder.
        codec: of :data:`.sequence_peers.CLIP_CODECS`.
        quality: of the codec.
        frames: how many.
        total_bytes: of all of them.
        psnr: mean over frames, in dB.
        encode_s, decode_s: processor seconds.
    """

    clip: str
    codec: str
    quality: int
    frames: int
    total_bytes: float
    psnr: float
    encode_s: float
    decode_s: float


@dataclass(frozen=True, slots=True)
class ClipCosts:
    """What frames of a sequence cost beside its key frame.

    Attributes:
        clip: name of its folder.
        quality: 1 to 100.
        frames, keys: how many there are, and how many of them are key frames.
        key_bytes: median of key frames.
        change_bytes: median of change frames.
        same_frames: change frames in which nothing changed.
        same_bytes: median of those, with all that the file spends on a frame; NaN if there are none.
        same_encode: their processor time against that of a key frame; NaN likewise.
        changed_share: mean share of positions that changed, over change frames.
        seek: processor time to decode a frame somewhere in the file, against that of the key frame.
    """

    clip: str
    quality: int
    frames: int
    keys: int
    key_bytes: float
    change_bytes: float
    same_frames: int
    same_bytes: float
    same_encode: float
    changed_share: float
    seek: float


def find_clip(folder: Path, limit: int | None = None) -> list[NDArray[np.uint8]]:
    """The frames of a clip, in the order of their names.

    Args:
        folder: with pictures of one size.
        limit: frames at most.

    Raises:
        PgiOptionError: there are fewer than two, or of different sizes.
    """
    samples = [sample for sample in find_samples([folder]) if sample.part == "whole"]
    frames = [sample.load() for sample in samples[:limit]]
    if len(frames) < 2 or len({frame.shape for frame in frames}) > 1:
        raise PgiOptionError(f"{folder.name} is no clip: it takes two or more pictures of one size.")
    return frames


def measure_clip(
    name: str, frames: Sequence[NDArray[np.uint8]], codecs: Sequence[str], done: Callable[[str], None]
) -> list[ClipRow]:
    """Code a clip with several codecs at several qualities.

    Args:
        name: of the clip.
        frames: of it.
        codecs: of :data:`.sequence_peers.CLIP_CODECS`.
        done: called after each point, with the name of the codec.
    """
    rows = []
    for codec in codecs:
        for quality in CLIP_CODECS[codec][1]:
            found = code_clip(codec, frames, quality)
            total = sum(found.frame_bytes)
            rows.append(
                ClipRow(
                    name,
                    codec,
                    quality,
                    len(frames),
                    total,
                    mean(found.psnr),
                    found.encode_s,
                    found.decode_s,
                )
            )
            done(codec)
    return rows


def clip_table(rows: Sequence[ClipRow]) -> Table:
    """BD-rates of our sequences against the other codecs, clip by clip."""
    peers = [codec for codec in dict.fromkeys(row.codec for row in rows) if codec != "pgic"]
    table = new_table(
        "Sequences of .pgi: BD-rate (mean PSNR of frames; below zero: fewer bytes)",
        ["clip"],
        ["frames", *(f"against {peer}" for peer in peers)],
    )
    sums: dict[str, list[float]] = {peer: [] for peer in peers}
    for clip in dict.fromkeys(row.clip for row in rows):
        own = [row for row in rows if row.clip == clip]
        curves = {
            codec: [(row.total_bytes, row.psnr) for row in own if row.codec == codec]
            for codec in ("pgic", *peers)
        }
        cells = []
        for peer in peers:
            found = bd_rate(curves[peer], curves["pgic"])
            cells.append("-" if found is None else f"{found:+.1f} %")
            if found is not None:
                sums[peer].append(found)
        table.add_row(clip, str(own[0].frames), *cells)
    table.add_row("mean", "", *(f"{mean(sums[p]):+.1f} %" if sums[p] else "-" for p in peers))
    return table


def measure_costs(name: str, frames: Sequence[NDArray[np.uint8]], quality: int) -> ClipCosts:
    """What the frames of a sequence take.

    Args:
        name: of the clip.
        frames: of it.
        quality: 1 to 100.
    """
    file = io.BytesIO()
    sizes, times, keys = [], [], []
    with SequenceWriter(file, quality=quality, sync=False) as writer:
        for frame in frames:
            start = time.process_time()
            written = writer.append(frame)
            times.append(time.process_time() - start)
            sizes.append(float(written.bytes))
            keys.append(written.key)
    with PgiFile(file.getvalue()) as opened:
        shares = [0.0 if key else opened.changes(number).share for number, key in enumerate(keys)]
        seek = _seek_ratio(file.getvalue(), len(frames))
    changes = [number for number, key in enumerate(keys) if not key]
    same = [number for number in changes if shares[number] == 0]
    key_s = median(seconds for seconds, key in zip(times, keys, strict=True) if key)
    return ClipCosts(
        name,
        quality,
        len(frames),
        sum(keys),
        median(size for size, key in zip(sizes, keys, strict=True) if key),
        median([sizes[n] for n in changes] or [float("nan")]),
        len(same),
        median([sizes[n] for n in same] or [float("nan")]),
        median([times[n] for n in same] or [float("nan")]) / key_s,
        mean([shares[n] for n in changes] or [float("nan")]),
        seek,
    )


def _seek_ratio(data: bytes, count: int) -> float:
    """Median processor time of a frame, file opened anew, against that of the first frame in turn with it."""
    random, ratios = np.random.default_rng(0), []
    for number in random.permutation(count - 1)[:_SEEKS] + 1:
        seconds = []
        for wanted in (0, int(number)):
            start = time.process_time()
            with PgiFile(data) as opened:
                opened.frame(wanted).decode()
            seconds.append(time.process_time() - start)
        ratios.append(seconds[1] / seconds[0])
    return median(ratios)


def cost_table(rows: Sequence[ClipCosts]) -> Table:
    """What frames cost."""
    table = new_table(
        "Frames of sequences beside their key frames (processor time)",
        ["clip"],
        [
            "quality",
            "frames",
            "keys",
            "key bytes",
            "change bytes",
            "changed",
            "nothing new",
            "its bytes",
            "its encoding",
            "seek",
        ],
    )
    for row in rows:
        table.add_row(
            row.clip,
            str(row.quality),
            str(row.frames),
            str(row.keys),
            f"{row.key_bytes:,.0f}",
            f"{row.change_bytes:,.0f}",
            f"{row.changed_share:.0%}",
            str(row.same_frames),
            f"{row.same_bytes / row.key_bytes:.2%}",
            f"{row.same_encode:.0%}",
            f"{row.seek:.2f} x",
        )
    return table
