"""One epoch of a DataLoader in a fresh process: ``python -m pgic_plugins.torchvision.loader_worker JOB``.

JOB is a JSON object; ``pgic bench loader`` starts this.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import AvifImagePlugin, Image
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.io import decode_jpeg, read_file
from torchvision.transforms.v2 import functional as F

from pgic_core.limits import PHOTO_FORMATS
from pgic_core.terminal import show_json

from .loading import PgiLoader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch

    from pgic_core.options import Window

__all__ = ["main", "run"]

_SIDE = 512


def main() -> None:
    """Do the job of the command line and print its figures as JSON."""
    show_json(run(json.loads(sys.argv[1])))


def run(job: dict[str, Any]) -> dict[str, float]:
    """Load every picture once.

    Args:
        job: ``folder`` with the files; ``read``: "fast", "preview", "window" for the central 512 x 512 or
            "latent" of ``.pgi``, "pillow" for other formats, "crop" for the central 512 x 512 of those,
            "draft" and "decode_jpeg" for JPEG at an eighth through Pillow and whole through torchvision;
            ``count`` of pictures (files are taken again from the first); and ``workers``.

    Returns:
        ``seconds`` of the epoch. Starting the workers, and the first two pictures of each, do not count.
    """
    workers = job["workers"]
    order = _Order(2 * max(1, workers))
    loader = DataLoader(
        _Files(sorted(Path(job["folder"]).iterdir()), job["read"]),
        batch_size=None,
        sampler=order,
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=_use_one_thread,
    )
    for _ in loader:
        pass
    order.count = job["count"]
    start = time.perf_counter()
    for _ in loader:
        pass
    return {"seconds": time.perf_counter() - start}


class _Order(Sampler):
    """The first ``count`` numbers; workers that have started keep running when it changes."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.count))

    def __len__(self) -> int:
        return self.count


class _Files(Dataset):
    def __init__(self, paths: list[Path], read: str) -> None:
        self.paths = paths
        loaders: dict[str, Callable[[Path], torch.Tensor]] = {
            "fast": PgiLoader(),
            "preview": PgiLoader("preview"),
            "window": PgiLoader(window=_centre),
            "latent": PgiLoader("latent"),
            "pillow": _with_pillow,
            "crop": _cropped,
            "draft": _drafted,
            "decode_jpeg": _with_torchvision,
        }
        self.read = loaders[read]

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.read(self.paths[index % len(self.paths)])


def _centre(width: int, height: int) -> Window:
    across, down = min(_SIDE, width), min(_SIDE, height)
    return (width - across) // 2, (height - down) // 2, across, down


def _with_pillow(path: Path) -> torch.Tensor:
    """As ``ImageFolder`` reads a picture, and as a tensor."""
    with Image.open(path, formats=PHOTO_FORMATS) as image:
        return F.pil_to_tensor(image.convert("RGB"))


def _cropped(path: Path) -> torch.Tensor:
    """The centre, of which Pillow decodes all the same what lies around it."""
    with Image.open(path, formats=PHOTO_FORMATS) as image:
        x, y, width, height = _centre(*image.size)
        return F.pil_to_tensor(image.crop((x, y, x + width, y + height)).convert("RGB"))


def _drafted(path: Path) -> torch.Tensor:
    """JPEG at an eighth, which its blocks give almost for nothing."""
    with Image.open(path, formats=PHOTO_FORMATS) as image:
        image.draft("RGB", (-(-image.width // 8), -(-image.height // 8)))
        return F.pil_to_tensor(image.convert("RGB"))


def _with_torchvision(path: Path) -> torch.Tensor:
    return decode_jpeg(read_file(str(path)), mode="RGB")


def _use_one_thread(worker: int) -> None:
    """Pillow's AVIF decoder would take all processors in each worker."""
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1


if __name__ == "__main__":
    main()
