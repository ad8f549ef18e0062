"""What a sequence says of itself beside its frames: copies of the blocks of the first (FORMAT.md, 11)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ..errors import PgiFormatError
from .short_frames import DESCRIBED

if TYPE_CHECKING:
    from .reader import PgiReader
    from .sequence_reader import SequenceReader

__all__ = ["check_outer", "hash_of_described", "outer_hash"]


def outer_hash(sequence: SequenceReader) -> bytes:
    """The hash of the metadata and extension block of a sequence that its signatures state, 32 bytes.

    Raises:
        PgiError: as :meth:`PgiReader.content`.
    """
    return hash_of_described(sequence.reader)


def hash_of_described(reader: PgiReader) -> bytes:
    """The same of the sequence that has the file of ``reader`` as its first frame, or is that file.

    Raises:
        PgiError: as :meth:`PgiReader.content`.
    """
    digest = hashlib.sha256()
    for kind in DESCRIBED:
        content = _shown(reader, kind)
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.digest()


def check_outer(sequence: SequenceReader) -> None:
    """Hold the blocks of a sequence against those of its first frame.

    Raises:
        PgiFormatError: they differ (rule Q9).
        PgiError: as :meth:`PgiReader.content`.
    """
    first = sequence.open_frame(sequence.record(0), quiet=True)
    for kind in DESCRIBED:
        if _shown(sequence.reader, kind) != _shown(first, kind):
            raise PgiFormatError(f"The {kind.label} of the sequence is not that of its first frame.")


def _shown(reader: PgiReader, kind: int) -> bytes:
    """What a block says without a key; empty if there is none, or the file is encrypted."""
    return b"" if reader.header.image.encrypted else reader.content(kind)
