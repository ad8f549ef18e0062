"""What is encrypted for whom: tiers of the parts of a picture, and of recipients (FORMAT.md, 9.1 and 9.7)."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby, islice
from typing import TYPE_CHECKING

from ..codec.base import Payload
from ..codec.payload_parts import Layer
from ..container import Compression, ExtensionKey
from ..errors import PgiOptionError
from .cipher_suites import TAG_BYTES
from .message_layout import PADDING, ListedPart, padded_length
from .tier_keys import Tier
from .tile_joining import runs_of_tiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..codec.payload_parts import PayloadPart, PayloadPlan
    from ..container import PgiReader
    from .recipients import Recipient

__all__ = [
    "fitted",
    "is_lossless",
    "missing_tiers",
    "payload_of",
    "preview_of",
    "sealed_parts",
    "tier_of_part",
    "without_preview",
]


def sealed_parts(plan: PayloadPlan, *, pad: bool) -> list[ListedPart]:
    """The parts of a group, as its table lists them.

    Args:
        plan: of the picture.
        pad: end with padding that hides its size.
    """
    parts = _joined(plan)
    return parts + _padding(parts) if pad else parts


def missing_tiers(*, preview: bool, regions: bool, change: bool) -> dict[Tier, str]:
    """The tiers that a picture does not have, and why (FORMAT.md, section 9.1).

    Args:
        preview: whether it has a preview layer, or a preview can be stored beside it.
        regions: whether it has regions of interest that somebody asked for.
        change: whether it is a change frame.
    """
    if change:
        why = (
            "A change frame has the tiers metadata and full alone. 'pgic split' makes pictures of frames, "
            "which can have all tiers."
        )
        return {Tier.PREVIEW: why, Tier.REGIONS: why}
    missing = {}
    if not preview:
        missing[Tier.PREVIEW] = "A picture of another codec does not have the tier preview."
    if not regions:
        missing[Tier.REGIONS] = "Only a learned picture with regions of interest has the tier regions."
    return missing


def fitted(recipients: Sequence[Recipient], missing: Mapping[Tier, str]) -> list[Recipient]:
    """Recipients with tiers that a picture has.

    Args:
        recipients: as they are asked for.
        missing: as :func:`missing_tiers` gives it.

    Raises:
        PgiOptionError: one asks for a tier that the picture does not have, and for no other.
    """
    found = []
    for recipient in recipients:
        while recipient.tier in missing:
            if not recipient.fitting:
                raise PgiOptionError(missing[recipient.tier])
            recipient = replace(recipient, tier=Tier(recipient.tier - 1))
        found.append(recipient)
    return found


def is_lossless(reader: PgiReader) -> bool:
    """Whether a picture has no preview layer, but a preview can be stored beside it."""
    return reader.fields.compression_type in (Compression.LOSSLESS, Compression.RAW)


def preview_of(reader: PgiReader) -> bytes:
    """The preview of a lossless picture, as ``pgic.preview`` holds it.

    Raises:
        PgiFormatError: the picture is damaged.
    """
    # Not imported for pictures that have a preview layer.
    from ..codec.lossless.decoder import LosslessImage
    from ..codec.lossless.stored_preview import store_preview

    payload, raw = payload_of(reader), reader.fields.compression_type == Compression.RAW
    size = payload.width, payload.height
    return store_preview(LosslessImage(payload.read, payload.length, *size, plain=raw, limits=payload.limits))


def without_preview(fields: Mapping[str, object]) -> dict[str, object]:
    """Extension fields of the plain file, to which a stored preview does not belong."""
    return {key: value for key, value in fields.items() if key != ExtensionKey.PREVIEW}


def payload_of(reader: PgiReader) -> Payload:
    """The image data of a plain or an opened file, as codecs take it."""
    fields = reader.fields
    return Payload(
        read=reader.read_payload,
        checked=lambda: reader.read_payload(0, reader.payload_length),
        length=reader.payload_length,
        width=fields.width,
        height=fields.height,
        limits=reader.limits,
    )


def tier_of_part(part: PayloadPart, plan: PayloadPlan) -> Tier:
    """Whose keys open a part of a picture (FORMAT.md, sections 9.1 and 9.7)."""
    if part.layer in (Layer.EXACT, Layer.DETAIL):
        return Tier.REGIONS if part.region else Tier.FULL
    return Tier.PREVIEW if plan.layered else Tier.FULL


def _joined(plan: PayloadPlan) -> list[ListedPart]:
    """The parts, of which neighbouring tiles of one tier and layer may share a message."""
    joined: list[ListedPart] = []
    for (tier, layer), group in groupby(plan.parts, lambda part: (tier_of_part(part, plan), part.layer)):
        parts = list(group)
        runs = [1] * len(parts) if plan.grid is None else runs_of_tiles(parts, plan.grid)
        following = iter(parts)
        for count in runs:
            length = sum(part.length for part in islice(following, count))
            joined.append(ListedPart(tier, layer, length))
    return joined


def _padding(parts: Sequence[ListedPart]) -> list[ListedPart]:
    stored = sum(part.stored for part in parts)
    more = padded_length(stored + TAG_BYTES + 1) - stored - TAG_BYTES
    return [ListedPart(Tier.METADATA, PADDING, more)]
