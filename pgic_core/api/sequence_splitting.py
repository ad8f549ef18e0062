"""Frames of a sequence as files of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..codec.alpha import join_alpha
from ..codec.lossless.encoder import encode_lossless
from ..container import BlockType, Compression, ExtensionKey, build_file
from ..container.parity import protected
from ..container.rewriting import recompressed
from ..errors import PgiUnsupportedError
from ..options import DecodeOptions
from ..photos.conversion_losses import report

if TYPE_CHECKING:
    from ..codec.base import CodedImage
    from .pgi_file import PgiFile

__all__ = ["still_file"]


def still_file(file: PgiFile, number: int) -> bytes:
    """A frame as the file of a picture, which needs no sequence and shows the same pixels.

    The coded picture of a key frame is copied byte for byte, and an encrypted or signed key frame as a whole.
    A change frame is coded again from the same symbols; where the camera moved, it is stored without loss.

    Args:
        file: the sequence.
        number: of the frame, from 0; negative numbers count from the end.

    Raises:
        PgiOptionError: there is no such frame.
        PgiFormatError: the frame is damaged.
        PgiUnsupportedError: it is encrypted, and a change frame.

    Warns:
        PgiWarning: it is signed, and a change frame: the picture that is made of it is not.
    """
    frame = file.frame(number)
    reader = frame.reader
    secured = reader.header.find(BlockType.SECURITY) is not None
    if file.is_key_frame(number):
        return reader.source.read_at(0, reader.size) if secured else b"".join(recompressed(reader, {}))
    if reader.header.image.encrypted:
        raise PgiUnsupportedError(
            f"Frame {number} is an encrypted change frame, and no picture; 'pgic decrypt' the file first."
        )
    if secured:
        report(f"Frame {number}", ["is signed as a change; the picture that is made of it is not signed"])
    compression, payload = _picture(frame.coded)
    fields = replace(reader.fields, compression_type=compression)
    extension = dict(reader.extension)
    strategy = frame.strategy.to_map()
    if strategy and compression is Compression.LEARNED:
        extension[ExtensionKey.STRATEGY] = strategy
    data = build_file(fields, payload, metadata=reader.metadata, extension=extension)
    share = reader.parity_share
    return data if share is None else b"".join(protected(lambda: [data], share))


def _picture(coded: CodedImage) -> tuple[Compression, list[bytes]]:
    """A change frame, coded as a picture."""
    # Not imported for key frames.
    from ..codec.change.still_from_change import still_of

    try:
        return Compression.LEARNED, join_alpha(still_of(coded), [])
    except PgiUnsupportedError:  # it is interpolated from a larger canvas
        return Compression.LOSSLESS, encode_lossless(coded.decode(DecodeOptions())[0])
