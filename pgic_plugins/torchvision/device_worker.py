"""What decoding on a device takes: ``python -m pgic_plugins.torchvision.device_worker JOBS``.

JOBS is a JSON array of objects; ``pgic bench device`` starts this.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.io import decode_jpeg

from pgic_core.options import DecodeOptions

from .arguments import precision
from .decoding import decode_pgi, show_symbols
from .device import read_symbols
from .device_loader import DeviceLoader
from .file_loader import PgiLoader

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main", "run"]


def main() -> None:
    """Do the jobs of the command line, and print the figures of each as a line of JSON."""
    for job in json.loads(sys.argv[1]):
        print(json.dumps(run(job)), flush=True)


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Measure one way of decoding.

    Args:
        job: ``what`` ("whole", "networks", "symbols", "loader", "jpeg", "cpu" or "difference"), ``files`` to
            take in turn, ``device``, ``half``, ``level``, ``batch``, ``workers``, and ``seconds`` to go on
            for.

    Returns:
        ``images`` and ``seconds`` of a measurement, and ``memory`` in bytes that the device needed; for
        "difference" ``largest`` in grey levels and the shares ``differing`` and ``beyond_one`` of samples; or
        ``failure``, which says why there are none.
    """
    torch.set_grad_enabled(False)
    try:
        return _MEASURED[job["what"]](job)
    except Exception as error:  # a device raises whatever its libraries do; the other figures stand
        return {"failure": f"{type(error).__name__}: {error}".splitlines()[0]}


def _whole(job: dict[str, Any]) -> dict[str, Any]:
    """Files to pixels on the device, in one process."""
    files = _files(job)

    def step() -> int:
        decode_pgi(_next(files, job["batch"]), level=job["level"], device=job["device"], half=job["half"],
                   engine="torch")  # fmt: skip
        return int(job["batch"])

    return _timed(step, job)


def _networks(job: dict[str, Any]) -> dict[str, Any]:
    """Symbols that lie on the device to pixels."""
    device, options = torch.device(job["device"]), DecodeOptions(job["level"], threads=1)
    read = deque(read_symbols(path, options).to(device) for path in job["files"][:2])

    def step() -> int:
        for _ in range(job["batch"]):
            show_symbols(read[0], device, precision(job["half"]))
            read.rotate()
        return int(job["batch"])

    return _timed(step, job)


def _symbols(job: dict[str, Any]) -> dict[str, Any]:
    """Files to symbols, in one thread."""
    files, options = _files(job), DecodeOptions(job["level"], threads=1)

    def step() -> int:
        read_symbols(_next(files, 1)[0], options)
        return 1

    return _timed(step, job)


def _loader(job: dict[str, Any]) -> dict[str, Any]:
    """A DataLoader whose workers read symbols, and the networks in its process."""
    loader = DataLoader(
        _Files(job["files"], PgiLoader(job["level"], device=job["device"])),
        batch_size=job["batch"],
        num_workers=job["workers"],
        pin_memory=torch.device(job["device"]).type == "cuda",
        collate_fn=list,
        prefetch_factor=2,
    )
    return _epoch(DeviceLoader(loader, job["device"], half=job["half"]), job)


def _cpu(job: dict[str, Any]) -> dict[str, Any]:
    """A DataLoader whose workers decode with ONNX Runtime, a thread each."""
    loader = DataLoader(
        _Files(job["files"], PgiLoader(job["level"])),
        batch_size=1,
        num_workers=job["workers"],
        collate_fn=list,
    )
    return _epoch(loader, job)


def _jpeg(job: dict[str, Any]) -> dict[str, Any]:
    """JPEG files as torchvision decodes them on the device."""
    files = _files(job)

    def step() -> int:
        data = [torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
                for path in map(Path, _next(files, job["batch"]))]  # fmt: skip
        decode_jpeg(data, device=job["device"])
        return int(job["batch"])

    return _timed(step, job)


def _difference(job: dict[str, Any]) -> dict[str, Any]:
    """Pixels of the device beside those of ONNX Runtime."""
    largest, differing, beyond, samples = 0, 0, 0, 0
    for path in job["files"]:
        ours = decode_pgi(path, level=job["level"], device=job["device"], half=job["half"], engine="torch")
        other = decode_pgi(path, level=job["level"], threads=2)
        error = (ours.cpu().to(torch.int16) - other).abs_()
        largest = max(largest, int(error.max()))
        differing += int((error > 0).sum())
        beyond += int((error > 1).sum())
        samples += error.numel()
    return {"largest": largest, "differing": differing / samples, "beyond_one": beyond / samples}


_MEASURED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "whole": _whole,
    "networks": _networks,
    "symbols": _symbols,
    "loader": _loader,
    "cpu": _cpu,
    "jpeg": _jpeg,
    "difference": _difference,
}


class _Files(Dataset):
    """Files again and again, as many as anyone will ask for."""

    def __init__(self, paths: list[str], read: PgiLoader) -> None:
        self._paths, self._read = paths, read

    def __len__(self) -> int:
        return 1 << 20

    def __getitem__(self, index: int) -> Any:
        return self._read(self._paths[index % len(self._paths)])


def _files(job: dict[str, Any]) -> deque[str]:
    return deque(job["files"])


def _next(files: deque[str], count: int) -> list[str]:
    taken = []
    for _ in range(count):
        taken.append(files[0])
        files.rotate(-1)
    return taken


def _timed(step: Callable[[], int], job: dict[str, Any]) -> dict[str, Any]:
    """Call ``step``, which gives a number of images, for a while; its first calls do not count."""
    device = torch.device(job["device"])
    for _ in range(2):
        step()
    _wait(device)
    _forget_memory(device)
    images, start = 0, time.perf_counter()
    while time.perf_counter() - start < job["seconds"]:
        images += step()
    _wait(device)
    return {"images": images, "seconds": time.perf_counter() - start, "memory": _memory(device)}


def _epoch(batches: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Take batches for a while; those that workers made while they started do not count."""
    device = torch.device(job["device"])
    images, skipped, start = 0, 2 * max(1, job["workers"]), 0.0
    for number, batch in enumerate(batches):
        if number == skipped:
            _wait(device)
            _forget_memory(device)
            images, start = 0, time.perf_counter()
        images += len(batch)
        if number > skipped and time.perf_counter() - start >= job["seconds"]:
            break
    _wait(device)
    images -= len(batch)  # the one that the clock was started at
    return {"images": images, "seconds": time.perf_counter() - start, "memory": _memory(device)}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _forget_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def _memory(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0


if __name__ == "__main__":
    main()
