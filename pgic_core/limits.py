"""What a file may ask for before anything is allocated (A-6.1b, A-6.3.2a).

Every parser takes a :class:`Limits` and checks a claimed size against it first. The defaults let through
everything the standard allows and refuse what only a forged file would claim. They can be changed for a call
(``limits=``), for a process (``PGIC_LIMIT_<NAME>``) and for a command (``pgic --limit NAME=VALUE``).
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from .errors import PgiLimitError, PgiOptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFAULT_LIMITS", "PHOTO_FORMATS", "Limits", "limit_names", "limit_variable"]

PHOTO_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "PPM", "JPEG2000", "AVIF")
"""Formats, by Pillow's names, that photos of others may have: what cameras and picture programs write.

Pillow knows forty more; some hand their bytes to other programs (EPS to Ghostscript) or are hardly looked
after. The most frequent ones come first: Pillow loads all its plugins when it is asked for a rare one.
"""

_ENV_PREFIX = "PGIC_LIMIT_"
_NO_LIMIT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds, each a plain count or a number of bytes.

    Attributes:
        pixels: width x height. Clause 6.1 b asks for 80 megapixels; sensors sold as 100 MP have 11664 x 8750
            and a few more. 110 MP of RGB are 330 MB, which a small computer still holds.
        pixels_per_byte: pixels that one stored byte of image data may stand for. The index alone of an
            entirely empty learned picture in tiles of 512 needs a byte for 23,831 pixels, the emptiest
            lossless one a byte for about 9,700; 2 KB that claim 80 MP ask for 39,063. For a sequence whose
            canvas grows, the bytes of all frames that one is decoded from count.
        frames: pictures in one file: a camera that takes one every 5 minutes for almost a year.
        references: change frames from one that is decoded to its key frame; each costs time and memory.
        tiles: tiles of one picture: 110 MP in tiles of 64 x 64 take 26,856, in thin pictures some more.
        tile_memory: bytes of memory that lossless tiles may take together while they are decoded; others wait
            until there is room. A forged tile of WebP takes 130 MB, which shows only when it is decoded.
        blocks: blocks in a file. Version 1.0 has four; the rest is for vendors and later versions.
        block_bytes: stored bytes of one block; of a sequence, those of each frame. Above 80 MP of RGB kept
            plain (240 MB), or of 16 bits with opacity (640 MB).
        metadata_bytes: bytes of the metadata block after decompression, and of the extension block. EXIF with
            its thumbnail takes 64 KB; a table of calibration or temperatures takes a few MB.
        map_entries: entries of all maps and arrays of the extension block together: each costs about
            100 bytes of memory, thus 7 MB.
        map_depth: nesting of maps and arrays in the extension block; annotations take 4.
        string_bytes: UTF-8 bytes of one string in metadata, as many as its uint16 length can say.
        recipients: of an encrypted file; a team with its devices.
        kdf_memory: bytes of memory that a passphrase may take: four times what this software asks for.
        kdf_passes: passes over that memory: five times as many.
        stream_bytes: bytes that are buffered from a source that cannot seek: one block of the largest size.

    Raises:
        PgiOptionError: a value is no whole number from 0.
    """

    pixels: int = 110_000_000
    pixels_per_byte: int = 32_768
    frames: int = 100_000
    references: int = 256
    tiles: int = 65_536
    tile_memory: int = 384 << 20
    blocks: int = 16
    block_bytes: int = 1 << 30
    metadata_bytes: int = 16 << 20
    map_entries: int = 65_536
    map_depth: int = 16
    string_bytes: int = 65_536
    recipients: int = 64
    kdf_memory: int = 256 << 20
    kdf_passes: int = 16
    stream_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        for name in limit_names():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise PgiOptionError(f"The limit '{name}' must be a whole number from 0, not {value!r}.")

    @classmethod
    def unlimited(cls) -> Limits:
        """Limits that refuse nothing. For files of your own making only."""
        return cls(**dict.fromkeys(limit_names(), _NO_LIMIT))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Limits:
        """The defaults, with each ``PGIC_LIMIT_<NAME>`` of the environment put in its place.

        A value is a whole number, or ``none`` for no limit.

        Args:
            environment: variables; those of the process if not given.

        Raises:
            PgiOptionError: a value is neither.
        """
        found = os.environ if environment is None else environment
        changes: dict[str, int] = {}
        for name in limit_names():
            text = found.get(limit_variable(name))
            if text is None:
                continue
            if text.lower() == "none":
                changes[name] = _NO_LIMIT
            elif text.isascii() and text.isdigit() and len(text) < 20:
                changes[name] = int(text)
            else:
                raise PgiOptionError(
                    f"{limit_variable(name)} must be a whole number or 'none', not {text!r}."
                )
        return cls(**changes)

    def check(self, name: str, value: int, what: str) -> None:
        """Raise unless ``value`` is within the limit ``name``.

        Args:
            name: a field of this class.
            value: what the file claims.
            what: the thing counted, for the message ("the picture", "block 2").

        Raises:
            PgiLimitError: it is not.
        """
        bound = getattr(self, name)
        if value > bound:
            raise PgiLimitError(
                f"{what} needs {value:,} where the limit '{name}' allows {bound:,}; "
                f"if you trust the file, pass limits=, set {limit_variable(name)}, "
                f"or say 'pgic --limit {name}=NUMBER'."
            )


@cache
def limit_names() -> tuple[str, ...]:
    """The fields of :class:`Limits`."""
    return tuple(field.name for field in dataclasses.fields(Limits))


def limit_variable(name: str) -> str:
    """The environment variable that sets the limit ``name``."""
    return _ENV_PREFIX + name.upper()


DEFAULT_LIMITS = Limits()
