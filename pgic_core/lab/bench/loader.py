"""Pictures per second of a torch DataLoader, by the format in which they are stored (A-6.5.1a)."""

from __future__ import annotations

import importlib.util
import io
import math
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import PgiUnsupportedError
from .peers import available, find_codec
from .pictures import find_samples, fit_megapixels, load_rgb
from .printed_tables import new_table
from .speed import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from rich.table import Table

__all__ = ["READERS", "LoaderRow", "Reader", "find_pictures", "loader_table", "measure_loader", "readers"]

# An adapter stands above this room: it is started by its name, as a user would.
_WORKER = "pgic_plugins.torchvision.loader_worker"
_ANCHOR = "jpeg"


@dataclass(frozen=True, slots=True)
class Reader:
    """One way of storing and reading.

    Attributes:
        name: for people.
        stored: "pgic", "jpeg", "avif", "webp" or "png".
        read: what the worker does: see :func:`pgic_plugins.torchvision.loader_worker.run`.
        quality: of the stored file; pgic's is chosen, and PNG has none.
    """

    name: str
    stored: str
    read: str
    quality: int | None = None


READERS = (
    Reader("pgic", "pgic", "fast"),
    Reader("pgic preview", "pgic", "preview"),
    Reader("pgic window 512", "pgic", "window"),
    Reader("pgic latent", "pgic", "latent"),
    Reader("jpeg", "jpeg", "pillow", 90),
    Reader("jpeg decode_jpeg", "jpeg", "decode_jpeg", 90),
    Reader("jpeg draft 1/8", "jpeg", "draft", 90),
    Reader("jpeg window 512", "jpeg", "crop", 90),
    Reader("avif", "avif", "pillow", 65),
    Reader("webp", "webp", "pillow", 90),
    Reader("png", "png", "pillow"),
)


@dataclass(frozen=True, slots=True)
class LoaderRow:
    """One reader.

    Attributes:
        reader: its name.
        megapixels: of a stored picture, mean.
        quality: of the stored files; 0 for PNG.
        workers: of the DataLoader.
        pictures: in an epoch.
        file_bytes: of a stored file, mean.
        images_per_second: median of the runs.
        slowest, fastest: of the runs.
        megapixels_per_second: of the stored pictures, whatever is read of them.
        ratio: images per second over those of JPEG.
    """

    reader: str
    megapixels: float
    quality: int
    workers: int
    pictures: int
    file_bytes: int
    images_per_second: float
    slowest: float
    fastest: float
    megapixels_per_second: float
    ratio: float


def find_pictures(paths: Iterable[Path], count: int) -> list[Path]:
    """At most ``count`` picture files of files and folders.

    Raises:
        PgiInputError: a path is no picture.
        PgiOptionError: there is none.
    """
    return [sample.path for sample in find_samples(paths) if sample.part == "whole"][:count]


def readers() -> tuple[list[Reader], dict[str, str]]:
    """Those of :data:`READERS` that can be measured here, and for formats that are missing the reason.

    Raises:
        PgiUnsupportedError: torch or torchvision are not installed.
    """
    for name in ("torch", "torchvision"):
        if importlib.util.find_spec(name) is None:
            raise PgiUnsupportedError(f"{name} is not installed: pip install 'pgic[torch]'.")
    _, missing = available(tuple(reader.stored for reader in READERS if reader.stored != "png"))
    return [reader for reader in READERS if reader.stored not in missing], missing


def measure_loader(
    pictures: Sequence[Path],
    chosen: Sequence[Reader],
    *,
    count: int = 200,
    workers: int = 2,
    megapixels: float | None = None,
    quality: int = 50,
    runs: int = 3,
    on_step: Callable[[], None] = lambda: None,
) -> list[LoaderRow]:
    """Code pictures into a temporary folder, and load them.

    Args:
        pictures: files; read again and again where they are fewer than ``count``.
        chosen: of :func:`readers`.
        count: pictures in an epoch.
        workers: of the DataLoader; 0 loads in its own process.
        megapixels: size that each picture is brought to; as they are if not given.
        quality: of pgic.
        runs: turns.
        on_step: called after each picture that was coded and after each process.

    Returns:
        Rows in the order of the readers.

    Raises:
        PgiError: a picture cannot be read, or a reader fails.
    """
    rates: dict[str, list[float]] = {reader.name: [] for reader in chosen}
    with tempfile.TemporaryDirectory(prefix="pgic-bench-") as name:
        folder = Path(name)
        pixels = 0
        formats = {reader.stored: reader.quality for reader in chosen} | {"pgic": quality}
        for stored in formats:
            (folder / stored).mkdir()
        for place, path in enumerate(pictures):
            picture = load_rgb(path)
            if megapixels is not None:
                picture = fit_megapixels(picture, megapixels)
            pixels += picture.shape[0] * picture.shape[1]
            for stored, at in formats.items():
                (folder / stored / f"{place:06}").write_bytes(_encoded(picture, stored, at))
            on_step()
        sizes = {s: statistics.mean(f.stat().st_size for f in (folder / s).iterdir()) for s in formats}
        for _ in range(runs):
            for reader in chosen:
                job = {
                    "folder": str(folder / reader.stored),
                    "read": reader.read,
                    "count": count,
                    "workers": workers,
                }
                figures = run_worker(_WORKER, job, f"{reader.name} failed to load")
                rates[reader.name].append(count / figures["seconds"])
                on_step()
    anchor = rates.get(_ANCHOR)
    rows = []
    for reader in chosen:
        turns = rates[reader.name]
        rate = statistics.median(turns)
        rows.append(
            LoaderRow(
                reader.name,
                pixels / len(pictures) / 1e6,
                formats[reader.stored] or 0,
                workers,
                count,
                round(sizes[reader.stored]),
                rate,
                min(turns),
                max(turns),
                rate * pixels / len(pictures) / 1e6,
                statistics.median(a / b for a, b in zip(turns, anchor, strict=True)) if anchor else math.nan,
            )
        )
    return rows


def loader_table(rows: Sequence[LoaderRow]) -> Table:
    """For people."""
    first = rows[0]
    table = new_table(
        f"DataLoader, {first.workers} workers, {first.pictures} pictures (medians of runs)",
        ["reader"],
        ["MP", "quality", "file kB", "images/s", "from", "to", "MP/s", f"x {_ANCHOR}"],
    )
    for row in rows:
        table.add_row(
            row.reader,
            f"{row.megapixels:.2f}",
            str(row.quality or "-"),
            f"{row.file_bytes / 1e3:.0f}",
            f"{row.images_per_second:.2f}",
            f"{row.slowest:.2f}",
            f"{row.fastest:.2f}",
            f"{row.megapixels_per_second:.1f}",
            "-" if math.isnan(row.ratio) else f"{row.ratio:.2f}",
        )
    return table


def _encoded(picture: NDArray[np.uint8], stored: str, quality: int | None) -> bytes:
    if quality is not None:
        return find_codec(stored).encode(picture, quality)
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, stored.upper())
    return buffer.getvalue()
