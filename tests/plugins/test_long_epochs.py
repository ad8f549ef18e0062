"""Epochs as long as real ones: what is broken is named, and memory stays flat."""

from __future__ import annotations

import os
import random
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

import pgic_core
from pgic_core.errors import PgiWarning
from pgic_plugins.torchvision import PgiFolder, PgiLoader

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

pytestmark = pytest.mark.slow


def hostile(data: bytes) -> list[bytes]:
    """Files that are broken in many ways."""
    noise = random.Random(1).randbytes(4000)
    flipped, header = bytearray(data), bytearray(data)
    flipped[-40] ^= 0xFF
    header[6:14] = b"\xff" * 8
    cut = (data[:20], data[: len(data) // 2], data[:-30], data[:300] + bytes(len(data) - 300))
    return [b"", b"not a picture\n" * 50, *cut, bytes(flipped), bytes(header), data[:8] + noise]


class Telling(Dataset):
    """A dataset; each item comes with what its process has skipped so far."""

    def __init__(self, inner: PgiFolder) -> None:
        self.inner = inner

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, index: int) -> tuple[Any, dict[int, str]]:
        return self.inner[index][0], dict(self.inner.skipped)


@pytest.mark.parametrize("workers", [0, 2])
def test_broken_files_among_500_are_named_and_skipped(
    photo: Image.Image, tmp_path: Path, workers: int
) -> None:
    data = pgic_core.encode(photo.crop((0, 0, 64, 48)), quality=50)
    (tmp_path / "lines").mkdir()
    broken = dict(zip(range(11, 500, 50), hostile(data), strict=False))
    for number in range(500):
        (tmp_path / "lines" / f"{number:03}.pgi").write_bytes(broken.get(number, data))
    dataset = Telling(PgiFolder(tmp_path, on_damage="skip"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PgiWarning)
        items = list(DataLoader(dataset, batch_size=None, num_workers=workers))
    assert len(items) == 500
    assert all(image.shape == (3, 48, 64) for image, _ in items)
    skipped = {number: why for _, so_far in items for number, why in so_far.items()}
    assert sorted(skipped) == list(broken)
    assert all(f"{number:03}.pgi: " in why for number, why in skipped.items())


class Memory(Dataset):
    """Decodes a picture, and gives the bytes of memory that the process then holds."""

    def __init__(self, sources: list[bytes], count: int) -> None:
        self.sources, self.count = sources, count
        self.load = PgiLoader()

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> int:
        self.load(self.sources[index * 7 % len(self.sources)])
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="Linux tells memory there")
def test_two_thousand_decodes_leave_memory_flat(photo: Image.Image) -> None:
    rng = np.random.default_rng(2)
    sizes = rng.integers(40, 200, (8, 2)).tolist()
    sources = [pgic_core.encode(photo.crop((0, 0, *size)), quality=40) for size in sizes]
    held = list(DataLoader(Memory(sources, 2000), batch_size=None, num_workers=1))
    assert max(held[1000:]) - held[200] < 4 << 20
