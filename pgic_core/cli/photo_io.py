"""Photos in and out, by Pillow."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..container import atomic_write
from ..errors import PgiInputError
from ..folders import natural
from ..photos.foreign_photo import OPTIONAL_FORMATS, missing_package, open_foreign_photo
from .paths import STREAM, Source, find_sources
from .pipe_inputs import read_stream, stdin_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from PIL import Image

    from ..api import PgiFile
    from ..options import DecodeOptions

__all__ = [
    "OPTIONAL_SUFFIXES",
    "PHOTO_SUFFIXES",
    "WRITTEN_SUFFIXES",
    "open_photo",
    "photo_sources",
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

OPTIONAL_SUFFIXES = tuple(OPTIONAL_FORMATS)
"""What is taken from a folder where the package that reads it is installed, and else is passed over."""

WRITTEN_SUFFIXES = (*PHOTO_SUFFIXES, ".npy")
"""What ``decode`` writes; ``.npy`` holds the samples as they are, of every format."""


def read_stdin() -> bytes:
    """All of standard input.

    Raises:
        PgiInputError: it cannot be read, or is a terminal.
        PgiLimitError: there is more than ``stream_bytes``.
    """
    return read_stream(stdin_stream(), "Standard input")


def photo_sources(arguments: Sequence[str], *, of_sequence: bool = False) -> tuple[list[Source], list[str]]:
    """The photos that arguments name, and those in folders that are passed over.

    Args:
        arguments: as for :func:`.paths.find_sources`.
        of_sequence: whether they become frames: then the digits in names count as numbers.

    Returns:
        The sources; and for each package that is not installed a phrase that counts the photos it would read.
    """
    order = natural if of_sequence else None
    found = find_sources(arguments, (*PHOTO_SUFFIXES, *OPTIONAL_SUFFIXES), order=order)
    sources: list[Source] = []
    passed_over: dict[tuple[str, str], int] = {}
    for source in found:
        suffix = Path(source.name).suffix.lower()
        package = missing_package(suffix)
        if package is None or source.name in arguments:
            sources.append(source)
        else:
            passed_over[suffix, package] = passed_over.get((suffix, package), 0) + 1
    return sources, [
        f"{count} {suffix} file{'s' * (count > 1)} passed over: install {package} to read {suffix}"
        for (suffix, package), count in passed_over.items()
    ]


def open_photo(name: str, frame: int | None = None) -> tuple[Image.Image, int]:
    """A photo, opened but not yet decoded, and the bytes of its file.

    Args:
        name: path, or :data:`STREAM`.
        frame: which of its frames, from 1; the first if not given.

    Raises:
        PgiError: as :func:`~pgic_core.photos.foreign_photo.open_foreign_photo`.
    """
    if Source(name, name).is_stream:
        data = read_stdin() if name == STREAM else _read_pipe(name)
        return open_foreign_photo(data, frame=frame), len(data)
    return open_foreign_photo(name, frame=frame), os.path.getsize(name)


def _read_pipe(name: str) -> bytes:
    with open(name, "rb", buffering=0) as stream:
        return read_stream(stream, name)


def streamed_photo(
    file: PgiFile, suffix: str, options: DecodeOptions, progress: Callable[[float], None]
) -> Iterator[bytes | memoryview] | None:
    """The whole picture as a photo file in pieces, decoded strip by strip while they are written.

    Only kinds that are nothing but a header and the samples: ``.npy``, and ``.ppm``, ``.pgm`` and ``.pnm`` of
    8 or 16 bits of pictures that are upright. Memory then does not grow with the height of the picture.

    Args:
        file: what to decode.
        suffix: of the photo file.
        options: how; without a window, and damage raises.
        progress: called with the share done, 0 to 1.

    Returns:
        The pieces, or None where the kind cannot be written so.
    """
    import numpy as np

    from ..codec.sample_format import Channels, SampleFormat

    grey, rgb = file.channels is Channels.GREY, file.channels is Channels.RGB
    height, width = (-(-side // options.scale) for side in (file.height, file.width))
    order = "="
    if suffix == ".npy":
        shape = (height, width) if grey else (height, width, int(file.channels))
        head = io.BytesIO()
        described = {"descr": file.sample_format.dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(head, described)
        start = head.getvalue()
    elif (
        file.sample_format in (SampleFormat.UINT8, SampleFormat.UINT16)
        and file.orientation == 1
        and (suffix, file.channels)
        in ((".ppm", Channels.RGB), (".pnm", Channels.RGB), (".pgm", Channels.GREY), (".pnm", Channels.GREY))
    ):
        top = (1 << file.sample_format.bits) - 1
        start = f"P{6 if rgb else 5}\n{width} {height}\n{top}\n".encode()
        order = ">"  # of samples of two bytes
    else:
        return None
    strips = file.strips(
        level=options.level,
        scale=options.scale,
        regions=options.regions,
        threads=options.threads,
        progress=progress,
    )
    return _pieces(start, strips, order)


def _pieces(start: bytes, strips: Iterator[NDArray[Any]], order: str) -> Iterator[bytes | memoryview]:
    yield start
    for strip in strips:
        stored = strip.astype(strip.dtype.newbyteorder(order), copy=False)  # type: ignore[arg-type]
        yield stored.data if stored.flags.c_contiguous else stored.tobytes()


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
