"""How fast a device decodes, beside JPEG on the same device and workers on the CPU (A-6.5.1a)."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from ...errors import PgiUnsupportedError
from ...models import default_model
from ...options import FINE
from .bench_pictures import fit_megapixels, load_rgb
from .peer_codecs import find_codec
from .printed_tables import number_or_dash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["DeviceRow", "device_table", "measure_device"]

# An adapter stands above this room: it is started by its name, as a user would.
_WORKER = "pgic_plugins.torchvision.device_worker"
_BATCHES = (1, 8)
_FINE_MEGAPIXELS = 5.0
_JPEG_QUALITY = 90


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One measurement.

    Attributes:
        what: for people.
        level: of pgic; empty for JPEG.
        batch: pictures in a call.
        images_per_second: of the whole measurement.
        milliseconds: for a picture.
        memory: bytes that the device needed at most; 0 on the CPU.
        largest: greatest difference from ONNX Runtime's pixels in grey levels, -1 where it was not taken.
        differing, beyond_one: shares of samples that differ at all, and by more than one level.
        failure: why there are no figures; empty where there are.
    """

    what: str
    level: str
    batch: int
    images_per_second: float = math.nan
    milliseconds: float = math.nan
    memory: int = 0
    largest: int = -1
    differing: float = math.nan
    beyond_one: float = math.nan
    failure: str = ""


def measure_device(
    pictures: Sequence[Path],
    *,
    device: str = "cuda",
    seconds: float = 2.0,
    megapixels: float = 6.0,
    quality: int = 50,
    workers: int = 8,
) -> Iterator[DeviceRow]:
    """Code pictures into a temporary folder, and decode them in every way.

    Args:
        pictures: files.
        device: as torch names it.
        seconds: for each measurement.
        megapixels: size that each picture is brought to.
        quality: of pgic.
        workers: of the DataLoader that feeds the device.

    Yields:
        Rows; a measurement that fails says why and stops none of the others.

    Raises:
        PgiUnsupportedError: torch, torchvision or onnx are not installed.
        PgiError: a picture cannot be read.
    """
    for name in ("torch", "torchvision", "onnx"):
        if importlib.util.find_spec(name) is None:
            raise PgiUnsupportedError(f"{name} is not installed: pip install 'pgic[torch]'.")
    with tempfile.TemporaryDirectory(prefix="pgic-bench-") as name:
        folder = Path(name)
        files = _coded(pictures, folder, megapixels, quality, "")
        has_fine = FINE in default_model().levels
        fine = _coded(pictures[:1], folder, _FINE_MEGAPIXELS, quality, "fine-") if has_fine else []
        jobs = list(_jobs(device, seconds, workers, files, fine))
        for job, figures in zip(jobs, _measured(jobs), strict=True):
            yield _row(job, figures)


def _jobs(
    device: str, seconds: float, workers: int, files: list[str], fine: list[str]
) -> Iterator[dict[str, Any]]:
    job = {"device": device, "seconds": seconds, "level": "fast", "half": False, "batch": 1, "files": files}
    cpu = {**job, "device": "cpu"}
    yield {**cpu, "name": "2 workers, ONNX Runtime", "what": "cpu", "workers": 2, "seconds": 2 * seconds}
    yield {**cpu, "name": "symbols, 1 thread", "what": "symbols"}
    jpegs = [str(Path(file).with_suffix(".jpg")) for file in files]
    for batch in _BATCHES:
        yield {
            **job,
            "name": f"decode_jpeg {device}",
            "what": "jpeg",
            "files": jpegs,
            "batch": batch,
            "level": "",
        }
    for half in (False, True):
        kind, of_kind = f"{device} half" if half else f"{device} float", {**job, "half": half}
        for batch in _BATCHES:
            yield {**of_kind, "name": f"decode_pgi {kind}", "what": "whole", "batch": batch}
        yield {**of_kind, "name": f"networks alone {kind}", "what": "networks"}
        name = f"{workers} workers, {kind}"
        yield {**of_kind, "name": name, "what": "loader", "batch": _BATCHES[-1], "workers": workers}
        against = {**of_kind, "name": f"{kind} against ONNX Runtime", "what": "difference"}
        yield {**against, "files": files[:2]}
        if fine:
            of_fine = {"level": FINE, "files": fine}
            yield {**of_kind, **of_fine, "name": f"decode_pgi {kind}", "what": "whole"}
            yield {**against, **of_fine}


def _measured(jobs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Figures of each job, in order. One process does all: to start one takes a device many seconds."""
    command = [sys.executable, "-m", _WORKER, json.dumps(jobs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        for _ in jobs:
            line = worker.stdout.readline()
            yield json.loads(line) if line else {"failure": "the process ended early"}


def _row(job: dict[str, Any], figures: dict[str, Any]) -> DeviceRow:
    first = job["name"], job["level"], job["batch"]
    if "images" not in figures:
        return DeviceRow(*first, **figures)
    rate = figures["images"] / figures["seconds"]
    return DeviceRow(*first, rate, 1e3 / rate, figures["memory"])


def _coded(pictures: Sequence[Path], folder: Path, megapixels: float, quality: int, prefix: str) -> list[str]:
    """The ``.pgi`` files, each with the ``.jpg`` of the same picture beside it."""
    files = []
    for place, path in enumerate(pictures):
        picture = fit_megapixels(load_rgb(path), megapixels)
        file = folder / f"{prefix}{place:06}.pgi"
        file.write_bytes(find_codec("pgic").encode(picture, quality))
        file.with_suffix(".jpg").write_bytes(find_codec("jpeg").encode(picture, _JPEG_QUALITY))
        files.append(str(file))
    return files


def device_table(rows: Sequence[DeviceRow]) -> Table:
    """For people."""
    table = Table(title="Decoding on a device")
    table.add_column("what")
    table.add_column("level")
    for name in ("batch", "images/s", "ms", "memory MB", "largest", "differ %", "> 1 %"):
        table.add_column(name, justify="right")

    for row in rows:
        table.add_row(
            row.what,
            row.level,
            str(row.batch),
            row.failure or number_or_dash(row.images_per_second, 2),
            number_or_dash(row.milliseconds, 1),
            f"{row.memory / 1e6:.0f}" if row.memory else "-",
            "-" if row.largest < 0 else str(row.largest),
            number_or_dash(100 * row.differing, 3),
            number_or_dash(100 * row.beyond_one, 3),
        )
    return table
