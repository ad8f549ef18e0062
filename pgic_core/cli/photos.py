"""Photos in and out, by Pillow."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Any

from ..container import atomic_write
from ..errors import PgiInputError, PgiUnsupportedError
from ..limits import PHOTO_FORMATS
from .paths import STREAM, Source
from .streams import read_stream, stdin_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from PIL import Image

    from ..api import PgiFile
    from ..codec.picture import Picture

__all__ = [
    "PHOTO_SUFFIXES",
    "WRITTEN_SUFFIXES",
    "coded_photo",
    "open_photo",
    "read_stdin",
    "streamed_photo",
    "write_output",
]

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
        PgiLimitError: there is more than ``stream_bytes``.
    """
    return read_stream(stdin_stream(), "Standard input")


def open_photo(name: str) -> tuple[Image.Image, int]:
    """A photo, opened but not yet decoded, and the bytes of its file.

    Args:
        name: path, or :data:`STREAM`.

    Raises:
        PgiInputError: it cannot be opened.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        if Source(name, name).is_stream:
            data = read_stdin() if name == STREAM else _read_pipe(name)
            return Image.open(io.BytesIO(data), formats=PHOTO_FORMATS), len(data)
        return Image.open(name, formats=PHOTO_FORMATS), os.path.getsize(name)
    except UnidentifiedImageError as error:
        raise PgiInputError("This is no picture, or one of a kind that Pillow does not know.") from error
    except Image.DecompressionBombError as error:
        raise PgiInputError(f"The picture is too large for Pillow: {error}") from error


def _read_pipe(name: str) -> bytes:
    with open(name, "rb", buffering=0) as stream:
        return read_stream(stream, name)


def coded_photo(
    file: PgiFile, picture: Picture, suffix: str, quality: int | None, *, whole: bool
) -> memoryview:
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
        return out.getbuffer()
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
    return out.getbuffer()


def streamed_photo(
    file: PgiFile, suffix: str, threads: int, progress: Callable[[float], None]
) -> Iterator[bytes | memoryview] | None:
    """The whole picture as a photo file in pieces, decoded strip by strip while they are written.

    Only kinds that are nothing but a header and the samples: ``.npy``, and of 8 bits ``.ppm``, ``.pgm`` and
    ``.pnm``. Memory then does not grow with the height of the picture.

    Returns:
        The pieces, or None where the kind cannot be written so.
    """
    import numpy as np

    from ..codec.picture import Channels, SampleFormat

    grey, rgb = file.channels is Channels.GREY, file.channels is Channels.RGB
    if suffix == ".npy":
        shape = (file.height, file.width) if grey else (file.height, file.width, int(file.channels))
        head = io.BytesIO()
        described = {"descr": file.sample_format.dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(head, described)
        start = head.getvalue()
    elif file.sample_format is SampleFormat.UINT8 and (suffix, file.channels) in (
        (".ppm", Channels.RGB),
        (".pnm", Channels.RGB),
        (".pgm", Channels.GREY),
        (".pnm", Channels.GREY),
    ):
        start = f"P{6 if rgb else 5}\n{file.width} {file.height}\n255\n".encode()
    else:
        return None
    return _pieces(start, file.strips(threads=threads, progress=progress))


def _pieces(start: bytes, strips: Iterator[NDArray[Any]]) -> Iterator[bytes | memoryview]:
    yield start
    for strip in strips:
        yield strip.data if strip.flags.c_contiguous else strip.tobytes()


def write_output(name: str, data: bytes | memoryview, *, replace: bool = True) -> None:
    """Write a file in one step, or to standard output.

    Args:
        name: path, or :data:`STREAM`.
        data: its content.
        replace: whether a file that is there may be replaced.

    Raises:
        PgiInputError: it cannot be written.
        BrokenPipeError: whoever read standard output has gone.
    """
    if name != STREAM:
        atomic_write(name, data, replace=replace)
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
