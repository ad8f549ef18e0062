"""Photos in and out, by Pillow."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Any

from ..container import atomic_write
from ..errors import PgiInputError, PgiUnsupportedError
from .paths import STREAM

if TYPE_CHECKING:
    from PIL import Image

    from ..api import PgiFile
    from ..codec.picture import Picture

__all__ = ["PHOTO_SUFFIXES", "WRITTEN_SUFFIXES", "coded_photo", "open_photo", "read_stdin", "write_output"]

PHOTO_SUFFIXES = (
    ".avif",
    ".bmp",
    ".gif",
    ".jfif",
    ".jp2",
    ".jpe",
    ".jpeg",
    ".jpg",
    ".pbm",
    ".pgm",
    ".png",
    ".pnm",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)
"""What is taken from a folder. A file that is named is opened whatever its suffix."""

WRITTEN_SUFFIXES = (*PHOTO_SUFFIXES, ".npy")
"""What ``decode`` writes; ``.npy`` holds the samples as they are, of every format."""

_EXIF_PREFIX = b"Exif\x00\x00"
_XMP_TAG = 700
_JPEG_QUALITY = 95


def read_stdin() -> bytes:
    """All of standard input.

    Raises:
        PgiInputError: it cannot be read, or is a terminal.
    """
    if sys.stdin.isatty():
        raise PgiInputError("Standard input is a terminal; give a file, or put one in with '<'.")
    return sys.stdin.buffer.read()


def open_photo(name: str) -> tuple[Image.Image, int]:
    """A photo, opened but not yet decoded, and the bytes of its file.

    Args:
        name: path, or :data:`STREAM`.

    Raises:
        PgiInputError: it cannot be opened.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        if name == STREAM:
            data = read_stdin()
            return Image.open(io.BytesIO(data)), len(data)
        return Image.open(name), os.path.getsize(name)
    except UnidentifiedImageError as error:
        raise PgiInputError("This is no picture, or one of a kind that Pillow does not know.") from error
    except Image.DecompressionBombError as error:
        raise PgiInputError(f"The picture is too large for Pillow: {error}") from error


def coded_photo(file: PgiFile, picture: Picture, suffix: str, quality: int | None, *, whole: bool) -> bytes:
    """A decoded picture as the bytes of a photo file, with what the ``.pgi`` file brings along.

    Args:
        file: the file that it came from: EXIF, ICC, XMP and resolution are handed on.
        picture: the pixels.
        suffix: one of :data:`WRITTEN_SUFFIXES`.
        quality: of JPEG, WebP and AVIF; None for 95 of JPEG and lossless WebP.
        whole: whether this is the whole picture in full size; else its resolution is left out.

    Raises:
        PgiUnsupportedError: the photo format cannot hold the picture or its profiles.
    """
    from PIL import Image

    out = io.BytesIO()
    if suffix == ".npy":
        import numpy as np

        np.save(out, picture.to_array(), allow_pickle=False)
        return out.getvalue()
    Image.init()
    kind = Image.registered_extensions().get(suffix)
    if kind not in Image.SAVE:
        raise PgiUnsupportedError(f"This build of Pillow does not write {suffix}.")
    try:
        image = picture.to_pil()
    except PgiUnsupportedError as error:
        raise PgiUnsupportedError(f"{error} A .npy file can hold it.") from error
    try:
        image.save(out, kind, **_save_options(file, kind, quality, whole))
    except (OSError, ValueError, KeyError) as error:
        raise PgiUnsupportedError(f"{kind} cannot hold this picture: {error}.") from error
    return out.getvalue()


def write_output(name: str, data: bytes) -> None:
    """Write a file in one step, or to standard output.

    Raises:
        PgiInputError: it cannot be written.
        BrokenPipeError: whoever read standard output has gone.
    """
    if name != STREAM:
        atomic_write(name, data)
        return
    if sys.stdout.isatty():
        raise PgiInputError("Standard output is a terminal; name a file, or send it on with '>' or '|'.")
    rest = memoryview(data)
    while rest:  # with PYTHONUNBUFFERED a single write may take less than all
        rest = rest[sys.stdout.buffer.write(rest) :]
    sys.stdout.buffer.flush()


def _save_options(file: PgiFile, kind: str, quality: int | None, whole: bool) -> dict[str, Any]:
    options: dict[str, Any] = {}
    exif, xmp = file.exif, file.xmp
    if exif:
        # Pillow's JPEG writer takes the bytes as they are, and readers look for the prefix.
        options["exif"] = exif if exif.startswith(_EXIF_PREFIX) else _EXIF_PREFIX + exif
    if file.icc_profile:
        options["icc_profile"] = file.icc_profile
    if file.dpi and whole:
        options["dpi"] = file.dpi
    if xmp and kind == "PNG":
        from PIL import PngImagePlugin

        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
        options["pnginfo"] = text
    elif xmp and kind == "TIFF":
        from PIL import Image

        tags = Image.Exif()
        tags.load(options.get("exif", b""))
        tags[_XMP_TAG] = xmp
        options["exif"] = tags
    elif xmp:
        options["xmp"] = xmp
    # TIFF stays uncompressed: Pillow's compressing writer fails on EXIF that holds an IFD of its own.
    if quality is not None and kind != "TIFF":
        options["quality"] = quality
    elif kind == "JPEG":
        options["quality"] = _JPEG_QUALITY
    elif kind == "WEBP":
        options |= {"lossless": True, "exact": True}
    return options
