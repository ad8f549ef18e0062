"""Why a file is not opened as a photo, in plain words: what it is, and what of it is not read."""

from __future__ import annotations

import io
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ..camera.tiff_directory import Directory, read_directory, tiff_order
from ..magic import MAGIC

if TYPE_CHECKING:
    import os

__all__ = ["why_not_opened"]

_HEAD = 32
# How files of other kinds start, or what stands a few bytes behind their start: offset, bytes, name.
_KINDS = (
    (0, b"P7\n", "a PAM picture"),
    (0, b"PF\n", "a PFM picture in colour"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript document"),
    (0, b"%PDF", "a PDF document"),
    (0, b"SIMPLE  =", "a FITS picture"),
    (0, b"v/1\x01", "an OpenEXR picture"),
    (0, b"#?RADIANCE", "a Radiance picture"),
    (0, b"FUJIFILMCCD-RAW", "a raw photo"),
    (0, b"IIU\0", "a raw photo"),
    (0, b"IIRO", "a raw photo"),
    (0, b"IIRS", "a raw photo"),
    (0, b"MMOR", "a raw photo"),
    (4, b"ftypcrx ", "a raw photo"),
    (0, b"II\xbc\x01", "a JPEG XR picture"),
    (0, b"\xff\xd8\xff\xf7", "a JPEG-LS picture"),
    (0, b"<svg", "an SVG drawing"),
    (0, b"qoif", "a QOI picture"),
)
_PACKAGES = (
    (4, (b"ftyphe", b"ftypmif1", b"ftypmsf1"), "pillow_heif", "pillow-heif"),
    (0, (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n"), "pillow_jxl", "pillow-jxl-plugin"),
)
_DAMAGED = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (0, b"BM", "BMP"),
    (4, b"jP  \r\n", "JPEG 2000"),
    (4, b"ftyphe", "HEIF"),
    (4, b"ftypmif1", "HEIF or AVIF"),
    (4, b"ftypmsf1", "HEIF or AVIF"),
    (4, b"ftypavi", "AVIF"),
)
_SAMPLE_FORMATS = {1: "whole numbers", 2: "signed whole numbers", 3: "floats", 5: "complex whole numbers"}
_COMPLEX = (5, 6)


def why_not_opened(source: str | os.PathLike[str] | bytes) -> str:
    """A sentence about a file that no reader took for a photo.

    Args:
        source: a path, or the bytes of the file.

    Raises:
        OSError: the file cannot be read.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
        head = file.read(_HEAD)
        if head.startswith(MAGIC):
            return "This is a .pgi file already."
        for at, starts, module, package in _PACKAGES:
            if head[at:].startswith(starts) and find_spec(module) is None:
                return f"To read this kind of picture, install {package}."
        for at, start, name in _KINDS:
            if head[at:].startswith(start):
                return f"This is {name}, which is not read here; export it as PNG, TIFF or JPEG."
        for at, start, name in _DAMAGED:
            if head[at:].startswith(start):
                return f"This {name} file is damaged, or of a kind that is not read here."
        if head[4:].startswith(b"ftyp"):
            return "This is a film or a sound, not a picture."
        found = tiff_order(head)
        if found is not None:
            order, big, offset = found
            if big and order == ">":
                return (
                    "This is a BigTIFF of big-endian byte order, which is not read here; export it as TIFF."
                )
            return _why_not_tiff(read_directory(file, offset, order, big=big), order)
    return "This is not a picture, or its format is not read here."


def _why_not_tiff(directory: Directory, order: str) -> str:
    """Which samples of a TIFF are not read."""
    numbers = {tag: entry.number(order) for tag, entry in directory.entries.items()}
    if 256 not in numbers or 257 not in numbers:
        return "This TIFF has no picture on its first page, or is damaged."
    bits, kind = numbers.get(258, 1), numbers.get(339, 1)
    if kind in _COMPLEX:
        return "This TIFF holds complex numbers, which a .pgi file cannot hold; export their magnitude."
    samples = _SAMPLE_FORMATS.get(kind, f"samples of format {kind}")
    return (
        f"This TIFF is of a kind that is not read here: {numbers.get(277, 1)} x {bits} bits of {samples}, "
        f"photometric interpretation {numbers.get(262, 'unknown')}, compression {numbers.get(259, 1)}."
    )
