"""Header and directory of a file, read through its parity block where they or what follows is damaged."""

from __future__ import annotations

import contextlib
import warnings
import zlib
from typing import TYPE_CHECKING

from ..errors import PgiChecksumError, PgiFormatError, PgiTruncatedError, PgiUnsupportedError, PgiWarning
from .block_entry import BlockType
from .file_header import FIXED_HEADER_SIZE, Header, parse_fixed_header, parse_header
from .image_fields import IMAGE_FIELDS_SIZE
from .parity_packets import PacketSet, packets_of
from .parity_reading import Protection, lost_header

if TYPE_CHECKING:
    from ..limits import Limits
    from .byte_source import ByteSource

__all__ = ["check_parity", "open_protected", "read_header", "trailing"]


def read_header(source: ByteSource, limits: Limits) -> tuple[bytes, Header]:
    """Header and directory of a file: as they stand, and what they say.

    Raises:
        PgiError: as :class:`PgiReader`.
    """
    size = parse_fixed_header(source.read_up_to(0, FIXED_HEADER_SIZE))
    raw = source.read_up_to(0, size)
    if len(raw) < size:
        raise PgiTruncatedError(f"The file ends inside the header, after {len(raw)} of {size} bytes.")
    header = parse_header(raw, limits)
    available = source.size()
    if available is not None and available > header.size and not header.open_ended:
        raise trailing(header.size)
    return raw, header


def open_protected(
    source: ByteSource, limits: Limits, *, quiet: bool
) -> tuple[ByteSource, Header, PacketSet | None]:
    """Read the header, and put the file's parity before its bytes if it has any.

    Args:
        source: the file.
        limits: what it may ask for.
        quiet: whether to restore lost sectors without a warning.

    Returns:
        What to read the file from, its header, and the packets of its parity block if a sound one is there.

    Warns:
        PgiWarning: the header was restored.

    Raises:
        PgiError: as :class:`.reader.PgiReader`.
    """
    try:
        raw, header = read_header(source, limits)
    except (PgiFormatError, PgiUnsupportedError):  # the latter where the version is damaged
        restored = lost_header(source, limits)
        if restored is None:
            raise
        restored.quiet = True  # one warning is enough
        header = read_header(restored, limits)[1]
        if not _is_of_file(restored, header):
            raise
        if not quiet:
            _warn_of_header(source.name)
        return restored, header, None
    parity = header.find(BlockType.PARITY)
    packets = None if parity is None or source.size() is None else packets_of(source, parity)
    if packets is not None:
        with contextlib.suppress(PgiFormatError):  # verify says why
            protection = Protection(source, packets, raw, limits)
            protection.quiet = quiet
            return protection, header, packets
    return source, header, packets


def check_parity(header: Header, packets: PacketSet | None, protection: Protection | None) -> None:
    """What verify checks of a parity block, once every other block was read.

    Args:
        header: of the file.
        packets: of its parity block.
        protection: what restores sectors.

    Raises:
        PgiFormatError: the block is none, or of another file.
        PgiChecksumError: sectors had to be restored.
    """
    if header.find(BlockType.PARITY) is not None and protection is None:
        if packets is None:
            raise PgiFormatError("The parity block holds no sound packet.")
        raise PgiFormatError("The parity block is that of another file, or of another state of this one.")
    if protection is not None and (count := len(protection.restored)):
        size = protection.sector_size
        raise PgiChecksumError(
            f"The file is damaged in {count} of its sectors of {size:,} bytes; 'pgic repair' restores it."
        )


def trailing(size: int) -> PgiFormatError:
    """The error of bytes behind the last block, which ends at ``size``."""
    return PgiFormatError(f"Bytes follow the last block, which ends at {size:,}.")


def _is_of_file(restored: ByteSource, header: Header) -> bool:
    """Whether parity is that of the file, and not of a frame of the sequence that it is."""
    fields = restored.read_up_to(header.image.offset, IMAGE_FIELDS_SIZE)
    return zlib.crc32(fields) == header.fields_crc32


def _warn_of_header(name: str) -> None:
    message = f"{name} is damaged. Its header is restored as it is read; 'pgic repair' mends the file."
    warnings.warn(PgiWarning(message), stacklevel=2)
