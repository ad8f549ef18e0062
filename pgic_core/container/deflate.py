"""Deflate for metadata and extension blocks, bounded before anything is allocated."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from ..errors import PgiFormatError

if TYPE_CHECKING:
    from ..limits import Limits

__all__ = ["DICTIONARY_BYTES", "deflate_if_smaller", "deflate_stream", "inflate", "inflate_stream"]

DICTIONARY_BYTES = 1 << 15
"""Of a dictionary, the last bytes that deflate can refer to."""

_SIZE_BYTES = 4
_RAW_DEFLATE = -15
# The best level takes seconds for megabytes of raw temperatures, and gains next to nothing there.
_SMALL, _SMALL_LEVEL, _LARGE_LEVEL = 1 << 17, 9, 6


def deflate_stream(content: bytes, dictionary: bytes = b"") -> bytes:
    """A raw deflate stream of a block's content.

    Args:
        content: of the block.
        dictionary: what the content is likely to repeat; the reader needs the same. Empty for none.
    """
    level = _SMALL_LEVEL if len(content) <= _SMALL else _LARGE_LEVEL
    coder = zlib.compressobj(level, zlib.DEFLATED, _RAW_DEFLATE, zdict=dictionary[-DICTIONARY_BYTES:])
    return coder.compress(content) + coder.flush()


def inflate_stream(stream: bytes, limits: Limits, what: str, dictionary: bytes = b"") -> bytes:
    """Undo :func:`deflate_stream`.

    Args:
        stream: a raw deflate stream (RFC 1951).
        limits: ``metadata_bytes`` bounds the content.
        what: the block, for messages.
        dictionary: as it was given there.

    Raises:
        PgiFormatError: the stream is broken.
        PgiLimitError: it is of more.
    """
    content = _inflated(stream, limits.metadata_bytes + 1, what, dictionary)
    limits.check("metadata_bytes", len(content), f"The {what}")
    return content


def deflate_if_smaller(content: bytes, dictionary: bytes = b"") -> tuple[bytes, bool]:
    """Compress a block's content if that makes it smaller.

    Args:
        content: of the block.
        dictionary: as of :func:`deflate_stream`.

    Returns:
        The bytes to store, and whether they are compressed.
    """
    packed = len(content).to_bytes(_SIZE_BYTES, "little") + deflate_stream(content, dictionary)
    return (packed, True) if len(packed) < len(content) else (content, False)


def inflate(stored: bytes, limits: Limits, what: str, dictionary: bytes = b"") -> bytes:
    """Undo :func:`deflate_if_smaller`.

    Args:
        stored: size as uint32, then a raw deflate stream (RFC 1951).
        limits: ``metadata_bytes`` bounds the size.
        what: the block, for messages.
        dictionary: as it was given there; content that was compressed without needs none, but takes any.

    Raises:
        PgiFormatError: the stream is broken, or its size is not the one it claims.
        PgiLimitError: it claims too much.
    """
    if len(stored) <= _SIZE_BYTES:
        raise PgiFormatError(f"The {what} is compressed but has only {len(stored)} bytes.")
    size = int.from_bytes(stored[:_SIZE_BYTES], "little")
    limits.check("metadata_bytes", size, f"The {what}")
    content = _inflated(stored[_SIZE_BYTES:], size + 1, what, dictionary)
    if len(content) != size:
        raise PgiFormatError(f"The {what} does not decompress to the {size} bytes it claims.")
    return content


def _inflated(stream: bytes, at_most: int, what: str, dictionary: bytes) -> bytes:
    """The content of a whole stream; ``at_most`` bytes of it where it has as many or more."""
    decoder = zlib.decompressobj(_RAW_DEFLATE, zdict=dictionary[-DICTIONARY_BYTES:])
    try:
        content = decoder.decompress(stream, at_most)
    except zlib.error as error:
        raise PgiFormatError(f"The {what} cannot be decompressed: {error}.") from error
    if len(content) < at_most and (not decoder.eof or decoder.unused_data):
        raise PgiFormatError(f"The {what} is cut off, or has bytes after its end.")
    return content
