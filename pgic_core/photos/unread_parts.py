"""What photo files hold that Pillow does not read: it is kept where a ``.pgi`` file has a place, or named."""

from __future__ import annotations

import io
import struct
from typing import IO, TYPE_CHECKING, Any

from ..camera.tiff_directory import read_directory, tiff_order
from ..codec.jpeg_scans import end_of_picture
from .gif_blocks import gif_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["name_bytes_behind", "unread_parts"]

_MOST = 8 << 20
"""Bytes of a profile or packet, at most."""
_BOXES = 4096
_UUID_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_UUID_EXIF = b"JpgTiffExif->JP2"
_WEBP = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP "}
_GIF_READ = {b"NETSCAPE2.0", b"ANIMEXTS1.0"}
_GIF_BLOCKS = 1 << 18
_GIF_XMP, _XMP_TRAILER = b"XMP DataXMP", b"\x01\xff\xfe\xfd"
_ICC_MARK = b"ICC_PROFILE\0"
_PRIMARIES = {9: "BT.2020", 12: "P3"}
_TRANSFERS = {8: "linear", 16: "PQ", 18: "HLG"}
_LIKE_SRGB = {1, 2, 5, 6}
_HEAD = 1 << 16
_GAIN_MAP = b"tmap"
_SUB_DIRECTORIES, _SUBFILE = 0x014A, 0x00FE
_REDUCED = 1


def unread_parts(image: Any, file: IO[bytes]) -> tuple[dict[str, bytes], list[str]]:
    """Look through the file of a photo.

    Args:
        image: as Pillow opened it.
        file: its file, which may seek.

    Returns:
        ``exif``, ``icc`` and ``xmp`` that Pillow passes over; and predicates about what is left out.

    Raises:
        OSError, ValueError, struct.error: the file is damaged.
    """
    readers = {
        "JPEG": _jpeg,
        "WEBP": _webp,
        "GIF": _gif,
        "JPEG2000": _jpeg_2000,
        "BMP": _bmp,
        "AVIF": _nclx,
        "HEIF": _heif,
        "TIFF": _tiff,
    }
    read = readers.get(image.format)
    found: dict[str, bytes] = {}
    losses: list[str] = []
    if read is not None:
        file.seek(0)
        read(image, file, found, losses)
    return found, losses


def name_bytes_behind(file: IO[bytes], end: int, losses: list[str]) -> None:
    """Name what stands behind the end of a picture, unless it only fills up.

    Args:
        file: of the photo.
        end: offset behind the picture.
        losses: gets a predicate.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(end)
    rest = file.read(_HEAD)
    if not rest.strip(b"\0\xff\r\n ") and size - end <= len(rest):
        return
    what = ""
    if rest.startswith(b"\xff\xd8\xff"):
        what = ", another JPEG picture"
    elif b"ftyp" in rest[:64]:
        what = ", a film"
    losses.append(f"has {size - end:,} bytes behind its picture{what}; they are not kept")


def _jpeg(image: Any, file: IO[bytes], found: dict[str, bytes], losses: list[str]) -> None:
    parts: dict[int, bytes] = {}
    count = 0
    for name, data in image.applist:
        if name == "APP2" and data.startswith(_ICC_MARK):
            number, count = data[12], max(count, data[13])
            parts.setdefault(number, data[14:])
        elif name == "APP0" and data.startswith(b"JFXX\0"):
            losses.append("has a thumbnail in a JFXX segment, which is not kept")
    if parts and not image.info.get("icc_profile"):
        if len(parts) >= count:
            found["icc"] = b"".join(parts[number] for number in sorted(parts))
        else:
            losses.append("has an ICC profile of which parts are missing; it is not kept")
    file.seek(0)
    end = end_of_picture(file.read())
    if end is not None:
        name_bytes_behind(file, end, losses)


def _webp(image: Any, file: IO[bytes], found: dict[str, bytes], losses: list[str]) -> None:
    head = file.read(12)
    end = 8 + int.from_bytes(head[4:8], "little")
    others: list[str] = []
    for _ in range(_BOXES):
        head = file.read(8)
        if len(head) < 8 or file.tell() > end:
            break
        if head[:4] not in _WEBP:
            others.append(head[:4].decode("latin-1"))
        length = int.from_bytes(head[4:], "little")
        file.seek(length + length % 2, 1)
    if others:
        losses.append(_has_parts("chunk", others))
    name_bytes_behind(file, end + end % 2, losses)


def _gif(image: Any, file: IO[bytes], found: dict[str, bytes], losses: list[str]) -> None:
    others: list[str] = []
    for block in gif_blocks(file, _GIF_BLOCKS):
        if block.application == _GIF_XMP:
            file.seek(block.start)
            packet, mark, _ = file.read(_MOST).partition(_XMP_TRAILER)
            if mark:
                found.setdefault("xmp", packet)
                continue
        if block.kind == b";":
            name_bytes_behind(file, block.start, losses)
        elif block.application and block.application not in _GIF_READ:
            others.append(block.application.decode("latin-1"))
    if others:
        losses.append(_has_parts("application extension", others))


def _jpeg_2000(image: Any, file: IO[bytes], found: dict[str, bytes], losses: list[str]) -> None:
    others: list[str] = []
    for kind, start, length in _boxes(file):
        file.seek(start)
        data = file.read(min(length, _MOST)) if kind == b"uuid" else b""
        if data.startswith(_UUID_XMP) and len(data) == length:
            found.setdefault("xmp", data[16:])
        elif data.startswith(_UUID_EXIF) and len(data) == length:
            found.setdefault("exif", data[16:])
        elif kind in (b"uuid", b"xml ", b"jumb", b"asoc", b"jp2i"):
            others.append(kind.decode("latin-1").strip())
    if others:
        losses.append(_has_parts("box", others))


def _boxes(file: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and length of what each box of a JP2 holds."""
    size = file.seek(0, io.SEEK_END)
    at = 0
    for _ in range(_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head[:8])
        start = at + 8
        if length == 1 and len(head) == 16:
            (length,) = struct.unpack(">Q", head[8:])
            start = at + 16
        end = size if length == 0 else at + length
        if kind == b"jP\x1a\x1a" or not start <= end <= size:
            return
        yield kind, start, end - start
        at = end


def _bmp(image: Any, file: IO[bytes], found: dict[str, bytes], losses: list[str]) -> None:
    head = file.read(138)
    if len(head) < 138 or int.from_bytes(head[14:18], "little") < 124:
        return
    space = head[70:74]
    at, length = struct.unpack("<II", head[126:134])
    if space == b"DEBM" and 0 < length <= _MOST:  # "MBED" as a number of this byte order
        file.seek(14 + at)
        data = file.read(length)
        if len(data) == length:
            found["icc"] = data
    elif space == b"KNIL":
        losses.append("has its colour profile in another file; it is not kept")


def _nclx(image: Any, file: IO[bytes], found: dict[str, bytes], losses: list[str]) -> None:
    head = file.read(_HEAD)
    at = head.find(b"colrnclx")
    if at >= 0 and not image.info.get("icc_profile"):
        primaries, transfer = struct.unpack_from(">HH", head, at + 8)
        _code_points(primaries, transfer, losses)
    if _GAIN_MAP in head:
        losses.append("has a gain map, which is not kept")


def _heif(image: Any, file: IO[bytes], found: dict[str, bytes], losses: list[str]) -> None:
    nclx = image.info.get("nclx_profile")
    if nclx and not image.info.get("icc_profile"):
        _code_points(int(nclx["color_primaries"]), int(nclx["transfer_characteristics"]), losses)
    for name in image.info.get("aux") or ():
        losses.append(f"has an auxiliary picture {str(name).rpartition(':')[2]!r}, which is not kept")


def _code_points(primaries: int, transfer: int, losses: list[str]) -> None:
    """Name colours (H.273) that are not shown right where they are taken for sRGB."""
    if primaries in _LIKE_SRGB and transfer not in _TRANSFERS:
        return
    name = "" if primaries in _LIKE_SRGB else _PRIMARIES.get(primaries, f"primaries {primaries}")
    parts = [name, _TRANSFERS.get(transfer, "")]
    losses.append(f"has colours of {' with '.join(filter(None, parts))}, which are taken for sRGB")


def _tiff(image: Any, file: IO[bytes], found: dict[str, bytes], losses: list[str]) -> None:
    header = tiff_order(file.read(16))
    if header is None:
        return
    order, big, first = header
    entries = read_directory(file, first, order, big=big).entries
    if _SUB_DIRECTORIES not in entries:
        return
    pointer = entries[_SUB_DIRECTORIES]
    code = "Q" if len(pointer.data) == 8 * pointer.count else "I"
    for offset in struct.unpack(f"{order}{pointer.count}{code}", pointer.data)[:8]:
        below = read_directory(file, offset, order, big=big).entries
        width, height = (below[tag].number(order) if tag in below else 0 for tag in (256, 257))
        reduced = _SUBFILE in below and below[_SUBFILE].number(order) & _REDUCED
        if width * height > image.width * image.height and not reduced:
            losses.append(
                f"has a picture of {width} x {height} below its first page, as raw photos have; "
                f"that page, {image.width} x {image.height}, is coded"
            )
            return


def _has_parts(what: str, names: list[str]) -> str:
    """A predicate about parts that nothing reads; each name once, and not more than eight."""
    once = list(dict.fromkeys(name if name.isprintable() else "?" for name in names))
    plural = ("es" if what.endswith("x") else "s") if len(once) > 1 else ""
    return f"has {what}{plural} {', '.join(once[:8])}, which .pgi has no place for"
