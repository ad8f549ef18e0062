"""Pictures with the boxes of what is to be found in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torchvision import tv_tensors
from torchvision.datasets import VisionDataset

from pgic_core.errors import PgiInputError, PgiOptionError

from .annotated_pictures import Pictures, read_coco, read_own, read_voc
from .annotation_shapes import keypoints_of, masks_of
from .bad_file_skipping import Skipping, SkippingItems
from .file_loader import PgiLoader
from .file_named_in_errors import naming
from .latent_cache import LatentCache
from .other_formats import tell_left_out

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from pgic_core.security.keyring import KeysLike

    from .annotated_pictures import Annotated
    from .bad_file_skipping import DatasetDamage
    from .file_loader import Loaded, LoadLevel, WindowLike

__all__ = ["PgiDetection"]


class PgiDetection(SkippingItems, VisionDataset):
    """Pictures and their boxes, as torchvision's detection references take them.

    An item is the picture, as of :class:`.PgiFolder`, and a dict:

    - ``boxes``: float32 ``tv_tensors.BoundingBoxes`` (N, 4), XYXY, in units of the picture that is returned,
      whose (height, width) is ``canvas_size``: divided by the scale, by 8 for previews and by 16 for latents,
      shifted and clipped to a window. What has no area left, or less of it than ``min_visible``, is dropped.
    - ``labels``: int64 (N,). 0 is left to the background.
    - ``area``: float32 (N,), of the boxes.
    - ``iscrowd``: int64 (N,), 1 where COCO says so.
    - ``image_id``: int; COCO's, else the place in the dataset.
    - ``masks``, if asked for: uint8 ``tv_tensors.Mask`` (N, H, W), 1 inside the outline; a box without an
      outline is filled.
    - ``keypoints``, if asked for: float32 ``tv_tensors.KeyPoints`` (N, K, 2), and ``visibility``: int64
      (N, K), COCO's 0, 1 or 2.

    Where ``window`` gives several, picture and target are lists.

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
        masks: give masks, of COCO's segmentations or of the polygons in the files.
        keypoints: give COCO's keypoints.
        min_visible: share of a box's area, 0 to 1, that must lie in the window.
        others: read pictures of other formats too, where there is no ``.pgi``; else they are left out, and a
            :class:`pgic_core.PgiWarning` says how many.
        exif_transpose: turn pictures upright, and take annotations and windows for those of upright pictures,
            as most other tools write them.
        on_damage: what to do with a file that cannot be read as it was coded. "raise"; "conceal" fills what
            is damaged; "skip" warns, which names the file, and gives the next sound item in its place.
        device, half: as for :class:`.PgiLoader`.
        latent_cache: bytes of memory in each worker for whole latents of the epoch before; see
            :class:`.LatentCache`.
        keys: of encrypted files, as of :func:`pgic_core.open_file`. Workers that are spawned need paths of
            key files, since keys themselves cannot be pickled.

    Attributes:
        classes: names of the classes by number.
        pictures: paths and boxes, in pixels of stored pictures, or of upright ones with ``exif_transpose``.

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
        masks: bool = False,
        keypoints: bool = False,
        min_visible: float = 0.0,
        others: bool = False,
        exif_transpose: bool = False,
        on_damage: DatasetDamage = "raise",
        device: torch.device | str = "cpu",
        half: bool = False,
        latent_cache: int = 0,
        keys: KeysLike | None = None,
    ) -> None:
        super().__init__(root, transforms, transform, target_transform)
        if not 0 <= min_visible <= 1:
            raise PgiOptionError(f"min_visible must be from 0 to 1, not {min_visible!r}.")
        self._skipping = Skipping(on_damage)
        self.loader = PgiLoader(
            level,
            window,
            mode,
            scale,
            device,
            half,
            self._skipping.of_loader,
            exif_transpose=exif_transpose,
            latents=LatentCache(latent_cache),
            keys=keys,
        )
        self.masks, self.keypoints, self.min_visible = masks, keypoints, min_visible
        folder = Path(self.root)
        found = Pictures(folder, others=others)
        self.pictures: list[Annotated]
        self.classes: dict[int, str]
        if annotations is None:
            self.pictures, self.classes = read_own(folder, classes, upright=exif_transpose, keys=keys)
        elif Path(annotations).is_dir():
            self.pictures, self.classes = read_voc(Path(annotations), found, classes)
        else:
            self.pictures, self.classes = read_coco(
                Path(annotations), found, classes, outlines=masks, points=keypoints
            )
        tell_left_out(folder, found.left_out)
        if not self.pictures:
            raise PgiInputError(f"There is no picture in {annotations or root}.")

    def __len__(self) -> int:
        return len(self.pictures)

    def _item(self, index: int) -> tuple[Any, Any]:
        picture = self.pictures[index]
        loaded = self.loader.load(picture.path)
        with naming(picture.path):
            if not isinstance(loaded, list):
                return self._transformed(loaded.image, self._target(picture, loaded))
            pairs = [self._transformed(one.image, self._target(picture, one)) for one in loaded]
        return [image for image, _ in pairs], [target for _, target in pairs]

    def _transformed(self, image: Any, target: dict[str, Any]) -> tuple[Any, Any]:
        return (image, target) if self.transforms is None else tuple(self.transforms(image, target))

    def _target(self, picture: Annotated, loaded: Loaded) -> dict[str, Any]:
        height, width = loaded.image.shape[-2:]
        corners = torch.tensor([box.corners for box in picture.boxes], dtype=torch.float32).reshape(-1, 4)
        corners -= torch.tensor([loaded.left, loaded.top] * 2)
        corners /= loaded.factor
        whole = (corners[:, 2:] - corners[:, :2]).prod(1)
        corners = corners.clamp(min=torch.zeros(4), max=torch.tensor([width, height] * 2))
        sides = corners[:, 2:] - corners[:, :2]
        kept = (sides > 0).all(1) & (sides.prod(1) >= self.min_visible * whole)
        boxes = [box for box, keep in zip(picture.boxes, kept.tolist(), strict=True) if keep]
        target = {
            "boxes": tv_tensors.BoundingBoxes(corners[kept], format="XYXY", canvas_size=(height, width)),
            "labels": torch.tensor([box.label for box in boxes], dtype=torch.int64),
            "area": sides[kept].prod(1),
            "iscrowd": torch.tensor([int(box.crowd) for box in boxes], dtype=torch.int64),
            "image_id": picture.image_id,
        }
        if self.masks:
            target["masks"] = tv_tensors.Mask(masks_of(boxes, loaded, height, width))
        if self.keypoints:
            points, target["visibility"] = keypoints_of(boxes, loaded)
            target["keypoints"] = tv_tensors.KeyPoints(points, canvas_size=(height, width))
        return target
