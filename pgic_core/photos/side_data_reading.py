"""Reading what a Pillow image carries beside its pixels, EXIF, ICC profile and XMP packet."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..camera.tiff_directory import Entry, read_directory
from ..codec.high_bit_depth_samples import file_of
from .photoshop_resources import APP13_HEADER, split_resources
from .png_chunks import PngChunks, read_png_chunks, take_raw_profiles
from .png_colour_profile import gamma_profile, is_srgb
from .side_data import PngText, SideData
from .tiff_exif import tiff_exif
from .unread_parts import name_bytes_behind, unread_parts

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Brought", "read_side_data"]

_XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_IPTC_TAG, _PHOTOSHOP_TAG = 33723, 34377
_IPTC_MARK = b"\x1c"


class Brought:
    """What was read, and what has no place in a ``.pgi`` file.

    Attributes:
        side: IPTC and the like.
        profiles: ``exif``, ``icc`` and ``xmp`` of places where Pillow does not look.
        losses: predicates about what is left out.
        tiff_exif: EXIF made of the tags of a TIFF, for its pixels as they are stored, and turned upright.
    """

    def __init__(self) -> None:
        self.side = SideData()
        self.profiles: dict[str, bytes] = {}
        self.losses: list[str] = []
        self.tiff_exif: tuple[bytes | None, bytes | None] | None = None


def read_side_data(image: Image.Image) -> Brought:
    """Read it, best before the image is loaded, since some formats close their file then.

    Nothing here fails on odd values.
    """
    brought = Brought()
    kind = getattr(image, "format", None)
    with suppress(OSError, ValueError, TypeError, KeyError, IndexError):
        if kind in ("JPEG", "MPO") and hasattr(image, "applist"):
            _read_jpeg(image, brought)
        elif kind == "PNG":
            _read_png(image, brought)
        elif kind == "TIFF" and hasattr(image, "tag_v2"):
            _read_tiff(image, brought)
        elif isinstance(comment := image.info.get("comment"), (bytes, str)) and comment:
            data = comment if isinstance(comment, bytes) else comment.encode()
            brought.side = SideData(comments=(data,))
    # Names that are not sound, and bytes that are cut off: a foreign file is never a reason to stop.
    with suppress(OSError, ValueError, TypeError, KeyError, IndexError, struct.error), file_of(image) as file:
        if file is not None:
            profiles, losses = unread_parts(image, file)
            for name, data in profiles.items():
                brought.profiles.setdefault(name, data)
            brought.losses += losses
    if kind == "HEIF" and (depth := image.info.get("depth_images")):
        brought.losses.append(f"has {len(depth)} depth picture{'s' * (len(depth) > 1)}; none is kept")
    return brought


def _read_jpeg(image: Any, brought: Brought) -> None:
    comments, resources = [], b""
    parts: dict[bytes, dict[int, bytes]] = {}
    for name, data in image.applist:
        if name == "COM":
            comments += [data] if data else []
        elif name == "APP13" and data.startswith(APP13_HEADER):
            resources += data[len(APP13_HEADER) :]
        elif name == "APP1" and data.startswith(_XMP_EXTENSION):
            at = len(_XMP_EXTENSION)  # digest, length of the whole, offset of the part
            parts.setdefault(data[at : at + 36], {})[int.from_bytes(data[at + 36 : at + 40], "big")] = data[
                at + 40 :
            ]
    iptc, photoshop = split_resources(resources)
    extended = _joined(image.info.get("xmp"), parts)
    if parts and not extended:
        brought.losses.append(
            "has extended XMP that is damaged or that its XMP does not name; it is not kept"
        )
    brought.side = SideData(extended, iptc, photoshop, tuple(comments))


def _joined(xmp: object, parts: dict[bytes, dict[int, bytes]]) -> bytes:
    """The extended XMP that the packet names, if all of it is there."""
    for key, pieces in parts.items():
        digest, whole = key[:32], int.from_bytes(key[32:36], "big")
        data = b"".join(pieces[offset] for offset in sorted(pieces))
        if isinstance(xmp, bytes) and digest.upper() in xmp.upper() and len(data) == whole:
            return data
    return b""


def _read_png(image: Any, brought: Brought) -> None:
    with file_of(image) as file:
        chunks = PngChunks() if file is None else read_png_chunks(file)
        if file is not None and chunks.end:
            name_bytes_behind(file, chunks.end, brought.losses)
    if file is None:
        image.load()
        texts = getattr(image, "text", {}).items()
        chunks.texts = [
            PngText(key, str(text), getattr(text, "lang", "") or "", getattr(text, "tkey", "") or "")
            for key, text in texts
            if key != "XML:com.adobe.xmp"
        ]
    brought.profiles = take_raw_profiles(chunks.texts)
    iptc = brought.profiles.pop("iptc", b"")
    photoshop = b""
    if iptc[:1] != _IPTC_MARK:
        iptc, photoshop = split_resources(iptc.removeprefix(APP13_HEADER))
    brought.side = SideData(iptc=iptc, photoshop=photoshop, texts=tuple(chunks.texts))
    if chunks.left_out:
        plural = "s that are" if chunks.left_out > 1 else " that is"
        brought.losses.append(f"has {chunks.left_out} text{plural} too long or damaged; none of them is kept")
    if chunks.unread:
        plural = "s" if len(chunks.unread) > 1 else ""
        brought.losses.append(f"has chunk{plural} {', '.join(chunks.unread)}, which .pgi has no place for")
    if not image.info.get("icc_profile") and "icc" not in brought.profiles and "srgb" not in image.info:
        _read_gamma(image, brought)


def _read_gamma(image: Any, brought: Brought) -> None:
    gamma, chromaticity = image.info.get("gamma"), image.info.get("chromaticity")
    if is_srgb(gamma, chromaticity):
        return
    grey = image.mode in ("1", "L", "LA", "I;16", "I") or (image.mode == "RGBA" and _is_grey_16(image))
    profile = gamma_profile(gamma, chromaticity, grey=grey)
    if profile is None:
        brought.losses.append("has a gamma or primaries that make no sense; they are not kept")
    else:
        brought.profiles["icc"] = profile


def _is_grey_16(image: Any) -> bool:
    """Whether Pillow opened grey and opacity of 16 bits, for which it takes RGBA."""
    return bool(image.tile) and image.tile[0].args == "LA;16B"


def _read_tiff(image: Any, brought: Brought) -> None:
    tags = image.tag_v2
    left_out: list[int] = []
    with file_of(image) as file:
        if file is None:
            return
        order = "<" if tags.prefix == b"II" else ">"
        big = file.read(4)[2:].strip(b"\0") == b"+"
        directory = read_directory(file, tags.offset, order, big=big)
        entries = directory.entries
        stored = tiff_exif(file, tags.offset, upright=False, left_out=left_out)
        brought.tiff_exif = stored, tiff_exif(file, tags.offset, upright=True)
    if directory.lost:
        plural = "s that are" if directory.lost > 1 else " that is"
        brought.losses.append(f"has {directory.lost:,} tag{plural} damaged or too long; none of them is kept")
    iptc, photoshop = split_resources(_data_of(entries.get(_PHOTOSHOP_TAG)))
    own = _data_of(entries.get(_IPTC_TAG))
    if own[3:4] == _IPTC_MARK != own[:1]:  # written as whole numbers of 32 bits of the other byte order
        own = b"".join(own[at : at + 4][::-1] for at in range(0, len(own), 4))
    # Where both are there they say the same, and the tag is what is read first.
    brought.side = SideData(iptc=own.rstrip(b"\0") if own[:1] == _IPTC_MARK else iptc, photoshop=photoshop)
    if image.mode == "RGBA" and "RGBa" in str(getattr(image, "tile", "")):
        brought.losses.append("has colours multiplied by opacity; they are divided by it, and rounded")
    if left_out:
        from PIL import TiffTags

        names = [f"{TiffTags.lookup(tag).name} ({tag})" for tag in left_out[:8]]
        brought.losses.append(f"has {', '.join(names)}, too long for EXIF")


def _data_of(entry: Entry | None) -> bytes:
    return b"" if entry is None else entry.data
