"""Rate and fidelity on trained networks, in the shape of document B's tables 2 to 4 (B-5).

Every row of the table is a network's stage under one codec and packing at one QP: coded bytes over
float32 bytes, fidelity (the share of answers kept, with its 95 % Wilson interval; for the edge network the
Dice overlap of the edge maps at 0.5, with a normal interval), the mean KL divergence of the answers, the
error of the features relative to their variance, and times. Each row works through the photos, evenly
spread over the folder, until its share of the time is used, and says how many it saw.
"""

from __future__ import annotations

import csv
import io
import math
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...container import atomic_write
from ...errors import PgiOptionError, PgiUnsupportedError
from ...features.api import decode_features, encode_features
from ...features.channel_layout import PACKINGS
from .feature_networks import NETWORKS, Staged, load_network
from .wilson_interval import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["COLUMNS", "QPS", "run"]

QPS = (0, 12, 22, 32, 42)
LATE_QPS = (26, 28, 30, 34, 36, 38)  # between, where late stages begin to lose answers
_GOLDEN = (math.sqrt(5) - 1) / 2
_LATE_SIDE = 17  # a stage of stride 16 or more, for inputs up to 272
COLUMNS = (
    "network",
    "stage",
    "shape",
    "codec",
    "packing",
    "qp",
    "images",
    "rate_percent",
    "fidelity_percent",
    "fidelity_low",
    "fidelity_high",
    "kl",
    "feature_nmse",
    "encode_ms",
    "decode_ms",
)


@dataclass
class _Cell:
    """One line of the table, filled photo by photo."""

    codec: str
    packing: str
    qp: int
    rates: list[float] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)
    divergences: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    times: list[tuple[float, float]] = field(default_factory=list)


def run(
    images: Path,
    output: Path | None,
    *,
    networks: tuple[str, ...] = (),
    stages: tuple[str, ...] = (),
    codecs: tuple[str, ...] = (),
    packings: tuple[str, ...] = (),
    qps: tuple[int, ...] = (),
    limit: int = 300,
    seconds: float = 1200.0,
    threads: int = 1,
) -> None:
    """Measure and write the table.

    Args:
        images: folder of photos.
        output: CSV file, or None for standard output.
        networks: names of :data:`~pgic_core.lab.bench.feature_networks.NETWORKS`; empty for all.
        stages, codecs, packings: measure these only; empty for all. The ``pgic`` codec has no packing.
        qps: these instead of :data:`QPS`, and of :data:`LATE_QPS` for our own coder on late stages.
        limit: photos a row sees at most.
        seconds: of this process's time, for everything together; every line sees one photo at least. Late
            stages, for which the document claims kept answers, get most.
        threads: of torch.

    Raises:
        PgiInputError: the table cannot be written.
        PgiOptionError: the folder holds no photos.
        PgiUnsupportedError: torch or a package that carries weights is missing.
    """
    try:
        import torch
    except ImportError:
        raise PgiUnsupportedError("The bench needs torch: pip install 'pgic[torch]'.") from None
    torch.set_num_threads(threads)
    paths = sorted(p for p in images.iterdir() if p.suffix.lower() in {".jpeg", ".jpg", ".png"})
    if not paths:
        raise PgiOptionError(f"{images} holds no photos.")
    # Photos are sorted by class: steps of the golden ratio spread the first of them over the folder.
    order = sorted(range(len(paths)), key=lambda number: number * _GOLDEN % 1)
    paths = [paths[number] for number in order[:limit]]
    names = networks or NETWORKS
    table = _Table(output)
    with torch.inference_mode():
        for name in names:
            network = load_network(name)
            taps, _ = network.taps(network.picture(paths[0]))
            rows = [row for row in network.rows if not stages or row in stages]
            groups = {
                row: _groups(max(taps[row].shape[2:]) <= _LATE_SIDE, codecs, packings, qps) for row in rows
            }
            parts = sum(weight for of_row in groups.values() for weight, _ in of_row)
            for row in rows:
                for line in _measure(network, row, groups[row], paths, seconds / len(names) / parts):
                    table.add([name, row, *line])
                table.save()


def _groups(
    late: bool, codecs: tuple[str, ...], packings: tuple[str, ...], qps: tuple[int, ...]
) -> list[tuple[int, list[_Cell]]]:
    """Lines of one stage that see the same photos, with their share of the time."""
    plan: list[tuple[int, str, str, tuple[int, ...]]]
    plan = [(4 if late else 1, "hevc", packing, qps or QPS) for packing in PACKINGS]
    plan.append((2 if late else 1, "pgic", "", qps or QPS))
    if late and not qps:
        plan.append((12, "pgic", "", LATE_QPS))
    return [
        (weight, [_Cell(codec, packing, qp) for qp in points])
        for weight, codec, packing, points in plan
        if (not codecs or codec in codecs) and (not packings or not packing or packing in packings)
    ]


def _measure(
    network: Staged, row: str, groups: list[tuple[int, list[_Cell]]], paths: list[Path], seconds: float
) -> Iterator[list[Any]]:
    shape = ""
    for weight, cells in groups:
        begin = time.process_time()
        for number, path in enumerate(paths):
            if number and time.process_time() - begin > seconds * weight:
                break
            taps, answer = network.taps(network.picture(path))
            features = taps[row]
            shape = "x".join(str(side) for side in features.shape[1:])
            for cell in cells:
                _fill(cell, network, row, features, taps, answer)
        for cell in cells:
            yield _line(cell, shape, network.classes)


def _fill(cell: _Cell, network: Staged, row: str, features: Any, taps: dict[str, Any], answer: Any) -> None:
    import torch

    plain = features[0].numpy()
    options: dict[str, Any] = {"packing": cell.packing} if cell.packing else {}
    start = time.perf_counter()
    data = encode_features(plain, codec=cell.codec, qp=cell.qp, **options)  # type: ignore[arg-type]
    middle = time.perf_counter()
    decoded = decode_features(data)
    cell.times.append((middle - start, time.perf_counter() - middle))
    assert isinstance(decoded, np.ndarray)
    cell.rates.append(len(data) / plain.nbytes)
    cell.errors.append(float(((decoded - plain) ** 2).mean() / max(float(plain.var()), 1e-12)))
    got = network.finish(row, torch.from_numpy(decoded)[None], taps)
    if got is None:
        return
    if network.classes:
        before, after = torch.log_softmax(answer, 1), torch.log_softmax(got, 1)
        cell.kept.append(float(before.argmax(1) == after.argmax(1)))
        cell.divergences.append(float((before.exp() * (before - after)).sum()))
    else:
        edges, found = answer > 0, got > 0
        both = float((edges & found).sum())
        cell.kept.append(2 * both / max(1.0, float(edges.sum() + found.sum())))
        sure, logs = torch.sigmoid(answer), torch.nn.functional.logsigmoid
        gain = sure * (logs(answer) - logs(got)) + (1 - sure) * (logs(-answer) - logs(-got))
        cell.divergences.append(float(gain.mean()))


def _line(cell: _Cell, shape: str, classes: bool) -> list[Any]:
    mean, low, high = _interval(cell.kept, classes)
    encode, decode = (float(np.median([t[i] for t in cell.times])) * 1000 for i in (0, 1))
    return [
        shape,
        cell.codec,
        cell.packing,
        cell.qp,
        len(cell.rates),
        f"{100 * np.mean(cell.rates):.3f}",
        mean,
        low,
        high,
        f"{np.mean(cell.divergences):.5f}" if cell.divergences else "",
        f"{np.mean(cell.errors):.5f}",
        f"{encode:.0f}",
        f"{decode:.0f}",
    ]


def _interval(kept: list[float], classes: bool) -> tuple[str, str, str]:
    """Mean and 95 % interval in percent: Wilson's for answers kept or not, normal for several overlaps."""
    if not kept:
        return "", "", ""
    count, mean = len(kept), float(np.mean(kept))
    if count == 1 and not classes:
        return f"{100 * mean:.2f}", "", ""
    if classes:
        low, high = wilson_interval(round(sum(kept)), count)
    else:
        half = 1.96 * float(np.std(kept)) / math.sqrt(count)
        low, high = max(0.0, mean - half), min(1.0, mean + half)
    return f"{100 * mean:.2f}", f"{100 * low:.2f}", f"{100 * high:.2f}"


class _Table:
    """The CSV table, in a file or on standard output.

    Args:
        output: file to make or replace; None for standard output.
    """

    def __init__(self, output: Path | None) -> None:
        self._output = output
        self._text = io.StringIO()
        self._writer = csv.writer(sys.stdout if output is None else self._text, lineterminator="\n")
        self.add(COLUMNS)

    def add(self, line: Sequence[Any]) -> None:
        """Add a line."""
        self._writer.writerow(line)

    def save(self) -> None:
        """Have all lines up to here in the file, whole, so that a later failure costs none of them.

        Raises:
            PgiInputError: it cannot be written.
        """
        if self._output is None:
            sys.stdout.flush()
        else:
            atomic_write(self._output, self._text.getvalue().encode())
