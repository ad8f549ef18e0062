"""Forgeries by who has no key, by who has a key of a lower tier, and by who has an older state of the file.

Checksums are made to fit again each time, so that nothing but the encryption can stand in the way. Every case
ends in the error that FORMAT.md, section 9.10, names.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cbor2
import numpy as np
import pytest

import pgic_core
from pgic_core import Limits, Passphrase, SecretKey, generate_key
from pgic_core.container import PgiReader
from pgic_core.errors import (
    PgiAuthenticationError,
    PgiChecksumError,
    PgiFormatError,
    PgiKeyError,
    PgiLimitError,
    PgiTruncatedError,
    PgiUnsupportedError,
)
from pgic_core.security import tile_joining
from pgic_core.security.message_layout import TABLE, Place, associated_data, pack_table
from pgic_core.security.reader_unlocking import open_reader, opened_content, verify_sealed
from pgic_core.security.tier_keys import Tier

from ..container.forge import EXTENSION, IMAGE, METADATA, SECURITY, Block, forge
from .conftest import Keys, sealed

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgic_core.security.content_decryption import OpenedContent

AUTH, FORMAT, KEY = PgiAuthenticationError, PgiFormatError, PgiKeyError
LIMIT, TRUNCATED, UNSUPPORTED = PgiLimitError, PgiTruncatedError, PgiUnsupportedError


def everything(data: bytes, keys: object) -> None:
    """Read all that the keys open."""
    with open_reader(data, Limits(), keys) as reader:  # type: ignore[arg-type]
        _ = reader.metadata, reader.extension, reader.payload_length
        assert verify_sealed(reader)


def refused(data: bytes, keys: object, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        everything(data, keys)
    assert type(caught.value) is error, caught.value
    assert str(caught.value).endswith(".")


@dataclass
class Parts:
    """A file taken apart, to be changed and put together."""

    blocks: dict[int, Block]
    version: int = 0x0101

    @classmethod
    def of(cls, data: bytes) -> Parts:
        with PgiReader(data) as reader:
            return cls({b.type: Block(b.type, reader.read_block(b), b.flags) for b in reader.blocks})

    def file(self) -> bytes:
        return forge(list(self.blocks.values()), version=self.version)

    @property
    def envelope(self) -> dict[str, Any]:
        found: dict[str, Any] = cbor2.loads(self.blocks[SECURITY].content[6:-32])
        return found

    @envelope.setter
    def envelope(self, envelope: dict[str, Any]) -> None:
        raw = cbor2.dumps(envelope, canonical=True) + self.blocks[SECURITY].content[-32:]
        self.blocks[SECURITY].content = struct.pack("<HI", 1, len(raw)) + raw

    @property
    def extension(self) -> dict[str, Any]:
        found: dict[str, Any] = cbor2.loads(self.blocks[EXTENSION].content)
        return found

    @extension.setter
    def extension(self, fields: dict[str, Any]) -> None:
        self.blocks[EXTENSION].content = cbor2.dumps(fields, canonical=True)


def flipped(data: bytes, at: int, bit: int = 0) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1 << bit
    return bytes(changed)


def opened(data: bytes, key: SecretKey) -> OpenedContent:
    content = opened_content(open_reader(data, Limits(), key))
    assert content is not None
    return content


@pytest.fixture(scope="module")
def one(small: bytes, keys: Keys) -> bytes:
    """A small file for two people and a passphrase."""
    return sealed(
        small, keys.full.public, (keys.preview.public, "preview"), (keys.metadata.public, "metadata")
    )


@pytest.fixture(scope="module")
def other(small: bytes, keys: Keys) -> bytes:
    """Another file of the same picture for the same people."""
    return sealed(
        small, keys.full.public, (keys.preview.public, "preview"), (keys.metadata.public, "metadata")
    )


@pytest.fixture(scope="module")
def another(learned: bytes, keys: Keys) -> bytes:
    """A second encryption of the picture in ``sealed_apart``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tile_joining, "JOINED_BYTES", 0)
        return sealed(learned, keys.full.public)


def test_what_is_not_changed_is_accepted(one: bytes, keys: Keys) -> None:
    everything(Parts.of(one).file(), keys.full)
    parts = Parts.of(one)
    parts.envelope = parts.envelope
    everything(parts.file(), keys.full)


# Bit flips


@pytest.mark.attack("bit flips")
@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
@pytest.mark.parametrize("block", [METADATA, IMAGE])
def test_bits_of_ciphertext(one: bytes, keys: Keys, block: int, share: float, bit: int) -> None:
    parts = Parts.of(one)
    content = parts.blocks[block].content
    start = 11 if block == IMAGE else 0  # A.2 and the size of the table are no ciphertext
    parts.blocks[block].content = flipped(content, start + int(share * (len(content) - start)), bit)
    refused(parts.file(), keys.full, AUTH)


@pytest.mark.attack("bit flips")
@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("tier", range(3))
def test_bits_of_the_extension(one: bytes, keys: Keys, tier: int, bit: int) -> None:
    parts = Parts.of(one)
    fields = parts.extension
    message = fields["pgic.sealed"][tier]
    fields["pgic.sealed"][tier] = flipped(message, len(message) * bit // 8, bit)
    parts.extension = fields
    refused(parts.file(), keys.full, AUTH)


@pytest.mark.attack("bit flips")
@pytest.mark.parametrize("bit", range(0, 16, 3))
def test_bits_of_the_picture_fields(one: bytes, keys: Keys, bit: int) -> None:
    """Whatever A.2 says is bound to every message."""
    parts = Parts.of(one)
    at, value = divmod(bit, 8)
    parts.blocks[IMAGE].content = flipped(parts.blocks[IMAGE].content, at, value)
    refused(parts.file(), keys.full, AUTH)


@pytest.mark.attack("bit flips")
@pytest.mark.parametrize("bit", range(4))
@pytest.mark.parametrize(
    ("field", "at", "error"),
    [("id", 0, AUTH), ("id", 15, AUTH), ("commit", 0, FORMAT), ("commit", 8, AUTH), ("commit", 31, AUTH)],
)
def test_bits_of_the_envelope(
    one: bytes, keys: Keys, field: str, at: int, bit: int, error: type[Exception]
) -> None:
    parts = Parts.of(one)
    envelope = parts.envelope
    envelope[field] = flipped(envelope[field], at, bit)
    parts.envelope = envelope
    refused(parts.file(), keys.full, error)


@pytest.mark.attack("bit flips")
@pytest.mark.parametrize("at", range(0, 32, 3))
def test_bits_of_the_mac(one: bytes, keys: Keys, at: int) -> None:
    parts = Parts.of(one)
    parts.blocks[SECURITY].content = flipped(parts.blocks[SECURITY].content, at - 32, at % 8)
    refused(parts.file(), keys.full, AUTH)


@pytest.mark.parametrize("seal", range(5))
@pytest.mark.parametrize("at", [0, 15])
def test_bits_of_salts(one: bytes, keys: Keys, seal: int, at: int) -> None:
    parts = Parts.of(one)
    envelope = parts.envelope
    envelope["seals"][seal][2] = flipped(envelope["seals"][seal][2], at)
    parts.envelope = envelope
    refused(parts.file(), keys.full, AUTH)


# Truncation


@pytest.mark.attack("truncation")
@pytest.mark.parametrize("cut", range(25))
def test_files_that_end_early(one: bytes, keys: Keys, cut: int) -> None:
    data = one[: len(one) * cut // 25]
    with pytest.raises(TRUNCATED):
        everything(data, keys.full)


@pytest.mark.attack("truncation")
@pytest.mark.parametrize("cut", [1, 8, 15, 16, 17, 30])
@pytest.mark.parametrize(("block", "error"), [(METADATA, AUTH), (IMAGE, FORMAT), (SECURITY, FORMAT)])
def test_blocks_that_are_shortened(
    one: bytes, keys: Keys, block: int, error: type[Exception], cut: int
) -> None:
    parts = Parts.of(one)
    parts.blocks[block].content = parts.blocks[block].content[:-cut]
    refused(parts.file(), keys.full, error)


@pytest.mark.attack("truncation")
@pytest.mark.parametrize("count", range(1, 4))
def test_messages_of_the_extension_that_are_left_out(one: bytes, keys: Keys, count: int) -> None:
    parts = Parts.of(one)
    fields = parts.extension
    fields["pgic.sealed"] = fields["pgic.sealed"][:-count]
    parts.extension = fields
    refused(parts.file(), keys.full, FORMAT)


# Swaps within and between files


def messages(data: bytes, key: SecretKey) -> tuple[bytes, list[bytes]]:
    """What stands before the messages of a picture, and they."""
    content = opened(data, key)
    block = Parts.of(data).blocks[IMAGE].content
    (group,) = content.groups
    ends = [start + part.stored for start, part in zip(group.stored, group.parts, strict=True)]
    return block[: group.stored[0]], [block[a:b] for a, b in zip(group.stored, ends, strict=True)]


@pytest.mark.attack("swaps within a file")
@pytest.mark.parametrize("at", range(16))
def test_tiles_that_change_places(sealed_apart: bytes, keys: Keys, at: int) -> None:
    head, tiles = messages(sealed_apart, keys.full)
    assert len(tiles) > 17
    tiles[at], tiles[at + 1] = tiles[at + 1], tiles[at]
    parts = Parts.of(sealed_apart)
    parts.blocks[IMAGE].content = head + b"".join(tiles)
    refused(parts.file(), keys.full, AUTH)


@pytest.mark.attack("swaps between files")
@pytest.mark.parametrize("at", range(0, 18, 2))
def test_tiles_of_another_file_of_the_same_picture(
    sealed_apart: bytes, another: bytes, keys: Keys, at: int
) -> None:
    head, tiles = messages(sealed_apart, keys.full)
    second = another
    tiles[at] = messages(second, keys.full)[1][at]
    parts = Parts.of(sealed_apart)
    parts.blocks[IMAGE].content = head + b"".join(tiles)
    refused(parts.file(), keys.full, AUTH)


@pytest.mark.attack("swaps between files")
@pytest.mark.parametrize(
    ("block", "error"), [(METADATA, AUTH), (EXTENSION, FORMAT), (IMAGE, AUTH), (SECURITY, FORMAT)]
)
def test_blocks_of_another_file(
    one: bytes, other: bytes, keys: Keys, block: int, error: type[Exception]
) -> None:
    parts = Parts.of(one)
    parts.blocks[block] = Parts.of(other).blocks[block]
    refused(parts.file(), keys.full, error)


@pytest.mark.attack("swaps between files")
@pytest.mark.parametrize("tier", range(3))
def test_messages_of_another_extension(one: bytes, other: bytes, keys: Keys, tier: int) -> None:
    parts = Parts.of(one)
    fields = parts.extension
    fields["pgic.sealed"][tier] = Parts.of(other).extension["pgic.sealed"][tier]
    parts.extension = fields
    refused(parts.file(), keys.full, AUTH)


@pytest.mark.attack("swaps within a file")
@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 2), (0, 2)])
def test_messages_of_the_extension_that_change_places(
    one: bytes, keys: Keys, first: int, second: int
) -> None:
    parts = Parts.of(one)
    fields = parts.extension
    found = fields["pgic.sealed"]
    found[first], found[second] = found[second], found[first]
    parts.extension = fields
    refused(parts.file(), keys.full, AUTH)


@pytest.fixture(scope="module")
def states(one: bytes, keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """A file as it was after each of some edits."""
    path = tmp_path_factory.mktemp("states") / "a.pgi"
    path.write_bytes(one)
    found = [one]
    for number in range(7):
        # The same lengths each time, so that a block of one state fits into another.
        changes = {"device_id": f"UAV-{number}"}
        extension = {"acme.line": f"L-{number}"}
        pgic_core.set_metadata(path, metadata=changes, extension=extension, keys=keys.full)
        found.append(path.read_bytes())
    return found


@pytest.mark.attack("old directory with new blocks")
@pytest.mark.parametrize("age", range(1, 8))
@pytest.mark.parametrize("older", [METADATA, EXTENSION, SECURITY])
def test_blocks_of_an_older_state(states: list[bytes], keys: Keys, older: int, age: int) -> None:
    """Somebody who kept an older state of a file puts one of its blocks into the present one."""
    now = Parts.of(states[-1])
    everything(now.file(), keys.full)
    now.blocks[older] = Parts.of(states[-1 - age]).blocks[older]
    refused(now.file(), keys.full, AUTH)


@pytest.mark.attack("old directory with new blocks")
@pytest.mark.parametrize("age", range(1, 6))
@pytest.mark.parametrize("older", [METADATA, EXTENSION, SECURITY, None])
def test_an_old_directory_with_new_blocks(
    states: list[bytes], keys: Keys, older: int | None, age: int
) -> None:
    """The directory, or all but one block, is that of an older state, and no checksum is made to fit."""
    new, old = states[-1], states[-1 - age]
    with PgiReader(new) as reader, PgiReader(old) as before:
        assert [block.end for block in reader.blocks] == [block.end for block in before.blocks]
        start = reader.blocks[0].offset
        entry = reader.header.find(older) if older is not None else None
    mixed = old[:start] + new[start:]
    if entry is not None:
        mixed = new[: entry.offset] + old[entry.offset : entry.end] + new[entry.end :]
    refused(mixed, keys.full, PgiChecksumError)
    with pytest.raises(PgiChecksumError):
        pgic_core.verify(mixed)


# Recipients


@pytest.mark.attack("stanza removal and substitution")
@pytest.mark.parametrize("who", ["full", "preview", "metadata"])
@pytest.mark.parametrize("gone", range(3))
def test_a_recipient_who_is_removed(one: bytes, keys: Keys, gone: int, who: str) -> None:
    """Those who are left see that the list was changed; who was removed has no key."""
    parts = Parts.of(one)
    envelope = parts.envelope
    mine = getattr(keys, who).key_id == envelope["recipients"].pop(gone)["key"]
    parts.envelope = envelope
    refused(parts.file(), getattr(keys, who), KEY if mine else AUTH)


@pytest.mark.attack("stanza removal and substitution")
@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("further", [1, 2, 3])
def test_a_recipient_who_is_promoted(one: bytes, keys: Keys, at: int, further: int) -> None:
    parts = Parts.of(one)
    envelope = parts.envelope
    stanza = envelope["recipients"][at]
    key = next(k for k in (keys.full, keys.preview, keys.metadata) if k.key_id == stanza["key"])
    stanza["tier"] = (stanza["tier"] - 1 + further) % 4 + 1
    parts.envelope = envelope
    refused(parts.file(), key, AUTH)


@pytest.mark.attack("stanza removal and substitution")
@pytest.mark.parametrize("at", range(3))
def test_a_stanza_of_another_file(one: bytes, other: bytes, keys: Keys, at: int) -> None:
    parts = Parts.of(one)
    envelope = parts.envelope
    envelope["recipients"][at] = Parts.of(other).envelope["recipients"][at]
    parts.envelope = envelope
    key = next(
        k for k in (keys.full, keys.preview, keys.metadata) if k.key_id == envelope["recipients"][at]["key"]
    )
    refused(parts.file(), key, AUTH)


@pytest.mark.attack("stanza removal and substitution")
def test_a_key_that_a_stranger_wrapped(one: bytes, keys: Keys) -> None:
    """Whoever knows a public key can wrap a key of their own for it; it is not the one of this file."""
    from pgic_core.security.recipients import Recipient, wrap
    from pgic_core.security.tier_keys import TierKey

    content = opened(one, keys.full)
    stanza = wrap(Recipient(keys.full.public), TierKey(Tier.FULL, bytes(32)), content.envelope.binding)
    parts = Parts.of(one)
    envelope = parts.envelope
    at = [each["key"] for each in envelope["recipients"]].index(keys.full.key_id)
    envelope["recipients"][at] = stanza.to_map()
    parts.envelope = envelope
    refused(parts.file(), keys.full, AUTH)


@pytest.mark.attack("stanza removal and substitution")
def test_a_recipient_whom_a_stranger_adds(one: bytes, keys: Keys) -> None:
    from pgic_core.security.recipients import Recipient, wrap
    from pgic_core.security.tier_keys import TierKey

    stranger = generate_key()
    content = opened(one, keys.full)
    stanza = wrap(Recipient(stranger.public), TierKey(Tier.FULL, bytes(32)), content.envelope.binding)
    parts = Parts.of(one)
    envelope = parts.envelope
    envelope["recipients"].append(stanza.to_map())
    parts.envelope = envelope
    for key in (stranger, keys.full, keys.preview):
        refused(parts.file(), key, AUTH)


@pytest.mark.attack("stanza removal and substitution")
@pytest.mark.parametrize("cut", [0, 1, 79, 81])
def test_wrapped_keys_of_another_length(one: bytes, keys: Keys, cut: int) -> None:
    parts = Parts.of(one)
    envelope = parts.envelope
    for stanza in envelope["recipients"]:
        stanza["data"] = (stanza["data"] + b"x")[: cut or 40]
    parts.envelope = envelope
    refused(parts.file(), keys.full, AUTH)


# Downgrade


Change = "Callable[[Parts], None]"


def _version(parts: Parts) -> None:
    parts.version = 0x0100


def _set(field: str, value: object) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        parts.envelope = parts.envelope | {field: value}

    return change


def _flag(block: int, flags: int) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        parts.blocks[block].flags = flags

    return change


def _without(block: int) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        del parts.blocks[block]

    return change


def _mark(**values: object) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        fields = parts.extension
        fields["pgic.security"] |= values
        parts.extension = fields

    return change


def _fields(**values: object) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        named = {key.replace("_", "."): value for key, value in values.items()}
        parts.extension = {k: v for k, v in (parts.extension | named).items() if v is not None}

    return change


def _national(parts: Parts) -> None:
    _set("suite", 2)(parts)
    _mark(suite=2, algorithm="SM4-GCM")(parts)


def _empty_metadata(parts: Parts) -> None:
    from ..container.forge import metadata_content

    parts.blocks[METADATA].content = metadata_content()
    parts.blocks[METADATA].flags = 0


@pytest.mark.attack("downgrade")
def test_the_flag_of_compressed_metadata(keys: Keys) -> None:
    plain = pgic_core.encode(
        np.zeros((8, 8), np.uint8), metadata={"sensor_params": {f"lens-{n}": "0" * 40 for n in range(40)}}
    )
    data = sealed(plain, keys.full.public)
    everything(data, keys.full)
    parts = Parts.of(data)
    assert parts.blocks[METADATA].flags == 3
    parts.blocks[METADATA].flags = 1
    refused(parts.file(), keys.full, AUTH)


@pytest.mark.parametrize("block", [METADATA, IMAGE])
def test_flags_of_a_later_version(one: bytes, keys: Keys, block: int) -> None:
    parts = Parts.of(one)
    parts.version = 0x0103
    parts.blocks[block].flags |= 0x80
    refused(parts.file(), keys.full, UNSUPPORTED)


def test_parts_that_are_kept_are_counted(sealed_apart: bytes, keys: Keys) -> None:
    content = opened(sealed_apart, keys.full)
    for length in (1000, content.payload_length, 100):
        content.read_payload(0, length)
        assert content._kept_bytes == sum(map(len, content._kept.values())) > 0


@pytest.mark.attack("downgrade")
@pytest.mark.parametrize(
    ("change", "error"),
    [
        (_version, FORMAT),
        (_set("version", 0x0100), FORMAT),
        (_set("version", 0x0102), FORMAT),
        (_set("suite", 0), UNSUPPORTED),
        (_set("suite", 3), UNSUPPORTED),
        (_set("suite", 2), FORMAT),
        (_national, AUTH),
        (_flag(IMAGE, 0), FORMAT),
        (_flag(METADATA, 2), FORMAT),
        (_flag(METADATA, 1), AUTH),
        (_set("seals", [[IMAGE, 4, bytes(16)]] * 4097), LIMIT),
        (_flag(METADATA, 0), FORMAT),
        (_flag(EXTENSION, 1), FORMAT),
        (_without(METADATA), FORMAT),
        (_without(EXTENSION), FORMAT),
        (_without(SECURITY), UNSUPPORTED),
        (_mark(suite=2), FORMAT),
        (_mark(algorithm="none"), FORMAT),
        (_mark(key=bytes(8)), FORMAT),
        (_mark(more=1), FORMAT),
        (_fields(acme_note="mine"), FORMAT),
        (_fields(pgic_security=None), FORMAT),
        (_fields(pgic_sealed=None), FORMAT),
        (_fields(pgic_exif=b"Exif"), FORMAT),
        (_empty_metadata, FORMAT),
        (_set("seals", []), FORMAT),
        (_set("more", 1), FORMAT),
        (_set("id", b"short"), FORMAT),
        (_set("commit", bytes(31)), FORMAT),
        (_set("recipients", []), FORMAT),
        (_set("recipients", {}), FORMAT),
        (_set("suite", True), FORMAT),
    ],
)
def test_downgrades_and_contradictions(
    one: bytes, keys: Keys, change: Callable[[Parts], None], error: type[Exception]
) -> None:
    parts = Parts.of(one)
    change(parts)
    refused(parts.file(), keys.full, error)


@pytest.mark.attack("downgrade")
@pytest.mark.parametrize(
    "seals",
    [
        lambda found: found[:-1],
        lambda found: found[1:],
        lambda found: [*found, [IMAGE, 4, bytes(16)]],
        lambda found: [*found, [EXTENSION, 1, bytes(16)]],
        lambda found: list(reversed(found)),
        lambda found: [[IMAGE, 3, bytes(16)], *found[1:]],
        lambda found: [*found, [SECURITY, 4, bytes(16)]],
        lambda found: [*found[:-1], [*found[-1][:2], bytes(15)]],
        lambda found: [*found, [IMAGE, 4]],
        lambda found: [*found, "seal"],
    ],
)
def test_lists_of_seals_that_do_not_fit(one: bytes, keys: Keys, seals: Any) -> None:
    parts = Parts.of(one)
    envelope = parts.envelope
    envelope["seals"] = seals(envelope["seals"])
    parts.envelope = envelope
    with pytest.raises(FORMAT):
        everything(parts.file(), keys.full)


# Wrong tier, and what an insider with a key of a lower tier can do


@pytest.mark.attack("wrong tier")
@pytest.mark.parametrize("tier", [Tier.METADATA, Tier.PREVIEW, Tier.REGIONS])
def test_parts_above_a_key(sealed_apart: bytes, keys: Keys, tier: Tier) -> None:
    content = opened(sealed_apart, getattr(keys, tier.label))
    (group,) = content.groups
    seen = 0
    for start, part in zip(group.starts, group.parts, strict=True):
        if part.tier > tier:
            with pytest.raises(KEY):
                content.read_payload(start, part.length)
            seen += 1
    assert seen > 4


@pytest.mark.attack("wrong tier")
@pytest.mark.parametrize("at", range(20))
def test_tables_that_an_insider_forges(sealed_apart: bytes, keys: Keys, at: int) -> None:
    """With the key of the metadata tier a table can be forged, but that moves no part into another tier."""
    content = opened(sealed_apart, keys.metadata)
    (group,) = content.groups
    at %= len(group.parts)
    forged = list(group.parts)
    lower = Tier.METADATA if forged[at].tier != Tier.METADATA else Tier.PREVIEW
    forged[at] = replace(forged[at], tier=lower)
    binding = content.envelope.binding
    place = Place(IMAGE, Tier.METADATA, TABLE)
    plain = pack_table(group.context, forged)
    key = content.key.seal_key(group.seal.salt, IMAGE, Tier.METADATA, binding)
    fields = content.reader.fields.to_bytes()
    table = binding.suite.seal(key, 0, plain, associated_data(binding, fields, place, len(plain)))
    parts = Parts.of(sealed_apart)
    block = parts.blocks[IMAGE].content
    parts.blocks[IMAGE].content = block[:7] + struct.pack("<I", len(table)) + table + block[group.stored[0] :]
    refused(parts.file(), keys.full, AUTH)
    start = group.starts[at]
    forged_content = opened(parts.file(), keys.metadata)
    with pytest.raises((AUTH, KEY)):
        forged_content.read_payload(start, 1)


# Key confusion


@pytest.mark.attack("key confusion")
@pytest.mark.parametrize("kind", ["x25519", "mlkem768-x25519", "sm2"])
def test_keys_of_others(one: bytes, kind: str) -> None:
    refused(one, generate_key(kind), KEY)
    refused(one, Passphrase("words"), KEY)
    refused(one, None, KEY)


@pytest.mark.attack("key confusion")
@pytest.mark.parametrize("at", range(0, 32, 4))
def test_keys_that_differ_in_one_byte(one: bytes, keys: Keys, at: int) -> None:
    refused(one, SecretKey("x25519", flipped(keys.full._data, at, 6)), KEY)


@pytest.mark.attack("key confusion")
def test_keys_of_another_kind_with_the_same_bytes(one: bytes, keys: Keys) -> None:
    refused(one, SecretKey("sm2", keys.full._data), KEY)
    refused(one, SecretKey("mlkem768-x25519", bytes(64) + keys.full._data), KEY)
    everything(one, [SecretKey("sm2", keys.full._data), keys.full])


@pytest.mark.attack("key confusion")
@pytest.mark.parametrize("text", ["Words", "words ", " words", "words\n", "wor", "wordss", "ẁords"])
def test_wrong_passphrases(small: bytes, text: str) -> None:
    data = sealed(small, Passphrase("words"))
    refused(data, Passphrase(text), KEY)
    everything(data, Passphrase("words"))


@pytest.mark.attack("key confusion")
@pytest.mark.parametrize("kind", ["mlkem768-x25519", "sm2", "passphrase", "unknown"])
def test_kinds_that_are_exchanged(one: bytes, keys: Keys, kind: str) -> None:
    parts = Parts.of(one)
    envelope = parts.envelope
    for stanza in envelope["recipients"]:
        stanza["kind"] = kind
    parts.envelope = envelope
    refused(parts.file(), keys.full, FORMAT if kind == "passphrase" else KEY)


# Hostile numbers


def words_stanza(**values: object) -> dict[str, object]:
    found: dict[str, object] = {"kind": "passphrase", "tier": 4, "data": bytes(48)}
    return found | {"salt": bytes(16), "memory": 64, "passes": 1, "lanes": 1} | values


@pytest.mark.parametrize(
    ("stanzas", "error"),
    [
        ([words_stanza(memory=1 << 20)], LIMIT),
        ([words_stanza(memory=(256 << 10) + 1)], LIMIT),
        ([words_stanza(memory=(1 << 32) - 1)], LIMIT),
        ([words_stanza(passes=17)], LIMIT),
        ([words_stanza(passes=0)], FORMAT),
        ([words_stanza(lanes=0)], FORMAT),
        ([words_stanza(lanes=17)], FORMAT),
        ([words_stanza(memory=7)], FORMAT),
        ([words_stanza(memory=127, lanes=16)], FORMAT),
        ([words_stanza(memory=-1)], FORMAT),
        ([words_stanza(memory=1.5)], FORMAT),
        ([words_stanza(salt=bytes(15))], FORMAT),
        ([words_stanza(salt=b"")], FORMAT),
        ([words_stanza(data=b"")], FORMAT),
        ([words_stanza(tier=0)], FORMAT),
        ([words_stanza(tier=5)], FORMAT),
        ([words_stanza(key=bytes(8))], FORMAT),
        ([words_stanza()] * 5, FORMAT),
        ([{"kind": "x25519", "tier": 4, "key": bytes(8), "data": bytes(80)}] * 65, LIMIT),
        ([{"kind": "x25519", "tier": 4, "key": bytes(7), "data": bytes(80)}], FORMAT),
        ([{"kind": "x25519", "tier": 4, "data": bytes(80)}], FORMAT),
        ([{"kind": "", "tier": 4, "key": bytes(8), "data": bytes(80)}], FORMAT),
        ([{"kind": "x" * 33, "tier": 4, "key": bytes(8), "data": bytes(80)}], FORMAT),
        ([{"kind": "\x1b[2J", "tier": 4, "key": bytes(8), "data": bytes(80)}], FORMAT),
        ([1], FORMAT),
    ],
)
def test_recipients_that_ask_for_too_much(one: bytes, stanzas: list[object], error: type[Exception]) -> None:
    parts = Parts.of(one)
    parts.envelope = parts.envelope | {"recipients": stanzas}
    refused(parts.file(), Passphrase("words"), error)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"x", FORMAT),
        (struct.pack("<HI", 1, 5) + b"abc", FORMAT),
        (struct.pack("<HI", 1, 0), FORMAT),
        (struct.pack("<HI", 1, 40) + bytes(40), FORMAT),
        (struct.pack("<HI", 7, 0), UNSUPPORTED),
        (struct.pack("<HI", 0x8777, 0), FORMAT),
        (struct.pack("<HI", 0x8777, 0) * 257, LIMIT),
        (struct.pack("<HI", 2, 0) + struct.pack("<HI", 1, 0), FORMAT),
        (bytes(5 << 20), LIMIT),
    ],
)
def test_security_blocks_that_are_none(
    one: bytes, keys: Keys, content: bytes, error: type[Exception]
) -> None:
    parts = Parts.of(one)
    parts.blocks[SECURITY].content = content
    refused(parts.file(), keys.full, error)


def test_a_second_envelope(one: bytes, keys: Keys) -> None:
    parts = Parts.of(one)
    parts.blocks[SECURITY].content *= 2
    refused(parts.file(), keys.full, FORMAT)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 1 << 16, 1 << 23, (1 << 32) - 1])
def test_tables_of_another_size(one: bytes, keys: Keys, size: int) -> None:
    parts = Parts.of(one)
    block = parts.blocks[IMAGE].content
    parts.blocks[IMAGE].content = block[:7] + struct.pack("<I", size) + block[11:]
    refused(parts.file(), keys.full, LIMIT if size > 1 << 24 else FORMAT)


@pytest.mark.parametrize("extra", [b"x", bytes(4), bytes(100)])
def test_bytes_after_the_last_group(one: bytes, keys: Keys, extra: bytes) -> None:
    parts = Parts.of(one)
    parts.blocks[IMAGE].content += extra
    refused(parts.file(), keys.full, FORMAT)
