"""The rate-distortion plot."""

from __future__ import annotations

import io
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ...container import atomic_write
from ...errors import PgiOptionError, PgiUnsupportedError
from .rate_distortion import quality_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .rate_distortion import Point

__all__ = ["plot_curves"]

# Blue, orange, green, purple, brown, grey: told apart by most colour-blind readers, and by marker besides.
_PEER_STYLES = {
    "jpeg": ("#8c8c8c", "v"),
    "webp": ("#e69f00", "s"),
    "heic": ("#009e73", "^"),
    "avif": ("#0072b2", "D"),
    "jxl": ("#a05fb4", "P"),
    "jp2": ("#8b6d4b", "X"),
}
_PGIC_COLOURS = ("#d5301a", "#7a1409", "#f08a7c", "#b8860b")
_MAX_COLUMNS = 3
_RATE_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)


def plot_curves(points: Sequence[Point], path: Path) -> None:
    """Draw mean PSNR over mean bits per pixel at each quality, one panel for each folder.

    Args:
        points: measured; at least one.
        path: the PNG to write.

    Raises:
        PgiOptionError: there is nothing to draw.
        PgiUnsupportedError: matplotlib is not installed.
        PgiInputError: the file cannot be written.
    """
    if not points:
        raise PgiOptionError("There are no points to draw.")
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter
    except ImportError as error:
        raise PgiUnsupportedError(f"Plots need matplotlib: pip install pgic[eval] ({error}).") from error
    folders = sorted({point.folder for point in points})
    columns = min(len(folders), _MAX_COLUMNS)
    lines = -(-len(folders) // columns)
    figure = Figure(figsize=(6.4 * columns, 4.8 * lines), dpi=120, layout="constrained")
    for i, folder in enumerate(folders):
        axes: Any = figure.add_subplot(lines, columns, i + 1)
        inside = [point for point in points if point.folder == folder]
        _draw(axes, inside)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(_RATE_TICKS))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        count = len({point.picture for point in inside})
        axes.set_title(f"{folder} ({count} picture{'s' if count > 1 else ''})")
        axes.set_xlabel("bits per pixel, whole file (log scale)")
        axes.set_ylabel("PSNR over RGB, dB")
        axes.legend(loc="lower right", frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    atomic_write(path, buffer.getvalue())


def _draw(axes: Any, points: Sequence[Point]) -> None:
    curves = defaultdict(list)
    for row in quality_rows(points):
        curves[row.codec].append((row.bpp, row.psnr))
    ours = sorted(name for name in curves if name not in _PEER_STYLES)
    for name, curve in sorted(curves.items(), key=lambda item: (item[0] in ours, item[0])):
        if name in ours:
            colour, marker = _PGIC_COLOURS[ours.index(name) % len(_PGIC_COLOURS)], "o"
        else:
            colour, marker = _PEER_STYLES[name]
        axes.plot(
            *zip(*curve, strict=True),
            color=colour,
            marker=marker,
            markersize=5,
            linewidth=2.4 if name in ours else 1.4,
            label=name,
        )
