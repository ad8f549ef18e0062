"""One epoch of a DataLoader in a fresh process: ``python -m pgic_plugins.torchvision.loader_worker JOB``.

JOB is a JSON object; ``pgic bench loader`` starts this.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import AvifImagePlugin, Image
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info
from torchvision.io import decode_jpeg, read_file
from torchvision.transforms.v2 import functional as F

from pgic_core.limits import PHOTO_FORMATS
from pgic_core.options import DecodeOptions
from pgic_core.terminal import show_json

from .device import read_symbols
from .device_loader import DeviceLoader
from .file_loader import PgiLoader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pgic_core.options import Window

    from .device import PgiSymbols

__all__ = ["main", "run"]

_SYMBOLS = DecodeOptions("fast", threads=1)
_LEAST = 6
"""Pictures that an epoch reads, however long they take: one or two say nothing."""


def main() -> None:
    """Do the job of the command line and print its figures as JSON."""
    show_json(run(json.loads(sys.argv[1])))


def run(job: dict[str, Any]) -> dict[str, float]:
    """Load pictures for an epoch.

    Args:
        job: ``folder`` with the files; ``read``: of ``.pgi`` "fast", "scale-N", "preview" or "preview-N" for
            one of the scale N, "window-N" for the central N x N, "latent", "symbols" that a device would
            decode, or "device" to have it do so;
            "pillow" for other formats, "crop-N" for the central N x N of those, "draft-N" and "decode_jpeg"
            for JPEG at 1/N through Pillow and whole through torchvision; ``count`` of pictures (files are
            taken again from the first), ``seconds`` after which no more than six are taken, or None,
            ``workers``, and the ``device``.

    Returns:
        ``images`` that were read, ``seconds`` that took, and ``cpu_seconds`` of processors for them, in the
        workers and in this process. Starting the workers, and the first two pictures of each, do not count.
    """
    workers, on_device = job["workers"], job["read"] == "device"
    order = _Order(2 * max(1, workers))
    loader = DataLoader(
        _Files(sorted(Path(job["folder"]).iterdir()), job["read"]),
        batch_size=None,
        sampler=order,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=on_device and torch.device(job["device"]).type == "cuda",
        worker_init_fn=_use_one_thread,
    )
    batches = DeviceLoader(loader, job["device"]) if on_device else loader
    spent: dict[int, float] = {}
    for _, worker, seconds in batches:
        spent[worker] = seconds
    order.count = job["count"]
    before, images = dict(spent), 0
    main, start = time.process_time(), time.perf_counter()
    for _, worker, seconds in batches:
        spent[worker] = seconds
        images += 1
        late = job["seconds"] is not None and time.perf_counter() - start >= job["seconds"]
        if late and images >= _LEAST:
            break
    if on_device and torch.device(job["device"]).type == "cuda":
        torch.cuda.synchronize(job["device"])
    taken = time.perf_counter() - start
    of_workers = sum(spent[worker] - before.get(worker, 0) for worker in spent)
    return {
        "images": images,
        "seconds": taken,
        "cpu_seconds": time.process_time() - main + (of_workers if workers else 0),
    }


class _Order(Sampler):
    """The first ``count`` numbers; workers that have started keep running when it changes."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.count))

    def __len__(self) -> int:
        return self.count


class _Files(Dataset):
    """Pictures, each with the number of the worker that read it and the processor seconds of its process."""

    def __init__(self, paths: list[Path], read: str) -> None:
        self.paths = paths
        self.read = _reader(read)

    def __getitem__(self, index: int) -> tuple[Any, int, float]:
        picture = self.read(self.paths[index % len(self.paths)])
        info = get_worker_info()
        return picture, info.id if info else 0, time.process_time()


def _reader(read: str) -> Callable[[Path], Any]:
    kind, _, number = read.partition("-")
    readers: dict[str, Callable[[], Callable[[Path], Any]]] = {
        "fast": PgiLoader,
        "scale": lambda: PgiLoader(scale=int(number)),
        "preview": lambda: PgiLoader("preview", scale=int(number or 1)),
        "window": lambda: PgiLoader(window=partial(_centre, int(number))),
        "latent": lambda: PgiLoader("latent"),
        "symbols": lambda: _with_symbols,
        "device": lambda: _with_symbols,
        "pillow": lambda: _with_pillow,
        "crop": lambda: partial(_cropped, int(number)),
        "draft": lambda: partial(_drafted, int(number)),
        "decode_jpeg": lambda: _with_torchvision,
    }
    return readers[kind]()


def _centre(side: int, width: int, height: int) -> Window:
    across, down = min(side, width), min(side, height)
    return (width - across) // 2, (height - down) // 2, across, down


def _with_symbols(path: Path) -> PgiSymbols:
    """What workers read where a device decodes."""
    return read_symbols(path, _SYMBOLS)


def _with_pillow(path: Path) -> torch.Tensor:
    """As ``ImageFolder`` reads a picture, and as a tensor."""
    with Image.open(path, formats=PHOTO_FORMATS) as image:
        return F.pil_to_tensor(image.convert("RGB"))


def _cropped(side: int, path: Path) -> torch.Tensor:
    """The centre, of which Pillow decodes all the same what lies around it."""
    with Image.open(path, formats=PHOTO_FORMATS) as image:
        x, y, width, height = _centre(side, *image.size)
        return F.pil_to_tensor(image.crop((x, y, x + width, y + height)).convert("RGB"))


def _drafted(factor: int, path: Path) -> torch.Tensor:
    """JPEG made smaller by its blocks, an eighth almost for nothing."""
    with Image.open(path, formats=PHOTO_FORMATS) as image:
        image.draft("RGB", (max(1, image.width // factor), max(1, image.height // factor)))
        return F.pil_to_tensor(image.convert("RGB"))


def _with_torchvision(path: Path) -> torch.Tensor:
    return decode_jpeg(read_file(str(path)), mode="RGB")


def _use_one_thread(worker: int) -> None:
    """Pillow's AVIF decoder would take all processors in each worker."""
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1


if __name__ == "__main__":
    main()
