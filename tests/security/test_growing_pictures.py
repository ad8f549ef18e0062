"""Pictures that grow: an appended group is a seal of its own, and the list of seals tells their number."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import pgic_core
from pgic_core import Limits, PgiAuthenticationError, PgiFormatError, SecretKey
from pgic_core.container import BlockFlag, BlockType, ImageFields, build_file
from pgic_core.container.rewriting import copied_block
from pgic_core.container.writer import assemble, make_block
from pgic_core.security.message_layout import TABLE, ListedPart, Place, associated_data, pack_table
from pgic_core.security.reader_unlocking import open_reader, opened_content
from pgic_core.security.security_block import Record, RecordKind, Seal, pack_records
from pgic_core.security.tier_keys import Tier

from ..container.forge import IMAGE, SECURITY
from .conftest import Keys, sealed
from .independent import EncryptedFile
from .test_attacks import Parts

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def start(keys: Keys) -> bytes:
    """A file of another codec, whose payload may grow as it likes."""
    plain = build_file(ImageFields(0, 64, 48, 8, 200), FIRST)
    return sealed(plain, keys.full.public, (keys.metadata.public, "metadata"))


def appended(data: bytes, key: SecretKey, pieces: Sequence[bytes], context: bytes = b"") -> bytes:
    """The file with one group more: what FORMAT.md asks of a writer that appends."""
    with open_reader(data, Limits(), key) as reader:
        opened = opened_content(reader)
        assert opened is not None
        binding, fields = opened.envelope.binding, reader.fields.to_bytes()
        number, offset = len(opened.groups), reader.payload_length
        seal = Seal(BlockType.IMAGE, Tier.FULL, secrets.token_bytes(16))

        def message(place: Place, plain: bytes, about: bytes) -> bytes:
            sealing = opened.key.seal_key(seal.salt, BlockType.IMAGE, place.tier, binding)
            associated = associated_data(binding, fields, place, len(plain), about)
            return binding.suite.seal(sealing, place.index, plain, associated)

        table = pack_table(context, [ListedPart(Tier.FULL, 7, len(piece)) for piece in pieces])
        place = Place(BlockType.IMAGE, Tier.METADATA, TABLE, number, 0, offset)
        group = message(place, table, b"")
        group = len(group).to_bytes(4, "little") + group
        for index, piece in enumerate(pieces, 1):
            group += message(Place(BlockType.IMAGE, Tier.FULL, 7, number, index, offset), piece, context)
            offset += len(piece)
        image = reader.read_block(reader.header.image) + group
        envelope = replace(opened.envelope, seals=(*opened.envelope.seals, seal))
        record = Record(RecordKind.ENVELOPE, envelope.with_seals(envelope.seals).to_bytes(opened.key))
        blocks = [
            copied_block(reader, entry)
            for entry in reader.blocks
            if entry.type not in (BlockType.IMAGE, BlockType.SECURITY)
        ]
        blocks.append(make_block(BlockType.IMAGE, BlockFlag.ENCRYPTED, [image]))
        blocks.append(make_block(BlockType.SECURITY, 0, [pack_records([record])]))
        return b"".join(assemble(blocks, reader.header.fields_crc32, 0x0101))


def test_a_picture_grows(start: bytes, keys: Keys) -> None:
    once = appended(start, keys.full, [b"second" * 50, b"x"])
    twice = appended(once, keys.full, [b"third" * 70], context=b"frame 3")
    whole = FIRST + b"second" * 50 + b"x" + b"third" * 70
    with open_reader(twice, Limits(), keys.full) as reader:
        assert reader.payload_length == len(whole)
        assert reader.read_payload(0, len(whole)) == whole
        for at in range(0, len(whole) - 90, 89):
            assert reader.read_payload(at, 90) == whole[at : at + 90]
        assert reader.read_payload(len(whole), 0) == b""
        with pytest.raises(PgiFormatError):
            reader.read_payload(len(whole), 1)
    assert EncryptedFile(twice, "x25519", keys.full._data).payload() == whole
    pgic_core.inspect(twice, keys=keys.metadata)
    # What was there before is still there, byte for byte.
    before, after = Parts.of(start).blocks[IMAGE].content, Parts.of(twice).blocks[IMAGE].content
    assert after.startswith(before)


def test_groups_cannot_be_cut_off_or_exchanged(start: bytes, keys: Keys) -> None:
    once = appended(start, keys.full, [b"second" * 50])
    first = Parts.of(start).blocks[IMAGE].content
    parts = Parts.of(once)
    group = parts.blocks[IMAGE].content[len(first) :]

    def refused(content: bytes, error: type[Exception]) -> None:
        parts.blocks[IMAGE].content = content
        with open_reader(parts.file(), Limits(), keys.full) as reader, pytest.raises(error):
            _ = reader.payload_length

    refused(first, PgiFormatError)
    refused(first + group + group, PgiFormatError)
    refused(first[:7] + group + first[7:], PgiAuthenticationError)
    other = appended(start, keys.full, [b"second" * 50])
    refused(first + Parts.of(other).blocks[IMAGE].content[len(first) :], PgiAuthenticationError)
    parts.blocks[IMAGE].content = first
    parts.blocks[SECURITY] = Parts.of(start).blocks[SECURITY]
    with open_reader(parts.file(), Limits(), keys.full) as reader:
        assert reader.payload_length == len(FIRST)  # the older state as a whole is an older state
