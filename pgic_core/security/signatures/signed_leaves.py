"""What is signed of a file: its plain parts as leaves, each with a salt of its tier (FORMAT.md, 9.9)."""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, TypeVar

from ...codec.payload_parts import Layer, payload_plan
from ...codec.rectangle import Rectangle
from ...errors import (
    PgiAuthenticationError,
    PgiChecksumError,
    PgiFormatError,
    PgiKeyError,
    PgiTruncatedError,
)
from ..content_decryption import OpenedContent
from ..encryption_plan import payload_of, tier_of_part, without_preview
from ..extension_field_tiers import fields_bytes, join_fields, split_fields
from ..tier_keys import Tier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ...codec.payload_parts import PayloadPart, PayloadPlan
    from ...container import PgiReader
    from ..cipher_suites import Suite

__all__ = ["Leaf", "LeafKind", "Salts", "leaves_of"]

_Read = TypeVar("_Read")
_PLACE = struct.Struct("<IBBI")


class LeafKind(IntEnum):
    """Kinds of leaves; parts of the picture are numbered as :class:`~pgic_core.codec.payload_parts.Layer`."""

    CLAIMS = 16
    MODEL = 17
    METADATA = 18
    EXTENSION_METADATA = 19
    EXTENSION_PREVIEW = 20
    EXTENSION_FULL = 21


_EXTENSIONS = {
    LeafKind.EXTENSION_METADATA: Tier.METADATA,
    LeafKind.EXTENSION_PREVIEW: Tier.PREVIEW,
    LeafKind.EXTENSION_FULL: Tier.FULL,
}
_HEADER_INDEX = 4  # in the tier metadata, where a header that cannot be read is named; none is signed there
_LAYERS = {
    Layer.HEADER: "stream header",
    Layer.OPACITY: "opacity plane, tile",
    Layer.PREVIEW: "preview layer, tile",
    Layer.EXACT: "exact layer, tile",
    Layer.DETAIL: "detail layer, tile",
    Layer.TILE: "tile",
    Layer.OTHER: "picture, piece",
}
_NAMES = {
    LeafKind.CLAIMS: "claims of the signer",
    LeafKind.MODEL: "model and quality",
    LeafKind.METADATA: "metadata block",
    LeafKind.EXTENSION_METADATA: "extension block",
    LeafKind.EXTENSION_PREVIEW: "extension block, small pictures",
    LeafKind.EXTENSION_FULL: "extension block, large fields",
}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part of a file.

    Attributes:
        index: among the leaves of its tier.
        kind: of :class:`LeafKind` or :class:`~pgic_core.codec.payload_parts.Layer`.
        tier: whose keys open it.
        tile: its number; 0 where there is none.
        content: plain bytes; None if no key opens them, or they cannot be read.
        box: of the tile in pixels of the stored picture, x, y, width, height; empty where there is none.
        error: why they cannot be read.
    """

    index: int
    kind: int
    tier: Tier
    tile: int
    content: bytes | None = field(repr=False)
    box: tuple[int, ...] = ()
    error: PgiFormatError | None = None

    @property
    def place(self) -> bytes:
        """Where it belongs, as it is hashed."""
        return _PLACE.pack(self.index, self.kind, self.tier, self.tile)

    @property
    def name(self) -> str:
        """For people."""
        if self.kind in list(LeafKind):
            return _NAMES[LeafKind(self.kind)]
        name = _LAYERS[Layer(self.kind)]
        if self.kind == Layer.HEADER:
            return name
        where = f" (x {self.box[0]}, y {self.box[1]}, {self.box[2]} x {self.box[3]})" if self.box else ""
        return f"{name} {self.tile}{where}"

    def hash(self, suite: Suite, salt: bytes) -> bytes:
        """The leaf hash."""
        assert self.content is not None
        return suite.digest(b"pgi leaf\0", self.place, salt, self.content)


@dataclass(frozen=True, slots=True)
class Salts:
    """The salt secret of a tier, and those below it.

    Attributes:
        suite: whose hash derives them.
        tier: the highest that is known.
        secret: 32 bytes.
    """

    suite: Suite
    tier: Tier
    secret: bytes = field(repr=False)

    def lower(self, tier: Tier) -> bytes:
        """The secret of this tier or one below it."""
        secret = self.secret
        for step in range(self.tier - 1, tier - 1, -1):
            secret = self.suite.mac(secret, f"pgi salt {Tier(step).label}".encode())
        return secret

    @property
    def commitment(self) -> bytes:
        """What the statement says of it."""
        return self.suite.mac(self.lower(Tier.METADATA), b"pgi salt commit")

    def salt(self, leaf: Leaf) -> bytes:
        """The salt of a leaf."""
        return self.suite.mac(self.lower(leaf.tier), b"pgi salt leaf" + leaf.place)

    def hash(self, leaf: Leaf) -> bytes:
        """The hash of a leaf."""
        return leaf.hash(self.suite, self.salt(leaf))


def leaves_of(reader: PgiReader, claims: bytes | None) -> Iterator[Leaf]:
    """The leaves of a file in their order, as far as its keys go.

    Where no key opens the stream header, those of the picture are left out; where it cannot be read, so are
    all after it.

    Args:
        reader: of a plain or an opened file; of a locked one there are none.
        claims: of the signature; None to leave that leaf without content.

    Raises:
        PgiError: as :class:`~pgic_core.container.PgiReader`.
    """
    opened = reader.sealed if isinstance(reader.sealed, OpenedContent) else None
    if opened is None and reader.header.image.encrypted:
        return
    tier = Tier.FULL if opened is None else opened.tier
    yield Leaf(0, LeafKind.CLAIMS, Tier.METADATA, 0, claims)
    plan, context, fault = None, b"", None
    try:
        plan = payload_plan(reader.fields.compression_type, payload_of(reader))
        context = plan.context
    except PgiKeyError:
        if opened is not None:
            context = opened.groups[0].context
    except (PgiAuthenticationError, PgiTruncatedError):
        raise
    except PgiFormatError as error:
        fault = error
    if fault is None:
        yield Leaf(1, LeafKind.MODEL, Tier.METADATA, 0, context)
    yield from _beside(reader, opened, tier)
    if fault is not None:
        yield Leaf(_HEADER_INDEX, Layer.HEADER, Tier.METADATA, 0, None, error=fault)
    if plan is not None:
        yield from _picture(reader, plan, tier)


def _beside(reader: PgiReader, opened: OpenedContent | None, tier: Tier) -> Iterator[Leaf]:
    """Leaves of metadata and extension block."""
    content, error = _or_error(lambda: reader.metadata_content)
    yield Leaf(2, LeafKind.METADATA, Tier.METADATA, 0, content, error=error)
    maps, error = _or_error(lambda: _maps(reader, opened))
    for kind, each in _EXTENSIONS.items():
        fields = {} if maps is None else maps.get(each)
        content = fields_bytes(fields) if fields else b""
        hidden = each > tier or error is not None
        index = 3 if each == Tier.METADATA else 0
        yield Leaf(index, kind, each, 0, None if hidden else content, error=error)


def _or_error(read: Callable[[], _Read]) -> tuple[_Read, None] | tuple[None, PgiFormatError]:
    """What is read, or why it breaks a rule of FORMAT.md."""
    try:
        return read(), None
    except (PgiAuthenticationError, PgiTruncatedError, PgiChecksumError):
        raise
    except PgiFormatError as error:
        return None, error


def _maps(reader: PgiReader, opened: OpenedContent | None) -> Mapping[Tier, Mapping[str, object]]:
    if opened is None:
        return split_fields(without_preview(reader.extension))
    maps = {tier: without_preview(fields) for tier, fields in opened.extension_maps().items()}
    return split_fields(join_fields(maps)) if opened.tier == Tier.FULL else maps


def _picture(reader: PgiReader, plan: PayloadPlan, tier: Tier) -> Iterator[Leaf]:
    offset = 0
    # In the tiers preview and full, that of the extension block comes first.
    indexes = Counter({Tier.METADATA: 4, Tier.PREVIEW: 1, Tier.FULL: 1})
    for part in plan.parts:
        of_part = tier_of_part(part, plan)
        content = reader.read_payload(offset, part.length) if of_part <= tier else None
        yield Leaf(indexes[of_part], part.layer, of_part, part.tile, content, _box(plan, part))
        indexes[of_part] += 1
        offset += part.length


def _box(plan: PayloadPlan, part: PayloadPart) -> tuple[int, ...]:
    if plan.grid is None or part.layer in (Layer.HEADER, Layer.OPACITY, Layer.OTHER):
        return ()
    box = plan.grid.box(part.tile).overlap(Rectangle(0, 0, plan.grid.width, plan.grid.height))
    return box.left, box.top, box.right - box.left, box.bottom - box.top
