"""The pictures of an evaluation: which files, and what of them is measured."""

from __future__ import annotations

import hashlib
import math
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ...api.preparing import Description, Profiles, prepare
from ...codec.orientation import upright_pixels
from ...codec.picture import Picture
from ...container import ImageType
from ...errors import PgiError, PgiOptionError, PgiWarning
from ...limits import Limits
from ...photos.foreign_photo import open_foreign_photo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Subject", "find_all", "find_subjects"]

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
        digest: SHA-256 of the file, in hexadecimal; of a picture that was scaled down, and its size after it.
        file_bytes: size of the file; 0 of a picture that was scaled down.
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
        picture = _load(self.path)
        if (picture.width, picture.height) == (self.width, self.height):
            return picture
        small = Image.fromarray(picture.pixels).resize((self.width, self.height), Image.Resampling.LANCZOS)
        return Picture(np.asarray(small), picture.image_type)

    def rgb(self) -> NDArray[np.uint8]:
        """``(H, W, 3)`` of a visible picture."""
        return self.load().pixels[..., :3]

    def within(self, megapixels: float) -> Subject:
        """The picture scaled down to so many megapixels if it is visible and larger, else as it is."""
        scale = math.sqrt(megapixels * 1e6 / (self.width * self.height))
        if scale >= 1 or not self.visible:
            return self
        width, height = (max(1, round(side * scale)) for side in (self.width, self.height))
        digest = f"{self.digest}@{width}x{height}"
        return replace(self, digest=digest, file_bytes=0, width=width, height=height)


def find_all(
    folders: Sequence[Path], limit: int | None = None, most_megapixels: float | None = None
) -> tuple[list[Subject], list[tuple[str, str]]]:
    """The pictures of several folders; where there are several, names begin with that of their folder.

    Args:
        folders: each as :func:`find_subjects` takes it.
        limit: of pictures from each.
        most_megapixels: larger visible pictures are scaled down to it; None to take all as they are.

    Returns:
        As :func:`find_subjects`.

    Raises:
        PgiOptionError: there is no picture in one of them, or two have the same name.
    """
    subjects: list[Subject] = []
    refused: list[tuple[str, str]] = []
    for folder in folders:
        start = f"{folder.resolve().name}/" if len(folders) > 1 and folder.is_dir() else ""
        found, not_taken = find_subjects(folder, limit)
        subjects += [replace(subject, name=start + subject.name) for subject in found]
        refused += [(start + name, reason) for name, reason in not_taken]
    if len({subject.name for subject in subjects}) < len(subjects):
        raise PgiOptionError("Two of the pictures have the same folder and name.")
    if most_megapixels is not None:
        subjects = [subject.within(most_megapixels) for subject in subjects]
    return subjects, refused


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
