"""The security block's records and the envelope in it (FORMAT.md, sections 9, 9.2 and 9.5)."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import cbor2

from ..container import BlockType
from ..container.cbor_checking import scan
from ..errors import PgiAuthenticationError, PgiFormatError, PgiLimitError, PgiUnsupportedError
from .cipher_suites import find_suite, same
from .tier_keys import Binding, Tier, TierKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..limits import Limits

__all__ = [
    "LEAST_VERSION",
    "MAC_BYTES",
    "PASSPHRASE",
    "Envelope",
    "Record",
    "RecordKind",
    "Seal",
    "Stanza",
    "pack_records",
    "parse_records",
]

LEAST_VERSION = 0x0101
PASSPHRASE = "passphrase"
MAC_BYTES = 32
_MOST_BYTES = 4 << 20
_MOST_RECORDS = 256
_MOST_PASSPHRASES = 4
_MOST_SEALS = 4096
_RECORD = struct.Struct("<HI")
_MAY_SKIP = 0x8000
_FILE_ID, _SALT, _KEY_ID, _COMMIT = 16, 16, 8, 32
_LANES = range(1, 17)
_KIND = re.compile(r"[a-z0-9-]{1,32}")
_LEAST_MEMORY_PER_LANE = 8


class RecordKind(IntEnum):
    """Kinds of records of the security block."""

    ENVELOPE = 0x0001
    SIGNATURE = 0x0002
    TIME_STAMP = 0x0003
    COUNTER_SIGNATURE = 0x0004
    EVIDENCE = 0x8001


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the security block: its kind, a uint16, and its bytes."""

    kind: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Seal:
    """What was encrypted at one time, under one salt.

    Attributes:
        type: of the block.
        tier: of its messages, or of the whole picture.
        salt: 16 random bytes.
    """

    type: int
    tier: Tier
    salt: bytes


@dataclass(frozen=True, slots=True)
class Stanza:
    """A tier key, wrapped for one recipient.

    Attributes:
        kind: of the key, or "passphrase", or one that is not known here.
        tier: that it opens.
        key_id: 8 bytes; empty for a passphrase.
        data: the wrapped key.
        salt, memory, passes, lanes: of Argon2id; empty and 0 unless there is a passphrase. Memory is in KiB.
    """

    kind: str
    tier: Tier
    key_id: bytes
    data: bytes
    salt: bytes = b""
    memory: int = 0
    passes: int = 0
    lanes: int = 0

    def wrap_info(self, binding: Binding) -> bytes:
        """What the wrapped key is bound to."""
        return binding.labelled("pgi wrap") + bytes([self.tier]) + self.kind.encode() + b"\0" + self.key_id

    def to_map(self) -> dict[str, object]:
        """As the envelope has it."""
        found: dict[str, object] = {"kind": self.kind, "tier": int(self.tier), "data": self.data}
        if self.kind == PASSPHRASE:
            return found | {name: getattr(self, name) for name in ("salt", "memory", "passes", "lanes")}
        return found | {"key": self.key_id}


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who can open what of a file.

    Attributes:
        binding: suite, version and file id.
        commit: 32 bytes that follow from the keys.
        seals: in ascending order of type and tier.
        stanzas: the recipients.
        raw: the bytes of the map as they were read; empty of one that is being made.
        mac: as read.
    """

    binding: Binding
    commit: bytes
    seals: tuple[Seal, ...]
    stanzas: tuple[Stanza, ...]
    raw: bytes = field(default=b"", repr=False)
    mac: bytes = field(default=b"", repr=False)

    @property
    def key_id(self) -> bytes:
        """The content key id, 8 bytes."""
        return self.commit[:_KEY_ID]

    def seals_of(self, block_type: int) -> list[Seal]:
        """Those of a block."""
        return [seal for seal in self.seals if seal.type == block_type]

    def check(self, key: TierKey) -> None:
        """Compare what this key, just unwrapped, commits to, and the MAC.

        Raises:
            PgiAuthenticationError: it is another file's key, or the envelope was changed.
        """
        if not same(key.commitment(self.binding), self.commit):
            raise PgiAuthenticationError(
                "The key that was unwrapped is not the one that the file commits to."
            )
        if not same(key.mac(self.raw, self.binding), self.mac):
            raise PgiAuthenticationError("The list of recipients and seals was changed after it was written.")

    def with_seals(self, seals: Sequence[Seal]) -> Envelope:
        """The same with other seals."""
        return replace(self, seals=tuple(sorted(seals, key=lambda seal: (seal.type, seal.tier))))

    def to_bytes(self, key: TierKey) -> bytes:
        """The envelope with its MAC; ``key`` is of any tier."""
        content = {
            "suite": self.binding.suite.number,
            "version": self.binding.version,
            "id": self.binding.file_id,
            "commit": self.commit,
            "seals": [[seal.type, int(seal.tier), seal.salt] for seal in self.seals],
            "recipients": [stanza.to_map() for stanza in self.stanzas],
        }
        raw = cbor2.dumps(content, canonical=True)
        return raw + key.mac(raw, self.binding)

    @classmethod
    def parse(cls, data: bytes, version: int, limits: Limits) -> Envelope:
        """Read an envelope. Nothing in it is authenticated yet.

        Args:
            data: the record.
            version: of the file, as its header says.
            limits: ``recipients``, ``kdf_memory`` and ``kdf_passes`` are checked.

        Raises:
            PgiFormatError: it breaks a rule of FORMAT.md, sections 9.2 or 9.5.
            PgiUnsupportedError: its suite is not known here, or the extra "security" is missing.
            PgiLimitError: it asks for too much.
        """
        raw, mac = data[:-MAC_BYTES], data[-MAC_BYTES:]
        try:
            scan(raw, limits)
            content = cbor2.loads(raw)
        except (PgiFormatError, cbor2.CBORDecodeError, ValueError) as error:
            raise PgiFormatError("The envelope of the security block cannot be read.") from error
        take = _Taker(content, "envelope")
        suite, sealed = take.number("suite"), take.number("version")
        if not LEAST_VERSION <= sealed <= version:
            raise PgiFormatError("The security block and the header give different versions of the file.")
        binding = Binding(find_suite(suite), sealed, take.bytes("id", _FILE_ID))
        commit = take.bytes("commit", _COMMIT)
        listed = take.list("seals")
        if len(listed) > _MOST_SEALS:
            raise PgiLimitError(f"The security block has {len(listed):,} seals, more than {_MOST_SEALS:,}.")
        seals = tuple(_seal(item) for item in listed)
        if list(seals) != sorted(seals, key=lambda seal: (seal.type, seal.tier)):
            raise PgiFormatError("The seals of the security block are not in their order.")
        found = take.list("recipients")
        limits.check("recipients", len(found), "The security block")
        stanzas = tuple(_stanza(item, limits) for item in found)
        take.finish()
        if not stanzas or sum(stanza.kind == PASSPHRASE for stanza in stanzas) > _MOST_PASSPHRASES:
            raise PgiFormatError("The security block has no recipients, or too many passphrases.")
        return cls(binding, commit, seals, stanzas, raw, mac)


class _Taker:
    """Takes typed values out of a map, and finds what is left."""

    def __init__(self, content: object, what: str) -> None:
        self._what = what
        if not isinstance(content, dict):
            raise self._wrong()
        self._content: dict[str, Any] = dict(content)

    def _wrong(self) -> PgiFormatError:
        return PgiFormatError(f"The security block has a value in its {self._what} that it cannot have.")

    def _take(self, name: str, fits: Callable[[Any], bool]) -> Any:
        value = self._content.pop(name, None)
        if not fits(value):
            raise self._wrong()
        return value

    def number(self, name: str) -> int:
        def fits(value: object) -> bool:
            return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 32

        number: int = self._take(name, fits)
        return number

    def bytes(self, name: str, size: int | None = None) -> bytes:
        def fits(value: object) -> bool:
            return isinstance(value, bytes) and len(value) == (size or len(value)) and bool(value)

        data: bytes = self._take(name, fits)
        return data

    def text(self, name: str) -> str:
        text: str = self._take(name, lambda value: isinstance(value, str) and bool(_KIND.fullmatch(value)))
        return text

    def list(self, name: str) -> list[Any]:
        items: list[Any] = self._take(name, lambda value: isinstance(value, list))
        return items

    def finish(self) -> None:
        if self._content:
            raise self._wrong()


def _tier(number: int) -> Tier:
    try:
        return Tier(number)
    except ValueError:
        raise PgiFormatError(f"The security block names a tier {number}, which there is not.") from None


def _seal(item: object) -> Seal:
    if not isinstance(item, list) or len(item) != 3:
        raise PgiFormatError("The security block has a seal that is none.")
    take = _Taker(dict(zip(("type", "tier", "salt"), item, strict=True)), "seals")
    seal = Seal(take.number("type"), _tier(take.number("tier")), take.bytes("salt", _SALT))
    allowed: dict[int, tuple[Tier, ...]] = {
        BlockType.METADATA: (Tier.METADATA,),
        BlockType.EXTENSION: (Tier.METADATA, Tier.PREVIEW, Tier.FULL),
        BlockType.IMAGE: (Tier.FULL,),
    }
    if seal.tier not in allowed.get(seal.type, ()):
        raise PgiFormatError("The security block has a seal of a block or tier that cannot have one.")
    return seal


def _stanza(item: object, limits: Limits) -> Stanza:
    take = _Taker(item, "recipients")
    kind, tier, data = take.text("kind"), _tier(take.number("tier")), take.bytes("data")
    if kind != PASSPHRASE:
        stanza = Stanza(kind, tier, take.bytes("key", _KEY_ID), data)
    else:
        salt = take.bytes("salt", _SALT)
        memory, passes, lanes = (take.number(name) for name in ("memory", "passes", "lanes"))
        limits.check("kdf_memory", memory * 1024, "The passphrase of the file")
        limits.check("kdf_passes", passes, "The passphrase of the file")
        if lanes not in _LANES or memory < _LEAST_MEMORY_PER_LANE * lanes or passes < 1:
            raise PgiFormatError("The security block asks for a passphrase in a way that there is not.")
        stanza = Stanza(kind, tier, b"", data, salt, memory, passes, lanes)
    take.finish()
    return stanza


def pack_records(records: Sequence[Record]) -> bytes:
    """The content of the security block."""
    ordered = sorted(records, key=lambda record: record.kind)
    return b"".join(_RECORD.pack(record.kind, len(record.data)) + record.data for record in ordered)


def parse_records(data: bytes) -> list[Record]:
    """The records of a security block.

    Args:
        data: its stored bytes.

    Raises:
        PgiFormatError: they break a rule of FORMAT.md, section 9.
        PgiLimitError: there are too many.
        PgiUnsupportedError: one of them is unknown and must not be skipped.
    """
    records: list[Record] = []
    at = 0
    if len(data) > _MOST_BYTES:
        raise PgiLimitError(f"The security block has {len(data):,} bytes, more than {_MOST_BYTES:,}.")
    while at < len(data):
        if at + _RECORD.size > len(data):
            raise PgiFormatError("The security block ends inside a record.")
        kind, length = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if length > len(data) - at:
            raise PgiFormatError("The security block ends inside a record.")
        if records and (kind < records[-1].kind or kind == records[-1].kind == RecordKind.ENVELOPE):
            raise PgiFormatError("The records of the security block are not in their order.")
        if kind not in list(RecordKind) and not kind & _MAY_SKIP:
            raise PgiUnsupportedError(
                f"The security block has a record of kind {kind}, which is unknown here."
            )
        if len(records) == _MOST_RECORDS:
            raise PgiLimitError(f"The security block has more than {_MOST_RECORDS} records.")
        records.append(Record(kind, data[at : at + length]))
        at += length
    return records
