"""The pictures of an evaluation: which files, and what of them is measured."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...api.foreign_photo import open_foreign_photo
from ...api.preparing import Description, Profiles, prepare
from ...codec.picture import Picture, upright_pixels
from ...container import ImageType
from ...errors import PgiError, PgiOptionError, PgiWarning
from ...limits import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Subject", "find_subjects"]

_SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("avif", "bmp", "gif", "heic", "heif", "jp2", "jpe", "jpeg", "jpg", "jxl"),
        *("pgm", "png", "pnm", "ppm", "tif", "tiff", "webp"),
    )
)
_LEAST_SIDE = 16


@dataclass(frozen=True, slots=True)
class Subject:
    """One picture.

    Attributes:
        path: its file.
        name: path below the folder that is evaluated, with slashes.
        digest: SHA-256 of the file, in hexadecimal.
        file_bytes: size of the file.
        width: pixels of the upright picture.
        height: likewise.
        kind: ``visible``, which goes to the learned codec, or why it is stored without loss:
            ``infrared``, or its channels and bits, such as ``grey, 16 bits``.
    """

    path: Path
    name: str
    digest: str
    file_bytes: int
    width: int
    height: int
    kind: str

    @property
    def visible(self) -> bool:
        """Whether the learned codec is made for it (A-6.1a, A-6.1c)."""
        return self.kind == "visible"

    def load(self) -> Picture:
        """The upright picture; opacity is left out."""
        return _load(self.path)

    def rgb(self) -> NDArray[np.uint8]:
        """``(H, W, 3)`` of a visible picture."""
        return self.load().pixels[..., :3]


def find_subjects(folder: Path, limit: int | None = None) -> tuple[list[Subject], list[tuple[str, str]]]:
    """All pictures in a folder and the folders below it, in the order of their names.

    Args:
        folder: the folder, or one picture.
        limit: of pictures.

    Returns:
        The pictures, and name and reason of each file that cannot be measured.

    Raises:
        PgiOptionError: there is no picture.
    """
    single = folder.is_file()
    paths = [folder] if single else [p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES]
    subjects: list[Subject] = []
    refused: list[tuple[str, str]] = []
    for path in sorted(path for path in paths if path.is_file()):
        if limit is not None and len(subjects) == limit:
            break
        name = path.name if single else path.relative_to(folder).as_posix()
        try:
            picture = _load(path)
        except (PgiError, OSError) as error:
            refused.append((name, str(error)))
            continue
        if min(picture.width, picture.height) < _LEAST_SIDE:
            refused.append((name, f"A picture to measure has at least {_LEAST_SIDE} pixels on each side."))
            continue
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        subjects.append(Subject(path, name, digest, len(data), picture.width, picture.height, _kind(picture)))
    if not subjects:
        raise PgiOptionError(f"There is no picture to measure in {folder}.")
    return subjects, refused


def _load(path: Path) -> Picture:
    with warnings.catch_warnings(), open_foreign_photo(path) as image:
        warnings.simplefilter(
            "ignore", PgiWarning
        )  # what a file would lose beside its pixels matters not here
        nothing = Profiles(None, None, None, None, None, None)
        prepared = prepare(
            image, nothing, Description(None, None, None, None), None, Limits.from_environment()
        )
    pixels = upright_pixels(prepared.picture.pixels, prepared.orientation)
    if pixels.shape[2] in (2, 4):
        pixels = pixels[..., :-1]
    return Picture(np.ascontiguousarray(pixels), prepared.picture.image_type)


def _kind(picture: Picture) -> str:
    if picture.image_type == ImageType.INFRARED:
        return "infrared"
    if picture.learnable:
        return "visible"
    channels: Sequence[str] = ("grey", "", "RGB")
    return f"{channels[picture.pixels.shape[2] - 1]}, {picture.sample_format.bits} bits"
