"""Training pictures from folders, decoded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ...errors import PgiInputError
from ...limits import PHOTO_FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["decode_picture", "load_folders", "picture_paths"]

_SUFFIXES = {".avif", ".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"}


def picture_paths(folder: Path, exclude: Iterable[str] = ()) -> list[Path]:
    """The pictures of a folder, sorted, without files whose name contains one of ``exclude``.

    Raises:
        PgiInputError: there are none.
    """
    banned = tuple(exclude)
    paths = sorted(
        p
        for p in folder.glob("*")
        if p.suffix.lower() in _SUFFIXES and not any(word in p.name for word in banned)
    )
    if not paths:
        raise PgiInputError(f"There are no training pictures in {folder}.")
    return paths


def decode_picture(path: Path) -> NDArray[np.uint8]:
    """A picture as uint8 ``(H, W, 3)``.

    Raises:
        PgiInputError: it cannot be decoded.
    """
    try:
        with Image.open(path, formats=PHOTO_FORMATS) as image:
            return np.array(image.convert("RGB"))
    except (OSError, ValueError) as error:
        raise PgiInputError(f"The training picture {path} cannot be decoded: {error}.") from error


def load_folders(root: str | Path, folders: Iterable[str]) -> dict[str, list[NDArray[np.uint8]]]:
    """Decode every picture of the named folders below ``root``.

    Returns:
        Folder name to ``(H, W, 3)`` uint8 arrays.

    Raises:
        PgiInputError: a folder is missing, or holds something that cannot be read.
    """
    with ThreadPoolExecutor(4) as pool:
        return {
            folder: list(pool.map(decode_picture, picture_paths(Path(root) / folder))) for folder in folders
        }
