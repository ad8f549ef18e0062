"""Pictures in class folders."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from torchvision.datasets import DatasetFolder

from pgic_core.folders import files_below

from .bad_file_skipping import Skipping, SkippingItems
from .file_loader import PgiLoader
from .latent_cache import LatentCache
from .other_formats import OTHER_EXTENSIONS, tell_left_out

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from pgic_core.security.keyring import KeysLike

    from .bad_file_skipping import DatasetDamage
    from .file_loader import LoadLevel, WindowLike

__all__ = ["EXTENSIONS", "PgiFolder"]

EXTENSIONS = (".pgi",)


class PgiFolder(SkippingItems, DatasetFolder):
    """``root/class/.../name.pgi``, as ``torchvision.datasets.ImageFolder`` reads other formats.

    An item is the picture, a uint8 ``tv_tensors.Image`` (C, H, W) or for ``level="latent"`` a float32 tensor
    (M, h, w), and the number of its class.

    Args:
        root: folder that holds one folder for each class.
        transform: takes the picture and gives what is wanted of it.
        target_transform: likewise for the number of the class.
        is_valid_file: says of a path whether it belongs to the dataset; if not given, ``.pgi`` files do.
        allow_empty: take classes without a picture too, instead of raising.
        level: "fast", "preview", "latent" or another of :func:`pgic_core.decode`.
        scale: 1, 2, 4 or 8, by which each side of the picture is smaller; not for latents.
        window: x, y, width, height in stored pixels, or what gives one for the width and height of a
            picture, such as :class:`.RandomWindow`.
        mode: as for :func:`.decode_pgi`.
        others, exif_transpose, on_damage, device, half, latent_cache, keys: as for
            :class:`.PgiDetection`.

    Attributes:
        classes: names of the classes, sorted.
        class_to_idx: their numbers by name.
        samples: path and number of the class of each picture; ``imgs`` is the same.
        targets: number of the class of each picture.

    Raises:
        FileNotFoundError: there is no class, or one without a picture.
        PgiOptionError: ``level`` is none of its values.
        PgiError: of an item, as :func:`.decode_pgi`.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        *,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
        level: LoadLevel = "fast",
        scale: int = 1,
        window: WindowLike = None,
        mode: Any = "RGB",
        others: bool = False,
        exif_transpose: bool = False,
        on_damage: DatasetDamage = "raise",
        device: torch.device | str = "cpu",
        half: bool = False,
        latent_cache: int = 0,
        keys: KeysLike | None = None,
    ) -> None:
        self._skipping = Skipping(on_damage)
        extensions = (*EXTENSIONS, *OTHER_EXTENSIONS) if others else EXTENSIONS
        super().__init__(
            root,
            PgiLoader(
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
            ),
            extensions if is_valid_file is None else None,
            transform=transform,
            target_transform=target_transform,
            is_valid_file=is_valid_file,
            allow_empty=allow_empty,
        )
        self.imgs = self.samples
        if is_valid_file is None and not others:
            tell_left_out(root, list(files_below(root, OTHER_EXTENSIONS, hidden=True, follow_links=True)))

    def _item(self, index: int) -> tuple[Any, Any]:
        path, number = self.samples[index]
        image = self.loader(path)
        if self.transform is not None:
            image = (
                [self.transform(one) for one in image] if isinstance(image, list) else self.transform(image)
            )
        return image, number if self.target_transform is None else self.target_transform(number)

    @staticmethod
    def make_dataset(
        directory: str | os.PathLike[str],
        class_to_idx: dict[str, int],
        extensions: tuple[str, ...] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """Paths of the pictures, and the numbers of their classes, in the order of torchvision.

        Unlike torchvision's own it takes regular files only, and goes through each folder once for a class,
        so that links in a circle end.

        Args:
            directory: folder of the class folders.
            class_to_idx: numbers of the classes by name.
            extensions: of the files wanted; or
            is_valid_file: says of a path whether it is wanted.
            allow_empty: take classes without a picture too.

        Raises:
            FileNotFoundError: a class has no picture.
        """
        samples = []
        empty = []
        for name, number in sorted(class_to_idx.items()):
            folder = os.path.join(directory, name)
            found = files_below(folder, extensions, hidden=True, follow_links=True)
            paths = sorted(found, key=os.path.split)
            if is_valid_file is not None:
                paths = [path for path in paths if is_valid_file(path)]
            samples += [(path, number) for path in paths]
            if not paths:
                empty.append(name)
        if empty and not allow_empty:
            raise FileNotFoundError(f"There is no picture of the classes {', '.join(empty)} in {directory}.")
        return samples
