"""What is appended to a sequence takes over from the last frame: how it is coded, and what guards it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..codec.sample_format import Channels, SampleFormat
from ..container import BlockType, Compression, ImageType
from ..errors import PgiOptionError, PgiUnsupportedError
from ..photos.conversion_losses import report
from .coded_image_opening import open_coded
from .edit_rules import warn_of

if TYPE_CHECKING:
    from typing import Self

    from ..codec.base import CodedImage
    from ..container import PgiReader
    from ..limits import Limits
    from .encode_request import EncodeOptions, EncodeRequest
    from .frame_access import FrameAccess

__all__ = ["NOTHING_YET", "FrameGuards", "rate_of_last"]

_LOOKED_AT = 64
"""How many frames are looked at for a quality, so that the time does not grow with the file."""


class FrameGuards(NamedTuple):
    """Whether a frame is encrypted, signed, and has parity."""

    encrypted: bool
    signed: bool
    protected: bool

    @classmethod
    def of(cls, reader: PgiReader) -> Self:
        """Of a frame that is there."""
        protected = reader.parity_share is not None
        if reader.header.find(BlockType.SECURITY) is None:
            return cls(False, False, protected)
        # Not imported for plain frames.
        from ..security.signatures.signature_making import is_signed

        return cls(reader.header.image.encrypted, is_signed(reader), protected)

    @classmethod
    def asked(cls, request: EncodeRequest) -> Self:
        """Of a frame that is to be coded."""
        return cls(request.recipients is not None, request.sign is not None, request.share is not None)

    def check_next(self, after: FrameGuards, number: int, name: str) -> None:
        """Look at the frame behind this one.

        Args:
            after: of that frame.
            number: of that frame.
            name: of its picture.

        Raises:
            PgiOptionError: it is plain, and this one is encrypted.

        Warns:
            PgiWarning: it is not signed or has no parity, and this one is or has.
        """
        if self.encrypted and not after.encrypted:
            raise PgiOptionError(
                "The frame before is encrypted, and everybody could read this one: name recipients (--to)."
            )
        if self.signed and not after.signed:
            report(name, ["is not signed, as the frame before it is"])
        if self.protected and not after.protected:
            warn_of(f"Frame {number} has no parity, though the frame before it has (--protect).")


NOTHING_YET = FrameGuards(False, False, False)


def rate_of_last(frames: FrameAccess, limits: Limits) -> EncodeOptions:
    """The quality of the last frame that was coded with loss, or losslessness.

    A picture that is stored losslessly though the learned codec could have taken it may have been asked for
    so, or be a drawing: no file says which. What follows is stored losslessly then, since bytes can be saved
    later and pixels cannot be had back.

    Args:
        frames: of the sequence.
        limits: of frames.

    Returns:
        One option of :func:`.encoding.encode`; none if no frame says anything.

    Raises:
        PgiError: a frame is damaged.

    Warns:
        PgiWarning: what follows is stored losslessly.
    """
    last = len(frames.sequence) - 1
    for number in range(last, max(-1, last - _LOOKED_AT), -1):
        reader, reference = frames.open(frames.record(number))
        try:
            coded = open_coded(reader, limits, reference)
        except PgiUnsupportedError:  # encrypted, or by a codec or model that is not here
            return {}
        if coded.facts.quality is not None:
            return {"quality": coded.facts.quality}
        if reader.fields.compression_type == Compression.LOSSLESS and _is_learnable(reader, coded):
            warn_of(
                f"Frame {number} is stored losslessly, and so is what is appended, unless -q gives a quality."
            )
            return {"lossless": True}
    return {}


def _is_learnable(reader: PgiReader, coded: CodedImage) -> bool:
    """Whether the learned codec could have taken the picture."""
    visible = reader.fields.image_type == ImageType.VISIBLE
    colours = coded.channels in (Channels.RGB, Channels.RGB_ALPHA)
    return visible and colours and coded.sample_format is SampleFormat.UINT8
