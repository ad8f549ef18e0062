"""The one place where photos of other formats are opened: by Pillow, and only the formats named here."""

from __future__ import annotations

import io
import os
from importlib import import_module
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING

from ..codec.jpeg_scans import MOST_SCANS, has_too_many_scans
from ..codec.jxl_header import jxl_header
from ..errors import PgiError, PgiInputError, PgiOptionError
from ..limits import PHOTO_FORMATS, Limits
from .photo_frame_count import FrameCount, count_frames
from .photo_refusal import why_not_opened

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["OPTIONAL_FORMATS", "missing_package", "open_foreign_photo"]

_FORMATS = (*PHOTO_FORMATS, "MPO", "HEIF", "JXL")

OPTIONAL_FORMATS = {
    ".heic": ("pillow_heif", "pillow-heif"),
    ".heif": ("pillow_heif", "pillow-heif"),
    ".hif": ("pillow_heif", "pillow-heif"),
    ".jxl": ("pillow_jxl", "pillow-jxl-plugin"),
}
"""Suffixes of formats that a further package reads: its module, and the name to install it by."""

_PILLOW_MODULES = ("Avif", "Bmp", "Gif", "Jpeg2K", "Jpeg", "Mpo", "Png", "Ppm", "Tiff", "WebP")


def open_foreign_photo(
    source: str | os.PathLike[str] | bytes, *, frame: int | None = None, limits: Limits | None = None
) -> Image.Image:
    """Open a photo; its pixels are decoded later, when they are asked for.

    Args:
        source: a path, or the bytes of a file.
        frame: which of its frames to stand at, counted from 1; the first if not given.
        limits: ``pixels`` bounds its size, which is checked from its header.

    Returns:
        The photo, which is a context manager.

    Raises:
        PgiInputError: this is no photo, one of a format that is not opened, or it cannot be read.
        PgiLimitError: it has more pixels than the limits allow.
        PgiOptionError: it does not have so many frames.
        OSError: the file cannot be opened.
    """
    from PIL import Image, UnidentifiedImageError

    limits = limits or Limits.from_environment()
    formats = _known_formats()
    file = io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb")  # noqa: SIM115
    try:
        if (header := jxl_header(file)) is not None:  # its plugin decodes while it opens
            limits.check("pixels", header.width * header.height, "The picture")
        if has_too_many_scans(file):
            raise PgiInputError(f"The JPEG has more than {MOST_SCANS} scans, which no camera writes.")
        try:
            image: Image.Image = Image.open(file, formats=formats)
        except UnidentifiedImageError:
            if (other := _other_tiff(file)) is None:
                raise
            image = other
        limits.check("pixels", image.width * image.height, "The picture")
        if frame is not None:
            _seek(image, frame, limits)
    except UnidentifiedImageError as error:
        file.close()
        raise PgiInputError(_why(source)) from error
    except Image.DecompressionBombError as error:
        file.close()
        raise PgiInputError(f"The picture is too large for Pillow: {error}") from error
    except PgiError:
        file.close()
        raise
    except Exception as error:  # a foreign parser on hostile bytes
        file.close()
        raise PgiInputError(f"The picture cannot be opened: {error}.") from error
    if not isinstance(source, bytes):
        image.filename = os.fspath(source)  # type: ignore[attr-defined]  # as Image.open() sets it for paths
        image._exclusive_fp = True  # type: ignore[attr-defined]  # it closes the file
    return image


def _other_tiff(file: IO[bytes]) -> Image.Image | None:
    """A TIFF of a kind for which Pillow has no mode; None if it is none of those that are read here."""
    from ..codec.high_bit_depth_samples import AnyTiffFile

    file.seek(0)
    is_tiff = file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    file.seek(0)
    try:
        return AnyTiffFile(file) if is_tiff else None
    except SyntaxError:
        return None


def missing_package(suffix: str) -> str | None:
    """The package to install before photos of a suffix can be read; None if they can be, or never can."""
    module, package = OPTIONAL_FORMATS.get(suffix.lower(), ("", ""))
    return package if module and find_spec(module) is None else None


def _known_formats() -> list[str]:
    """Those of :data:`_FORMATS` that can be read here, their plugins loaded."""
    from PIL import Image

    for name in _PILLOW_MODULES:
        import_module(f"PIL.{name}ImagePlugin")
    absent = set()
    if find_spec("pillow_heif") is None:
        absent.add("HEIF")
    else:
        import_module("pillow_heif").register_heif_opener()
    if find_spec("pillow_jxl") is None:
        absent.add("JXL")
    else:
        import_module("pillow_jxl")
    return [name for name in _FORMATS if name in Image.OPEN and name not in absent]


def _seek(image: Image.Image, frame: int, limits: Limits) -> None:
    frames: FrameCount = count_frames(image, limits)
    if not 1 <= frame <= frames.count:
        plural = "frame" if frames.count == 1 else "frames"
        raise PgiOptionError(f"The picture has {frames.count} {plural}, so there is no frame {frame}.")
    image.seek(frames.positions[frame - 1])
    # Frames of a TIFF have sizes of their own.
    limits.check("pixels", image.width * image.height, "The picture")


def _why(source: str | os.PathLike[str] | bytes) -> str:
    package = None if isinstance(source, bytes) else missing_package(os.path.splitext(source)[1])
    return f"To read this kind of picture, install {package}." if package else why_not_opened(source)
