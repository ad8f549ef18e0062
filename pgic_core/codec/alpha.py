"""A lossless opacity plane beside learned colours (STREAM.md, "Auxiliary planes")."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from ..errors import PgiFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["LENGTH_SIZE", "join_alpha", "read_alpha_length"]

_LENGTH = struct.Struct("<I")
LENGTH_SIZE = _LENGTH.size
"""Bytes before the opacity plane: its length."""


def join_alpha(learned: Sequence[bytes], alpha: Sequence[bytes] = ()) -> list[bytes]:
    """The payload of ``compression_type`` 1.

    The opacity plane stands first, so that a prefix of the file still shows a preview.

    Args:
        learned: the learned stream, in pieces.
        alpha: the opacity plane as :func:`encode_lossless` codes it; empty for a picture without one.
    """
    return [_LENGTH.pack(sum(map(len, alpha))), *alpha, *learned]


def read_alpha_length(read: Callable[[int, int], bytes], length: int) -> int:
    """Bytes of the opacity plane; 0 if there is none.

    Args:
        read: returns bytes of the payload, by offset and length.
        length: bytes of the payload.

    Raises:
        PgiFormatError: it does not fit into the payload.
        PgiTruncatedError: the file ends before it.
    """
    if length < LENGTH_SIZE:
        raise PgiFormatError("The image data ends inside the length of its opacity plane.")
    alpha_length: int = _LENGTH.unpack(read(0, LENGTH_SIZE))[0]
    if alpha_length > length - LENGTH_SIZE:
        raise PgiFormatError(f"An opacity plane of {alpha_length:,} bytes does not fit into the image data.")
    return alpha_length
