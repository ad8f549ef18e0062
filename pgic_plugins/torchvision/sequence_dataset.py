"""Frames of sequences, and maps of what each changed."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Dataset
from torchvision import tv_tensors

from pgic_core.api import open_file
from pgic_core.errors import PgiInputError
from pgic_core.folders import files_below
from pgic_core.options import DecodeOptions

from .._worker_threads import threads_in_worker
from .arguments import mode_name
from .decoding import decode_open
from .file_named_in_errors import naming

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from pgic_core.api import PgiFile
    from pgic_core.options import Level, OnDamage

__all__ = ["PgiSequence"]


class PgiSequence(Dataset[tuple[Any, Any]]):
    """Frames of one or several sequences, in their order.

    An item is the picture, a uint8 ``tv_tensors.Image`` (C, H, W), and a dictionary:

    - ``changes``: uint8 (ceil(H / 64), ceil(W / 64)) for blocks of 64 x 64 stored pixels, 0 where the frame
      is as the one that it changes, else how much it differs there; 255 everywhere for a key frame. It is
      read without decoding pixels;
    - ``key``: whether the frame is a key frame; ``reference``: the number of the frame that it changes;
    - ``frame``: its number in its file; ``path``: the file;
    - ``duration``: milliseconds, 0 if unknown; ``timestamp_ms``: of A.3, -1 if unknown.

    Frames cost least in the order of their file, but items may be taken in any. A dataset can be pickled for
    workers.

    Args:
        root: a sequence, or a folder that is searched for ``.pgi`` files with all folders in it; a picture is
            a sequence of one frame.
        transform: takes the picture and gives what is wanted of it.
        target_transform: likewise for the dictionary.
        transforms: takes both instead.
        level, scale, mode: as for :func:`.decode_pgi`.
        changed_only: leave out frames in which nothing changed.
        on_damage: "raise", or "conceal" to fill damaged tiles.

    Raises:
        PgiInputError: there is no ``.pgi`` file, or it cannot be read.
        PgiError: a file is damaged; of an item, as :func:`.decode_pgi`.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        transforms: Callable[[Any, Any], Any] | None = None,
        *,
        level: Level = "fast",
        scale: int = 1,
        mode: Any = "RGB",
        changed_only: bool = False,
        on_damage: OnDamage = "raise",
    ) -> None:
        self.transform, self.target_transform, self.transforms = transform, target_transform, transforms
        self._mode = mode_name(mode)
        self._how = (level, scale, on_damage)
        self._options()  # checks them
        root = Path(root)
        found = sorted(files_below(root, {".pgi"}, hidden=True)) if root.is_dir() else [str(root)]
        if not found:
            raise PgiInputError(f"There is no .pgi file in {root}.")
        self.paths: list[str] = found
        self._open: tuple[int, PgiFile] | None = None
        self._kept: list[list[int]] | None = None
        counts = []
        for path in found:
            with naming(path), open_file(path) as file:
                counts.append(file.n_frames)
                if changed_only:
                    self._kept = self._kept or []
                    numbers = range(file.n_frames)
                    self._kept.append([n for n in numbers if bool(file.changes(n).blocks.any())])
                    counts[-1] = len(self._kept[-1])
        self._ends = list(accumulate(counts))

    def __len__(self) -> int:
        """Number of frames."""
        return self._ends[-1]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Picture and facts of one frame, transformed.

        Raises:
            IndexError: there is no such item.
            PgiError: as :func:`.decode_pgi`; the message names the file.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        place = bisect_right(self._ends, index)
        number = index - (self._ends[place - 1] if place else 0)
        if self._kept is not None:
            number = self._kept[place][number]
        image, target = self._item(place, number)
        if self.transforms is not None:
            both: tuple[Any, Any] = self.transforms(image, target)
            return both
        if self.transform is not None:
            image = self.transform(image)
        return image, target if self.target_transform is None else self.target_transform(target)

    def _item(self, place: int, number: int) -> tuple[Any, dict[str, Any]]:
        path = self.paths[place]
        with naming(path):
            file = self._opened(place)
            frame, changes = file.frame(number), file.changes(number)
            (pixels,) = decode_open(frame, self._options(), self._mode, upright=False)
            taken = frame.metadata.timestamp_ms
            return tv_tensors.Image(pixels), {
                "changes": torch.from_numpy(changes.blocks.copy()),
                "key": changes.key,
                "reference": changes.reference,
                "frame": number,
                "path": path,
                "duration": file.duration(number) or 0,
                "timestamp_ms": -1 if taken is None else taken,
            }

    def _options(self) -> DecodeOptions:
        level, scale, on_damage = self._how
        return DecodeOptions(level, None, on_damage, threads_in_worker(), scale=scale)

    def _opened(self, place: int) -> PgiFile:
        """The file of a number, which stays open for the next item."""
        if self._open is None or self._open[0] != place:
            if self._open is not None:
                self._open[1].close()
            self._open = place, open_file(self.paths[place])
        return self._open[1]

    def __getstate__(self) -> dict[str, Any]:
        """Without the open file, which belongs to this process."""
        return self.__dict__ | {"_open": None}
