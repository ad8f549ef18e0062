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

from ...errors import PgiOptionError, PgiUnsupportedError
from .bench_pictures import find_samples, fit_megapixels, load_rgb
from .peer_codecs import available, find_codec
from .printed_tables import new_table, number_or_dash
from .speed import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from rich.table import Table

__all__ = ["READERS", "LoaderRow", "Reader", "find_pictures", "loader_table", "measure_loader", "readers"]

# An adapter stands above this room: it is started by its name, as a user would.
_WORKER = "pgic_plugins.torchvision.loader_worker"
_ANCHOR = "jpeg whole"
_ON_DEVICE = "pgic device"


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
    Reader("pgic whole", "pgic", "fast"),
    Reader("pgic scale 2", "pgic", "scale-2"),
    Reader("pgic scale 4", "pgic", "scale-4"),
    Reader("pgic preview", "pgic", "preview"),
    Reader("pgic preview 1/4", "pgic", "preview-4"),
    Reader("pgic window 512", "pgic", "window-512"),
    Reader("pgic window 256", "pgic", "window-256"),
    Reader("pgic latent", "pgic", "latent"),
    Reader("pgic symbols", "pgic", "symbols"),
    Reader(_ON_DEVICE, "pgic", "device"),
    Reader(_ANCHOR, "jpeg", "pillow", 90),
    Reader("jpeg decode_jpeg", "jpeg", "decode_jpeg", 90),
    Reader("jpeg draft 1/2", "jpeg", "draft-2", 90),
    Reader("jpeg draft 1/4", "jpeg", "draft-4", 90),
    Reader("jpeg draft 1/8", "jpeg", "draft-8", 90),
    Reader("jpeg window 512", "jpeg", "crop-512", 90),
    Reader("jpeg window 256", "jpeg", "crop-256", 90),
    Reader("avif whole", "avif", "pillow", 65),
    Reader("webp whole", "webp", "pillow", 90),
    Reader("png whole", "png", "pillow"),
)


@dataclass(frozen=True, slots=True)
class LoaderRow:
    """One reader.

    Attributes:
        reader: its name.
        megapixels: of a stored picture, mean.
        quality: of the stored files; 0 for PNG.
        workers: of the DataLoader.
        pictures: that all runs read.
        file_bytes: of a stored file, mean.
        images_per_second: median of the runs.
        slowest, fastest: of the runs.
        megapixels_per_second: of the stored pictures, whatever is read of them.
        ratio: images per second over those of whole JPEG.
        cpu_seconds: of processors for an image, workers and main process together; median of the runs.
        cpu_ratio: these over those of whole JPEG; above 1 costs more.
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
    cpu_seconds: float
    cpu_ratio: float


def find_pictures(paths: Iterable[Path], count: int) -> list[Path]:
    """At most ``count`` picture files of files and folders.

    Raises:
        PgiInputError: a path is no picture.
        PgiOptionError: there is none.
    """
    return [sample.path for sample in find_samples(paths) if sample.part == "whole"][:count]


def readers(names: Sequence[str] = (), device: str = "cuda") -> tuple[list[Reader], dict[str, str]]:
    """Those of :data:`READERS` that can be measured here, and the reason for what is missing.

    Args:
        names: of the readers wanted; all if there are none.
        device: on which the reader "pgic device" decodes.

    Raises:
        PgiOptionError: a name is unknown.
        PgiUnsupportedError: torch or torchvision are not installed.
    """
    for name in ("torch", "torchvision"):
        if importlib.util.find_spec(name) is None:
            raise PgiUnsupportedError(f"{name} is not installed: pip install 'pgic[torch]'.")
    known = [reader.name for reader in READERS]
    for name in names:
        if name not in known:
            raise PgiOptionError(f"{name!r} is no reader; there are {', '.join(known)}.")
    wanted = [reader for reader in READERS if not names or reader.name in names]
    _, missing = available(tuple(reader.stored for reader in wanted if reader.stored != "png"))
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        missing[_ON_DEVICE] = "torch finds no CUDA device here"
    return [reader for reader in wanted if not {reader.stored, reader.name} & set(missing)], missing


def measure_loader(
    pictures: Sequence[Path],
    chosen: Sequence[Reader],
    *,
    count: int = 200,
    seconds: float | None = None,
    workers: int = 2,
    megapixels: float | None = None,
    quality: int = 50,
    runs: int = 3,
    device: str = "cuda",
    on_step: Callable[[], None] = lambda: None,
) -> list[LoaderRow]:
    """Code pictures into a temporary folder, and load them.

    Args:
        pictures: files; read again and again where they are fewer than ``count``.
        chosen: of :func:`readers`.
        count: pictures in an epoch.
        seconds: after which an epoch of six pictures or more ends early; never if not given.
        workers: of the DataLoader; 0 loads in its own process.
        megapixels: size that each picture is brought to; as they are if not given.
        quality: of pgic.
        runs: turns.
        device: on which the reader "pgic device" decodes.
        on_step: called after each picture that was coded and after each process.

    Returns:
        Rows in the order of the readers.

    Raises:
        PgiError: a picture cannot be read, or a reader fails.
    """
    turns: dict[str, list[_Turn]] = {reader.name: [] for reader in chosen}
    formats = {reader.stored: reader.quality for reader in chosen} | {"pgic": quality}
    with tempfile.TemporaryDirectory(prefix="pgic-bench-") as name:
        folder = Path(name)
        pixels = 0
        for place, path in enumerate(pictures):
            pixels += _store(path, megapixels, formats, folder, place)
            on_step()
        sizes = {s: statistics.mean(f.stat().st_size for f in (folder / s).iterdir()) for s in formats}
        job = {"count": count, "seconds": seconds, "workers": workers, "device": device}
        for _ in range(runs):
            for reader in chosen:
                this = {**job, "folder": str(folder / reader.stored), "read": reader.read}
                figures = run_worker(_WORKER, this, f"{reader.name} failed to load")
                turns[reader.name].append(_Turn(**figures))
                on_step()
    mean = pixels / len(pictures) / 1e6
    anchor = turns.get(_ANCHOR)
    return [
        _row(
            reader,
            mean,
            formats[reader.stored],
            workers,
            round(sizes[reader.stored]),
            turns[reader.name],
            anchor,
        )
        for reader in chosen
    ]


def loader_table(rows: Sequence[LoaderRow]) -> Table:
    """For people."""
    table = new_table(
        f"DataLoader, {rows[0].workers} workers (medians of runs; ratios to {_ANCHOR} in the same turn)",
        ["reader"],
        ["MP", "quality", "file kB", "read", "images/s", "from", "to", "MP/s", "x rate", "CPU ms", "x CPU"],
    )
    last = rows[0]
    for row in rows:
        if row.megapixels != last.megapixels:
            table.add_section()
        last = row
        table.add_row(
            row.reader,
            f"{row.megapixels:.2f}",
            str(row.quality or "-"),
            f"{row.file_bytes / 1e3:.0f}",
            str(row.pictures),
            f"{row.images_per_second:.2f}",
            f"{row.slowest:.2f}",
            f"{row.fastest:.2f}",
            f"{row.megapixels_per_second:.1f}",
            number_or_dash(row.ratio, 2),
            f"{1e3 * row.cpu_seconds:.1f}",
            number_or_dash(row.cpu_ratio, 2),
        )
    return table


@dataclass(frozen=True, slots=True)
class _Turn:
    """One epoch, as the worker tells it."""

    images: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.images / self.seconds

    @property
    def cost(self) -> float:
        return self.cpu_seconds / self.images


def _row(
    reader: Reader,
    megapixels: float,
    quality: int | None,
    workers: int,
    file_bytes: int,
    turns: list[_Turn],
    anchor: list[_Turn] | None,
) -> LoaderRow:
    rates = [turn.rate for turn in turns]
    pairs = list(zip(turns, anchor, strict=True)) if anchor else []
    return LoaderRow(
        reader.name,
        megapixels,
        quality or 0,
        workers,
        sum(turn.images for turn in turns),
        file_bytes,
        statistics.median(rates),
        min(rates),
        max(rates),
        statistics.median(rates) * megapixels,
        statistics.median(a.rate / b.rate for a, b in pairs) if pairs else math.nan,
        statistics.median(turn.cost for turn in turns),
        statistics.median(a.cost / b.cost for a, b in pairs) if pairs else math.nan,
    )


def _store(
    path: Path, megapixels: float | None, formats: Mapping[str, int | None], folder: Path, place: int
) -> int:
    """Code a picture in each format; gives its number of pixels."""
    picture = load_rgb(path)
    if megapixels is not None:
        picture = fit_megapixels(picture, megapixels)
    for stored, quality in formats.items():
        (folder / stored).mkdir(exist_ok=True)
        (folder / stored / f"{place:06}").write_bytes(_encoded(picture, stored, quality))
    return picture.size // 3


def _encoded(picture: NDArray[np.uint8], stored: str, quality: int | None) -> bytes:
    if quality is not None:
        return find_codec(stored).encode(picture, quality)
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, stored.upper())
    return buffer.getvalue()
