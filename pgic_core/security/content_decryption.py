"""The content of an encrypted file, as far as a key opens it (FORMAT.md, section 9).

Nothing is handed on before its message was authenticated. Pictures are read part by part: a window or a
preview costs the messages that it needs.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from ..container import IMAGE_FIELDS_SIZE, BlockType, ExtensionKey
from ..errors import PgiAuthenticationError, PgiFormatError, PgiKeyError
from .cipher_suites import TAG_BYTES
from .extension_field_tiers import join_fields, parse_fields
from .message_layout import (
    PADDING,
    TABLE,
    Place,
    associated_data,
    metadata_place,
    parse_content,
    parse_table,
)
from .tier_keys import Tier, TierKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..container import BlockEntry, PgiReader
    from .message_layout import ListedPart
    from .security_block import Envelope, Seal

__all__ = ["OpenedContent"]

_LENGTH_BYTES = 4
_KEPT_BYTES = 4 << 20
_PARTS_PER_TILE, _FURTHER_PARTS = 3, 8


@dataclass(frozen=True, slots=True)
class _Group:
    """A group of the image data block.

    Attributes:
        number: which.
        seal: its salt.
        context: what all its messages are bound to.
        parts: as its table lists them.
        starts: where each is in the plain payload.
        stored: where the message of each is in the block.
        end: of its plain bytes in the payload.
        stored_end: of its bytes in the block.
    """

    number: int
    seal: Seal
    context: bytes
    parts: list[ListedPart]
    starts: list[int]
    stored: list[int]
    end: int
    stored_end: int


@dataclass(eq=False)
class OpenedContent:
    """The content of an encrypted file, as far as a key opens it.

    Attributes:
        reader: of the file.
        envelope: checked.
        key: of the highest tier that is open.
        recipient: key id of who has it; empty for a passphrase.
    """

    reader: PgiReader
    envelope: Envelope
    key: TierKey = field(repr=False)
    recipient: bytes = b""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._being_read: dict[tuple[int, int], threading.Lock] = {}
        self._kept_bytes = 0
        self._keys: dict[tuple[bytes, Tier], bytes] = {}

    @property
    def tier(self) -> Tier:
        """The highest tier that is open."""
        return self.key.tier

    def metadata(self) -> bytes:
        """What the metadata block would store without encryption.

        Raises:
            PgiAuthenticationError: it was changed.
        """
        block = self.reader.header.find(BlockType.METADATA)
        (seal,) = self.envelope.seals_of(BlockType.METADATA)
        assert block is not None
        stored = self.reader.read_checked(block)
        return self._small(seal, metadata_place(block.flags), stored, "The metadata block")

    def extension(self) -> dict[str, object]:
        """The extension fields that the key opens.

        Raises:
            PgiAuthenticationError: they were changed.
            PgiFormatError: they break a rule of FORMAT.md.
        """
        return join_fields(self.extension_maps())

    def extension_maps(self) -> dict[Tier, dict[str, object]]:
        """The same as the map of each tier that the key opens.

        Raises:
            PgiError: as :meth:`extension`.
        """
        maps: dict[Tier, dict[str, object]] = {}
        for seal, data in self._extension_parts():
            if seal.tier <= self.tier:
                place = Place(seal.type, seal.tier)
                content = self._small(seal, place, data, "The extension block")
                maps[seal.tier] = parse_fields(content, self.reader.limits)
        return maps

    def hidden_extension(self) -> list[Tier]:
        """Tiers of the extension block that the key does not open."""
        return [seal.tier for seal, _ in self._extension_parts() if seal.tier > self.tier]

    def _extension_parts(self) -> list[tuple[Seal, bytes]]:
        sealed = self.reader.plain_extension[ExtensionKey.SEALED]
        assert isinstance(sealed, list)
        return list(zip(self.envelope.seals_of(BlockType.EXTENSION), sealed, strict=True))

    def require(self, tier: Tier, what: str) -> None:
        """Raise unless a tier is open.

        Raises:
            PgiKeyError: it is not.
        """
        if self.tier < tier:
            ids = [s.key_id.hex() for s in self.envelope.stanzas if s.tier >= tier and s.key_id]
            which = f"key {' or '.join(ids)}" if ids else "another key"
            raise PgiKeyError(
                f"{what} takes the tier {tier.label}, which {which} opens; "
                f"the key that was given opens the tier {self.tier.label}."
            )

    @property
    def payload_length(self) -> int:
        """Plain bytes of ``image_data``.

        Raises:
            PgiError: as :meth:`read_payload`.
        """
        return self.groups[-1].end

    def read_payload(self, offset: int, length: int) -> bytes:
        """Plain bytes of ``image_data``, from the messages that hold them.

        Raises:
            PgiAuthenticationError: one was changed.
            PgiFormatError: the groups are not what they should be.
            PgiKeyError: the key does not open one.
            PgiTruncatedError: the file ends before one.
        """
        pieces: list[bytes] = []
        for group in self.groups:
            if group.end <= offset:
                continue
            at = max(bisect_right(group.starts, offset) - 1, 0)
            while length and at < len(group.parts) and group.parts[at].layer != PADDING:
                skipped = offset - group.starts[at]
                piece = self._part(group, at)[skipped : skipped + length]
                pieces.append(piece)
                offset, length, at = offset + len(piece), length - len(piece), at + 1
            if not length:
                break
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def parts(self) -> Iterable[tuple[Tier, bytes]]:
        """Tier and plain bytes of each part of the picture, padding included; see :meth:`read_payload`."""
        for group in self.groups:
            for at, part in enumerate(group.parts):
                yield part.tier, self._part(group, at, keep=False)

    def verify(self) -> None:
        """Authenticate every message that the key opens.

        Raises:
            PgiAuthenticationError: one was changed.
            PgiFormatError: the content is not what it should be.
        """
        for group in self.groups:
            for at, part in enumerate(group.parts):
                if part.tier <= self.tier:
                    plain = self._part(group, at, keep=False)
                    if part.layer == PADDING and any(plain):
                        raise PgiFormatError("The padding of the encrypted picture is not zeros.")

    @cached_property
    def groups(self) -> list[_Group]:
        """The groups of the picture; their tables are read now.

        Raises:
            PgiError: as :meth:`read_payload`.
        """
        image = self.reader.header.image
        groups: list[_Group] = []
        at, offset = IMAGE_FIELDS_SIZE, 0
        most = _PARTS_PER_TILE * self.reader.limits.tiles + _FURTHER_PARTS
        for number, seal in enumerate(self.envelope.seals_of(BlockType.IMAGE)):
            group = self._read_group(image, seal, number, at, offset, most)
            groups.append(group)
            at, offset, most = group.stored_end, group.end, most - len(group.parts)
        if at != image.length:
            raise PgiFormatError("The groups of the encrypted picture do not fill the image data block.")
        if not offset:
            raise PgiFormatError("The encrypted picture has no bytes.")
        return groups

    def _read_group(
        self, image: BlockEntry, seal: Seal, number: int, at: int, offset: int, most: int
    ) -> _Group:
        limits = self.reader.limits
        size = int.from_bytes(self.reader.read_stored(image, at, _LENGTH_BYTES), "little")
        if size <= TAG_BYTES:
            raise PgiFormatError("The table of an encrypted picture is too short.")
        limits.check("metadata_bytes", size, "The table of an encrypted picture")
        stored = self.reader.read_stored(image, at + _LENGTH_BYTES, size)
        place = Place(BlockType.IMAGE, Tier.METADATA, TABLE, number, 0, offset)
        plain = self._open(seal, place, stored, b"", "The table of the picture")
        context, parts = parse_table(plain, most)
        real = [part.length if part.layer != PADDING else 0 for part in parts]
        first = at + _LENGTH_BYTES + size
        positions = list(accumulate((part.stored for part in parts), initial=first))
        starts = list(accumulate(real, initial=offset))
        return _Group(number, seal, context, parts, starts[:-1], positions[:-1], starts[-1], positions[-1])

    def _part(self, group: _Group, at: int, *, keep: bool = True) -> bytes:
        """The plain bytes of a part. One that several threads ask for at once is read by one of them."""
        name = (group.number, at)
        with self._lock:
            kept = self._kept.get(name)
            reading = self._being_read.setdefault(name, threading.Lock())
        if kept is not None:
            return kept
        with reading:
            with self._lock:
                kept = self._kept.get(name)
            if kept is None:
                kept = self._read_part(group, at)
                if keep:
                    self._keep(name, kept)
        return kept

    def _read_part(self, group: _Group, at: int) -> bytes:
        part = group.parts[at]
        self.require(part.tier, "This part of the picture")
        place = Place(BlockType.IMAGE, part.tier, part.layer, group.number, at + 1, group.starts[at])
        stored = self.reader.read_stored(self.reader.header.image, group.stored[at], part.stored)
        return self._open(group.seal, place, stored, group.context, "A part of the picture")

    def _keep(self, name: tuple[int, int], plain: bytes) -> None:
        """Remember a part, since headers are read in pieces; the oldest go when there is no room."""
        with self._lock:
            self._kept_bytes += len(plain) - len(self._kept.get(name, b""))
            self._kept[name] = plain
            while self._kept_bytes > _KEPT_BYTES and len(self._kept) > 1:
                self._kept_bytes -= len(self._kept.popitem(last=False)[1])

    def _small(self, seal: Seal, place: Place, stored: bytes, what: str) -> bytes:
        return parse_content(self._open(seal, place, stored, b"", what), what)

    def _open(self, seal: Seal, place: Place, stored: bytes, context: bytes, what: str) -> bytes:
        binding = self.envelope.binding
        name = (seal.salt, place.tier)
        if name not in self._keys:
            self._keys[name] = self.key.seal_key(seal.salt, seal.type, place.tier, binding)
        if len(stored) < TAG_BYTES:
            raise PgiAuthenticationError(f"{what} is too short to have been encrypted.")
        associated = associated_data(
            binding, self.reader.fields.to_bytes(), place, len(stored) - TAG_BYTES, context
        )
        return binding.suite.open(self._keys[name], place.index, stored, associated, what)
