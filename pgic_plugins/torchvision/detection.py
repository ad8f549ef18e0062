"""Pictures with the boxes of what is to be found in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torchvision import tv_tensors
from torchvision.datasets import VisionDataset

from pgic_core.errors import PgiInputError

from .annotated import read_coco, read_own, read_voc
from .loading import PgiLoader

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from .annotated import Annotated, Labelled
    from .loading import Loaded, LoadLevel, WindowLike

__all__ = ["PgiDetection"]


class PgiDetection(VisionDataset):
    """Pictures and their boxes, as torchvision's detection references take them.

    An item is the picture, as of :class:`.PgiFolder`, and a dict:

    - ``boxes``: float32 ``tv_tensors.BoundingBoxes`` (N, 4), XYXY, in units of the picture that is returned,
      whose (height, width) is ``canvas_size``: divided by the scale, by 8 for previews
      and by 16 for latents, shifted and clipped to a window. What has no area left is dropped.
    - ``labels``: int64 (N,). 0 is left to the background.
    - ``area``: float32 (N,), of the boxes.
    - ``iscrowd``: int64 (N,), 1 where COCO says so.
    - ``image_id``: int; COCO's, else the place in the dataset.

    Items hold tv_tensors already, so ``wrap_dataset_for_transforms_v2`` is not needed. Sizes differ: give
    DataLoader ``collate_fn=lambda batch: tuple(zip(*batch))`` (a function of a module where workers are
    spawned).

    Args:
        root: folder of the ``.pgi`` files.
        annotations: a COCO file (``.json``), whose file names start from ``root`` and may have any suffix; a
            folder of PASCAL VOC files (``name.xml`` for ``name.pgi``); or None for the annotations that the
            ``.pgi`` files hold themselves, polygons as the boxes around them, root searched with all folders.
        classes: names of the classes to take; boxes of others are left out. Numbers are COCO's category ids,
            else count from 1 in this order, or in that of the alphabet if not given.
        transforms: takes picture and dict and gives both.
        transform: takes the picture alone; not together with ``transforms``.
        target_transform: takes the dict alone; likewise.
        level: "fast", "preview", "latent" or another of :func:`pgic_core.decode`.
        scale: 1, 2, 4 or 8, by which each side of the picture is smaller; not for latents.
        window: x, y, width, height in stored pixels, or what gives one for the width and height of a
            picture, such as :class:`.RandomWindow`.
        mode: as for :func:`.decode_pgi`.

    Attributes:
        classes: names of the classes by number.
        pictures: paths and boxes, in stored pixels.

    Raises:
        PgiInputError (OSError): annotations cannot be read, or there is no picture.
        PgiOptionError (ValueError): an argument is none of its values.
        PgiError: of an item, as :func:`.decode_pgi`.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        annotations: str | os.PathLike[str] | None = None,
        *,
        classes: Sequence[str] | None = None,
        transforms: Callable[[Any, Any], Any] | None = None,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        level: LoadLevel = "fast",
        scale: int = 1,
        window: WindowLike = None,
        mode: Any = "RGB",
    ) -> None:
        super().__init__(root, transforms, transform, target_transform)
        self.loader = PgiLoader(level, window, mode, scale)
        folder = Path(self.root)
        self.pictures: list[Annotated]
        self.classes: dict[int, str]
        if annotations is None:
            self.pictures, self.classes = read_own(folder, classes)
        elif Path(annotations).is_dir():
            self.pictures, self.classes = read_voc(Path(annotations), folder, classes)
        else:
            self.pictures, self.classes = read_coco(Path(annotations), folder, classes)
        if not self.pictures:
            raise PgiInputError(f"There is no picture in {annotations or root}.")

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Picture and target of one item, transformed.

        Raises:
            PgiError: as :func:`.decode_pgi`.
        """
        picture = self.pictures[index]
        loaded = self.loader.load(picture.path)
        target = _target(picture, loaded)
        if self.transforms is not None:
            return tuple(self.transforms(loaded.image, target))
        return loaded.image, target


def _target(picture: Annotated, loaded: Loaded) -> dict[str, Any]:
    height, width = loaded.image.shape[-2:]
    corners = torch.tensor([box.corners for box in picture.boxes], dtype=torch.float32).reshape(-1, 4)
    corners -= torch.tensor([loaded.left, loaded.top] * 2)
    corners /= loaded.factor
    corners = corners.clamp(min=torch.zeros(4), max=torch.tensor([width, height] * 2))
    sides = corners[:, 2:] - corners[:, :2]
    kept = (sides > 0).all(1)

    def numbers(of: Callable[[Labelled], int]) -> torch.Tensor:
        return torch.tensor([of(box) for box in picture.boxes], dtype=torch.int64)[kept]

    return {
        "boxes": tv_tensors.BoundingBoxes(corners[kept], format="XYXY", canvas_size=(height, width)),
        "labels": numbers(lambda box: box.label),
        "area": sides[kept].prod(1),
        "iscrowd": numbers(lambda box: int(box.crowd)),
        "image_id": picture.image_id,
    }
