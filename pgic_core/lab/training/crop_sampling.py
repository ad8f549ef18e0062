"""Random crops of training pictures, which lie in the memory of the device.

All pixels lie one picture after the other in one flat tensor, together with smaller copies of each picture,
so that a batch of crops is one read at computed places. All random choices are made on the CPU.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from ...errors import PgiInputError
from ...limits import PHOTO_FORMATS
from ..generated_patterns import generate
from .augment import in_bad_light, to_device, with_pattern
from .training_pictures import decode_picture, picture_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from .config import TrainingConfig

__all__ = [
    "CropSampler",
    "FlatPictures",
    "PictureIndex",
    "Places",
    "SourcePicture",
    "load_sampler",
    "sample_crops",
]

_PATTERNS = 128  # kept ready; each is used at many places, turned, and in other colours
_PATTERN_MARGIN = 128  # by so many pixels patterns are larger than crops


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """A picture at one scale.

    Attributes:
        path: the file.
        height, width: in pixels, at this scale.
        share: relative weight with which crops come from it.
        copy: whether it is a smaller copy of what the file holds.
    """

    path: Path
    height: int
    width: int
    share: float = 1.0
    copy: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """Where crops lie, and how they are turned: int64 arrays ``(N,)``.

    Attributes:
        entry: number of the picture at its scale.
        y, x: upper left corner.
        turn: 0 to 7; bit 0 flips left to right, then bit 1 top to bottom, then bit 2 transposes.
    """

    entry: NDArray[np.int64]
    y: NDArray[np.int64]
    x: NDArray[np.int64]
    turn: NDArray[np.int64]


def _places(
    entry: NDArray[np.int64],
    height: NDArray[np.int64],
    width: NDArray[np.int64],
    side: int,
    random: np.random.Generator,
) -> Places:
    count = len(entry)
    y = np.floor(random.random(count) * (height - side + 1)).astype(np.int64)
    x = np.floor(random.random(count) * (width - side + 1)).astype(np.int64)
    return Places(entry, y, x, random.integers(8, size=count))


class PictureIndex:
    """All training pictures and their smaller copies, without pixels.

    Within a folder, crops come from everywhere alike; half of them come from smaller copies, whose detail is
    sharp even where the sources were compressed before.

    Args:
        root: folder of folders.
        weights: folder name to relative share of crops.
        exclude: leave out files whose name contains one of these.
        scales: of the smaller copies, each below 1.

    Raises:
        PgiInputError: a folder is missing, or holds something that cannot be read.
    """

    def __init__(
        self,
        root: str | Path,
        weights: Mapping[str, float],
        exclude: Iterable[str] = (),
        scales: Sequence[float] = (),
    ) -> None:
        banned = tuple(exclude)
        self.entries: list[SourcePicture] = []
        for folder, weight in weights.items():
            sizes = []
            for path in picture_paths(Path(root) / folder, banned):
                try:
                    with Image.open(path, formats=PHOTO_FORMATS) as image:
                        sizes.append((path, image.height, image.width))
                except OSError as error:
                    raise PgiInputError(f"The training picture {path} cannot be read: {error}.") from error
            area = sum(height * width for _, height, width in sizes)
            for path, height, width in sizes:
                share = weight * height * width / area
                whole = 0.5 if scales else 1.0
                self.entries.append(SourcePicture(path, height, width, share * whole))
                self.entries += [
                    SourcePicture(
                        path, round(height * s), round(width * s), share * 0.5 / len(scales), copy=True
                    )
                    for s in scales
                ]
        self._height = np.array([e.height for e in self.entries])
        self._width = np.array([e.width for e in self.entries])
        self._share = np.array([e.share for e in self.entries])
        self._bounds: dict[int, NDArray[np.float64]] = {}

    def draw(self, random: np.random.Generator, count: int, side: int) -> Places:
        """Random places of square crops.

        Raises:
            PgiInputError: no picture is large enough.
        """
        if side not in self._bounds:
            share = self._share * (np.minimum(self._height, self._width) >= side)
            if not share.any():
                raise PgiInputError(f"No training picture holds a crop of {side} pixels.")
            self._bounds[side] = np.cumsum(share) / share.sum()
        bounds = self._bounds[side]
        entry = np.minimum(np.searchsorted(bounds, random.random(count), side="right"), len(bounds) - 1)
        return _places(entry, self._height[entry], self._width[entry], side, random)


def _shrunk(pixels: Tensor, height: int, width: int) -> Tensor:
    """A picture ``(H, W, 3)`` uint8 scaled down with an antialiasing bicubic filter."""
    planes = pixels.permute(2, 0, 1)[None]
    if pixels.device.type != "cpu":  # There are kernels for bytes on the CPU alone, much faster ones.
        planes = planes.float()
    small = F.interpolate(planes, (height, width), mode="bicubic", antialias=True)
    if pixels.device.type != "cpu":
        small = small.round().clamp(0, 255).to(torch.uint8)
    return small[0].permute(1, 2, 0)


class FlatPictures:
    """Pixels of pictures, one after the other, in the memory of a device.

    Args:
        entries: which; smaller copies directly follow one another or their picture.
        device: where.
        more: heights and widths of further pictures that come last, for the caller to fill in.
    """

    def __init__(
        self, entries: Sequence[SourcePicture], device: torch.device, more: Sequence[tuple[int, int]] = ()
    ) -> None:
        height = np.array([e.height for e in entries] + [h for h, _ in more])
        width = np.array([e.width for e in entries] + [w for _, w in more])
        ends = np.cumsum(height * width)
        self.device = device
        self.pixels = torch.empty(int(ends[-1]), 3, dtype=torch.uint8, device=device)
        """``(N, 3)`` uint8."""
        self._places = [
            self.pixels[end - h * w : end].view(h, w, 3)
            for end, h, w in zip(ends.tolist(), height.tolist(), width.tolist(), strict=True)
        ]
        self._offset = to_device(ends - height * width, device)
        self._width = to_device(width, device)
        groups = [list(group) for _, group in groupby(range(len(entries)), lambda i: entries[i].path)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            decoded = pool.map(decode_picture, (entries[group[0]].path for group in groups))
            for group, picture in zip(groups, decoded, strict=True):
                whole = torch.from_numpy(picture).to(device)
                for i in group:
                    e = entries[i]
                    self._places[i].copy_(_shrunk(whole, e.height, e.width) if e.copy else whole)

    def picture(self, entry: int) -> Tensor:
        """One picture ``(H, W, 3)``, a view."""
        return self._places[entry]

    def gather(self, places: Places, side: int) -> Tensor:
        """Crops ``(N, side, side, 3)`` uint8."""
        table = np.stack([places.entry, places.y, places.x, places.turn])
        entry, y, x, turn = to_device(table, self.device)
        n = torch.arange(side, device=self.device)
        i, j = n[None, :, None], n[None, None, :]
        flipped_x, flipped_y, across = (((turn >> bit) & 1).bool()[:, None, None] for bit in range(3))
        row, column = torch.where(across, j, i), torch.where(across, i, j)
        row = torch.where(flipped_y, side - 1 - row, row)
        column = torch.where(flipped_x, side - 1 - column, column)
        first = self._offset[entry] + y * self._width[entry] + x
        return self.pixels[first[:, None, None] + row * self._width[entry][:, None, None] + column]


class CropSampler:
    """Random crops of training pictures, and of generated patterns.

    Args:
        index: of the pictures.
        device: where their pixels go.
        patterns: so many generated patterns are kept ready; 0 where none are asked for.
        pattern_side: their side in pixels.
        seed: of the patterns.
    """

    def __init__(
        self,
        index: PictureIndex,
        device: torch.device,
        *,
        patterns: int = 0,
        pattern_side: int = 256 + _PATTERN_MARGIN,
        seed: int = 1,
    ) -> None:
        self.index = index
        self._patterns, self._pattern_side = patterns, pattern_side
        random = np.random.default_rng(seed)
        with ThreadPoolExecutor(1) as pool:  # Patterns are drawn while pictures are decoded.
            drawn = [pool.submit(generate, pattern_side, random) for _ in range(patterns)]
            self.pictures = FlatPictures(index.entries, device, [(pattern_side, pattern_side)] * patterns)
            for number, pattern in enumerate(drawn, len(index.entries)):
                self.pictures.picture(number).copy_(torch.from_numpy(np.array(pattern.result())))

    def crops(
        self,
        random: np.random.Generator,
        count: int,
        side: int,
        *,
        harsh: float = 0.0,
        generated: float = 0.0,
    ) -> Tensor:
        """Square crops, flipped and turned, ``(count, side, side, 3)`` uint8.

        Args:
            random: of all choices.
            count: how many.
            side: of each, in pixels.
            harsh: share that is shown in bad light (A-6.3.2.2e).
            generated: share that is or holds a generated pattern.
        """
        crops = self.pictures.gather(self.index.draw(random, count, side), side)
        chosen = np.flatnonzero(random.random(count) < harsh)
        if len(chosen):
            at = to_device(chosen, crops.device)
            crops[at] = in_bad_light(crops[at], random)
        chosen = np.flatnonzero(random.random(count) < generated)
        if len(chosen):
            at = to_device(chosen, crops.device)
            crops[at] = with_pattern(crops[at], self._pattern_crops(random, len(chosen), side), random)
        return crops

    def _pattern_crops(self, random: np.random.Generator, count: int, side: int) -> Tensor:
        size = np.full(count, self._pattern_side)
        entry = len(self.index.entries) + random.integers(self._patterns, size=count)
        return self.pictures.gather(_places(entry, size, size, side, random), side)


def load_sampler(config: TrainingConfig, root: Path, device: torch.device) -> CropSampler:
    """Everything that crops of all stages of a config come from."""
    schedules = [config.schedule, *(stage.schedule for stage in config.stages)]
    return CropSampler(
        PictureIndex(root, config.data, config.exclude, config.schedule.scales),
        device,
        patterns=_PATTERNS if any(s.generated for s in schedules) else 0,
        pattern_side=max(s.crop for s in schedules) + _PATTERN_MARGIN,
        seed=config.schedule.seed,
    )


def sample_crops(
    config: TrainingConfig, root: Path, count: int, side: int, seed: int, harsh: float = 0.0
) -> NDArray[np.uint8]:
    """A few crops of training pictures, of which only those pictures are decoded.

    Returns:
        ``(count, side, side, 3)`` uint8, always the same for the same arguments.
    """
    index = PictureIndex(root, config.data, config.exclude, config.schedule.scales)
    random = np.random.default_rng(seed)
    places = index.draw(random, count, side)
    needed, entry = np.unique(places.entry, return_inverse=True)
    pictures = FlatPictures([index.entries[i] for i in needed], torch.device("cpu"))
    crops = pictures.gather(replace(places, entry=entry), side)
    chosen = np.flatnonzero(random.random(count) < harsh)
    if len(chosen):
        crops[chosen] = in_bad_light(crops[chosen], random)
    return crops.numpy()
