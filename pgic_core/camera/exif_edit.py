"""Taking private or stale tags out of EXIF in place: what stays keeps its bytes and its offsets.

The entries of a tag go from their directory, and its value is overwritten with zeros. Bytes that tags share
with one another, or directories that do not fit in, show EXIF that nobody can edit safely; that is refused.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import PgiUnsupportedError
from .exif import POINTER_KINDS, TYPE_SIZES, tiff_of
from .tiff_directory import EXIF_IFD, GPS_IFD, ORIENTATION

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "orientation_only",
    "with_orientation",
    "with_size",
    "without_device",
    "without_location",
    "without_thumbnail",
]

_INTEROP_IFD = 0xA005
_MAKER_NOTE = 0x927C
# Of the GPS IFD only its version and the time stay.
_GPS_TIME = frozenset((0, 7, 29))
# Whole packets of other standards that TIFF writers put between the tags: XMP, IPTC, Photoshop's blocks.
_PACKETS = frozenset((0x02BC, 0x83BB, 0x8649))
# Make, model, host computer, unique names and serial numbers of camera and lens, owner, id of the picture.
_DEVICE = frozenset(
    (0x010F, 0x0110, 0x013C, 0xA420, 0xA430, 0xA431, 0xA435, 0xC614, 0xC615, 0xC62F, 0xC635, _MAKER_NOTE)
)
_WIDTHS, _HEIGHTS = (0xA002, 0x0100), (0xA003, 0x0101)
_THUMBNAIL, _THUMBNAIL_BYTES = 0x0201, 0x0202
_STRIPS, _STRIP_BYTES = 0x0111, 0x0117
_SHORTS = (3, 8)
_JPEG_START = b"\xff\xd8\xff"
# Directories that another may follow; other writers leave out the offset, which always is 0.
_CHAINED = ("main", "thumbnail")
_MAX_ENTRIES = 1000
_MAX_DIRECTORIES = 16


def orientation_only(orientation: int) -> bytes:
    """EXIF that says the orientation and nothing else; empty for 1, which needs no saying.

    Args:
        orientation: EXIF tag 274, 1 to 8.
    """
    if orientation == 1:
        return b""
    return b"Exif\x00\x00II*\x00" + struct.pack("<LHHHLHHL", 8, 1, ORIENTATION, 3, 1, orientation, 0, 0)


def with_orientation(exif: bytes, orientation: int) -> bytes:
    """Put the orientation into EXIF that does not state one.

    IFD 0 is written again behind all else, so that nothing else moves: makers' notes count from their place.

    Args:
        exif: EXIF bytes whose IFD 0 has no tag 274; may be empty.
        orientation: EXIF tag 274, 2 to 8.
    """
    header = tiff_of(exif)
    if header is None:
        return orientation_only(orientation)
    start, order = header
    tiff = bytearray(exif[start:])
    (at,) = struct.unpack_from(order + "L", tiff, 4)
    count = struct.unpack_from(order + "H", tiff, at)[0] if 8 <= at <= len(tiff) - 2 else 0
    count = min(count, (len(tiff) - at - 2) // 12, _MAX_ENTRIES) if count else 0
    end = at + 2 + 12 * count
    rows = [bytes(tiff[place : place + 12]) for place in range(at + 2, end, 12)]
    rows.append(struct.pack(order + "HHLHH", ORIENTATION, 3, 1, orientation, 0))
    rows.sort(key=lambda row: struct.unpack_from(order + "H", row)[0])
    following = bytes(tiff[end : end + 4]).ljust(4, b"\x00") if count else bytes(4)
    tiff += bytes(len(tiff) & 1)
    struct.pack_into(order + "L", tiff, 4, len(tiff))
    tiff += struct.pack(order + "H", len(rows)) + b"".join(rows) + following
    return exif[:start] + bytes(tiff)


def without_location(exif: bytes) -> bytes:
    """Take out the place: all of the GPS IFD but its time, and packets that may tell it in their own way.

    A maker's note stays; nobody but the maker knows what it tells.

    Args:
        exif: EXIF bytes.

    Raises:
        PgiUnsupportedError: the EXIF is too broken to be edited.
    """
    return _Editor(exif).remove(
        lambda directory, tag: tag not in _GPS_TIME if directory == "GPS" else tag in _PACKETS
    )


def without_device(exif: bytes) -> bytes:
    """Take out maker, model, serial numbers, owner, and the maker's note.

    Args:
        exif: EXIF bytes.

    Raises:
        PgiUnsupportedError: as :func:`without_location`.
    """
    return _Editor(exif).remove(lambda directory, tag: directory != "GPS" and tag in _DEVICE | _PACKETS)


def without_thumbnail(exif: bytes) -> bytes:
    """Take out the thumbnail with its IFD, and a maker's note with a JPEG picture inside.

    Args:
        exif: EXIF bytes.

    Raises:
        PgiUnsupportedError: as :func:`without_location`; also where another JPEG picture is left in it.
    """
    kept = exif
    if tiff_of(exif) is not None:  # else no reader finds any tag in it
        kept = _Editor(exif).remove(lambda directory, tag: directory == "thumbnail")
    if _JPEG_START in kept and tiff_of(kept) is not None:
        kept = _Editor(kept).remove(lambda directory, tag: tag == _MAKER_NOTE)
    if _JPEG_START in kept and tiff_of(kept) is not None:
        # It stood outside of the tag that led to it, or nothing leads to it.
        kept = _Editor(kept).clear_unused()
    if _JPEG_START in kept:
        raise _unsound("it has a picture that no tag leads to")
    return kept


def with_size(exif: bytes, width: int, height: int) -> bytes:
    """Correct the tags that give the size of the picture, where they are there.

    Args:
        exif: EXIF bytes.
        width: pixels, 1 to 65535.
        height: likewise.

    Raises:
        PgiUnsupportedError: as :func:`without_location`.
    """
    if tiff_of(exif) is None:
        return exif
    editor = _Editor(exif)
    for directory in editor.directories:
        if directory.name not in ("main", "Exif"):
            continue
        for entry in directory.entries:
            if entry.kind in (3, 4) and entry.length == 1 and entry.tag in _WIDTHS + _HEIGHTS:
                value = width if entry.tag in _WIDTHS else height
                layout = editor.order + ("HH" if entry.kind == 3 else "L")
                values = (value, 0) if entry.kind == 3 else (value,)
                struct.pack_into(layout, editor.tiff, entry.at + 8, *values)
    return editor.exif()


_Range = tuple[int, int]
"""First byte, and the one behind the last."""


@dataclass(frozen=True, slots=True)
class _Entry:
    at: int
    tag: int
    kind: int
    length: int
    value: int
    data: _Range | None
    """First byte and the one behind the last of a value that stands elsewhere."""


@dataclass(slots=True)
class _Directory:
    name: str
    at: int
    entries: list[_Entry]
    follows: int

    @property
    def table(self) -> _Range:
        """Bytes of its count and entries, and of the offset of the one that follows, where one may."""
        return self.at, self.at + 2 + 12 * len(self.entries) + (4 if self.name in _CHAINED else 0)


class _Editor:
    """EXIF bytes with every directory found: main, Exif, GPS, Interop, thumbnail."""

    def __init__(self, exif: bytes) -> None:
        header = tiff_of(exif)
        if header is None:
            raise _unsound("it does not start as EXIF does")
        start, self.order = header
        self._prefix = exif[:start]
        self.tiff = bytearray(exif[start:])
        self.directories: list[_Directory] = []
        (first,) = struct.unpack_from(self.order + "L", self.tiff, 4)
        self._find(first)

    def exif(self) -> bytes:
        return self._prefix + bytes(self.tiff)

    def remove(self, wanted: Callable[[str, int], bool]) -> bytes:
        """The EXIF without the entries that are ``wanted`` by name of directory and tag."""
        kept: list[_Range] = [(0, 8)]
        gone: list[_Range] = []
        # Some writers store a resolution once for picture and thumbnail, and how long a maker's note is, many
        # do not know: of these, only bytes go that no other tag has.
        unless_kept: list[_Range] = []
        for directory in self.directories:
            whole = all(wanted(directory.name, entry.tag) for entry in directory.entries)
            dropped = whole and directory.name == "thumbnail"
            for entry in directory.entries:
                if entry.data is None:
                    continue
                if not wanted(directory.name, entry.tag):
                    kept.append(entry.data)
                elif dropped or entry.tag == _MAKER_NOTE:
                    unless_kept.append(entry.data)
                else:
                    gone.append(entry.data)
            if dropped:
                gone += [directory.table, *self._pictures(directory)]
            else:
                kept.append(directory.table)
        if any(_shared(gone, kept)):
            raise _unsound("tags share bytes with one another")
        for directory in self.directories:
            if directory.table in gone:
                self._unlink(directory.at)
            else:
                self._shorten(directory, wanted)
        self._clear(gone + _without(unless_kept, kept))
        return self.exif()

    def clear_unused(self) -> bytes:
        """The EXIF with zeros where no tag has its value."""
        used: list[_Range] = [(0, 8)]
        for directory in self.directories:
            used += [directory.table, *(entry.data for entry in directory.entries if entry.data is not None)]
        self._clear(_without([(0, len(self.tiff))], used))
        return self.exif()

    def _clear(self, ranges: list[_Range]) -> None:
        for start, end in _merged(ranges):
            self.tiff[start:end] = bytes(end - start)

    def _find(self, first: int) -> None:
        pending = [("main", first)]
        for name, at in pending:
            if any(directory.at == at for directory in self.directories):
                continue
            if len(self.directories) >= _MAX_DIRECTORIES:
                raise _unsound("it has too many directories")
            if not 8 <= at <= len(self.tiff) - 2:
                continue  # it leads nowhere, for every reader
            directory = self._directory(name, at)
            self.directories.append(directory)
            for entry in directory.entries:
                below = {EXIF_IFD: "Exif", GPS_IFD: "GPS", _INTEROP_IFD: "Interop"}.get(entry.tag)
                if below and name != "GPS" and entry.kind in POINTER_KINDS:
                    # What the thumbnail's own directory names goes with the thumbnail, but for a place.
                    pending.append((below if below == "GPS" or name != "thumbnail" else name, entry.value))
            if directory.follows:
                pending.append(("thumbnail", directory.follows))

    def _directory(self, name: str, at: int) -> _Directory:
        size = len(self.tiff)
        (count,) = struct.unpack_from(self.order + "H", self.tiff, at)
        if count + sum(len(other.entries) for other in self.directories) > _MAX_ENTRIES:
            raise _unsound("it has too many entries")
        end = at + 2 + 12 * min(count, (size - at - 2) // 12)
        entries = []
        for place in range(at + 2, end, 12):
            tag, kind, length, value = struct.unpack_from(self.order + "HHLL", self.tiff, place)
            if kind in _SHORTS:
                (value_here,) = struct.unpack_from(self.order + "H", self.tiff, place + 8)
            else:
                value_here = value
            bytes_ = TYPE_SIZES.get(kind, 1) * length
            # A value that is claimed to reach beyond the end is taken up to there.
            data = (min(value, size), min(value + bytes_, size)) if bytes_ > 4 else None
            if data is not None and kind == 2 and (stop := self.tiff.find(0, *data)) >= 0:
                data = (data[0], stop + 1)  # what is claimed behind the end of a text is not its own
            entries.append(_Entry(place, tag, kind, length, value_here, data))
        # The last directory of some writers ends without saying that none follows.
        follows = 0
        if name in _CHAINED and end + 4 <= size:
            (follows,) = struct.unpack_from(self.order + "L", self.tiff, end)
        return _Directory(name, at, entries, follows)

    def _pictures(self, directory: _Directory) -> list[_Range]:
        """Where the thumbnail's own bytes are."""
        values = {entry.tag: entry for entry in directory.entries}
        found = []
        for start_tag, length_tag in ((_THUMBNAIL, _THUMBNAIL_BYTES), (_STRIPS, _STRIP_BYTES)):
            if start_tag not in values or length_tag not in values:
                continue
            starts, lengths = self._integers(values[start_tag]), self._integers(values[length_tag])
            for start, length in zip(starts, lengths, strict=False):
                end = min(start + length, len(self.tiff))
                if start < end:
                    found.append((start, end))
        return found

    def _integers(self, entry: _Entry) -> tuple[int, ...]:
        letter = {3: "H", 4: "L"}.get(entry.kind)
        if letter is None:
            return ()
        start, end = entry.data or (entry.at + 8, entry.at + 8 + TYPE_SIZES[entry.kind] * entry.length)
        count = (end - start) // TYPE_SIZES[entry.kind]
        return struct.unpack_from(f"{self.order}{count}{letter}", self.tiff, start)

    def _unlink(self, at: int) -> None:
        """Nothing that stays leads to the directory any longer."""
        for directory in self.directories:
            if directory.follows == at:
                struct.pack_into(self.order + "L", self.tiff, directory.table[1] - 4, 0)
                directory.follows = 0

    def _shorten(self, directory: _Directory, wanted: Callable[[str, int], bool]) -> None:
        """Close the gaps that removed entries leave in a directory."""
        start, end = directory.table
        end = min(end, len(self.tiff))
        stay = [entry for entry in directory.entries if not wanted(directory.name, entry.tag)]
        if len(stay) == len(directory.entries):
            return
        table = struct.pack(self.order + "H", len(stay))
        table += b"".join(bytes(self.tiff[entry.at : entry.at + 12]) for entry in stay)
        if directory.name in _CHAINED:
            table += struct.pack(self.order + "L", directory.follows)
        self.tiff[start:end] = table.ljust(end - start, b"\x00")


def _unsound(reason: str) -> PgiUnsupportedError:
    return PgiUnsupportedError(f"The EXIF cannot be edited, only be removed as a whole: {reason}.")


def _merged(ranges: list[_Range]) -> list[_Range]:
    """The same bytes in ranges that are in order and do not overlap."""
    result: list[_Range] = []
    for start, end in sorted(ranges):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        elif start < end:
            result.append((start, end))
    return result


def _shared(first: list[_Range], second: list[_Range]) -> list[_Range]:
    """The bytes that are in both."""
    ours, theirs = _merged(first), _merged(second)
    result, at = [], 0
    for start, end in ours:
        while at < len(theirs) and theirs[at][1] <= start:
            at += 1
        place = at
        while place < len(theirs) and theirs[place][0] < end:
            result.append((max(start, theirs[place][0]), min(end, theirs[place][1])))
            place += 1
    return result


def _without(first: list[_Range], second: list[_Range]) -> list[_Range]:
    """The bytes of the first that are not in the second."""
    result = []
    for start, end in _merged(first):
        at = start
        for lower, upper in _shared([(start, end)], second):
            result.append((at, lower))
            at = upper
        result.append((at, end))
    return result
