"""What a file may ask for before anything is allocated (A-6.1b, A-6.3.2a).

Every parser takes a :class:`Limits` and checks a claimed size against it first. The defaults let through
everything the standard allows and refuse what only a forged file would claim.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass

from .errors import PgiLimitError, PgiOptionError

__all__ = ["DEFAULT_LIMITS", "Limits"]

_ENV_PREFIX = "PGIC_LIMIT_"
_NO_LIMIT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds, each a plain count or a number of bytes.

    Attributes:
        pixels: width x height. 80 megapixels is what clause 6.1 b asks for; the default leaves the
            margin that real 80 MP sensors need.
        pixels_per_byte: pixels that one stored byte of image data may stand for. The emptiest real
            picture reaches about 8,000; a 2 KB file that claims 80 MP asks for 40,000.
        frames: pictures in one file.
        tiles: tiles of one picture.
        blocks: blocks in a file.
        block_bytes: stored bytes of one block.
        metadata_bytes: bytes of the metadata block after decompression, and of the extension block.
        map_entries: entries of all maps and arrays of the extension block together.
        map_depth: nesting of maps and arrays in the extension block.
        string_bytes: UTF-8 bytes of one string in metadata.
        stream_bytes: bytes that are buffered from a source that cannot seek.
    """

    pixels: int = 100_000_000
    pixels_per_byte: int = 16_384
    frames: int = 4_096
    tiles: int = 65_536
    blocks: int = 16
    block_bytes: int = 1 << 30
    metadata_bytes: int = 16 << 20
    map_entries: int = 65_536
    map_depth: int = 16
    string_bytes: int = 65_536
    stream_bytes: int = 1 << 30

    @classmethod
    def unlimited(cls) -> Limits:
        """Limits that refuse nothing. For files of your own making only."""
        return cls(**{field.name: _NO_LIMIT for field in dataclasses.fields(cls)})

    @classmethod
    def from_environment(cls) -> Limits:
        """The defaults, with each ``PGIC_LIMIT_<NAME>`` of the environment put in its place.

        A value is a whole number, or ``none`` for no limit.

        Raises:
            PgiOptionError: a value is neither.
        """
        changes: dict[str, int] = {}
        for field in dataclasses.fields(cls):
            text = os.environ.get(_ENV_PREFIX + field.name.upper())
            if text is None:
                continue
            if text.lower() == "none":
                changes[field.name] = _NO_LIMIT
            elif text.isascii() and text.isdigit():
                changes[field.name] = int(text)
            else:
                raise PgiOptionError(
                    f"{_ENV_PREFIX}{field.name.upper()} must be a whole number or 'none', not {text!r}."
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
                f"if you trust the file, set {_ENV_PREFIX}{name.upper()} or pass limits=."
            )


DEFAULT_LIMITS = Limits()
