"""Whatever stands in a security block, a table or a sealed extension, parsers end in one of our errors."""

from __future__ import annotations

import contextlib
import random
import struct
from typing import TYPE_CHECKING, Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgic_core import Limits, PgiError
from pgic_core.container import Annotation, Box, annotations_to_maps
from pgic_core.errors import PgiFormatError
from pgic_core.security.extension_field_tiers import join_fields, pack_fields, parse_fields, split_fields
from pgic_core.security.message_layout import (
    ListedPart,
    pack_content,
    pack_table,
    padded_length,
    parse_content,
    parse_table,
)
from pgic_core.security.reader_unlocking import open_reader, verify_sealed
from pgic_core.security.security_block import Envelope, parse_records
from pgic_core.security.tier_keys import Tier

from ..container import strategies
from ..container.forge import EXTENSION, IMAGE, METADATA, SECURITY
from .conftest import exif_with_thumbnail
from .test_attacks import Parts, everything

if TYPE_CHECKING:
    from .conftest import Keys

values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 33) | st.binary(max_size=40) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = ("suite", "version", "id", "commit", "seals", "recipients")
GOOD: dict[str, Any] = {
    "suite": 1,
    "version": 0x0101,
    "id": bytes(16),
    "commit": bytes(32),
    "seals": [[IMAGE, 4, bytes(16)]],
    "recipients": [{"kind": "x25519", "tier": 4, "key": bytes(8), "data": bytes(80)}],
}


def test_the_good_envelope_is_one() -> None:
    raw = cbor2.dumps(GOOD, canonical=True)
    assert Envelope.parse(raw + bytes(32), 0x0101, Limits()).stanzas[0].kind == "x25519"


@given(st.dictionaries(st.sampled_from(NAMES), values))
def test_envelopes(changes: dict[str, object]) -> None:
    raw = cbor2.dumps(GOOD | changes, canonical=True)
    with contextlib.suppress(PgiError):
        Envelope.parse(raw + bytes(32), 0x0101, Limits())


@given(st.binary(max_size=200))
def test_envelopes_and_records_of_any_bytes(data: bytes) -> None:
    with contextlib.suppress(PgiError):
        Envelope.parse(data, 0x0101, Limits())
    with contextlib.suppress(PgiError):
        parse_records(data)


@given(st.binary(max_size=200))
def test_tables_of_any_bytes(data: bytes) -> None:
    try:
        context, parts = parse_table(data, 100)
    except PgiFormatError:
        return
    assert pack_table(context, parts) == data


@given(
    st.binary(max_size=40),
    st.lists(st.builds(ListedPart, st.sampled_from(Tier), st.integers(1, 7), st.integers(1, 1 << 27))),
)
def test_tables_come_back(context: bytes, parts: list[ListedPart]) -> None:
    assert parse_table(pack_table(context, parts), 1000) == (context, parts)


@pytest.mark.parametrize(
    "table",
    [b"", b"\x05abc", b"\x00\x44", b"\x00\x44\x00", b"\x00\x44\x81\x00", b"\x00\x54\x01", b"\x00\x04\x01",
     b"\x00\x48\x01", b"\x00\x44\x80\x80\x80\x80\x01", b"\x00\x44\xff\xff\xff\xff\xff\x01",
     b"\x00\x10\x01\x44\x01"],
)  # fmt: skip
def test_tables_that_are_none(table: bytes) -> None:
    with pytest.raises(PgiFormatError):
        parse_table(table, 100)


@given(st.binary(max_size=300), st.booleans())
def test_contents_come_back(content: bytes, pad: bool) -> None:
    plain = pack_content(content, pad=pad)
    assert parse_content(plain, "It") == content
    assert len(plain) <= max((len(content) + 4) * (1.12 if pad else 1), 256 * pad)


@given(st.integers(0, 1 << 40))
def test_padding_costs_at_most_12_percent(length: int) -> None:
    padded = padded_length(length)
    assert length <= padded <= max(length * 1.12, length)
    assert padded_length(padded) == padded


@given(st.binary(max_size=60))
def test_contents_of_any_bytes(plain: bytes) -> None:
    with contextlib.suppress(PgiFormatError):
        parse_content(plain, "It")
    with contextlib.suppress(PgiError):
        parse_fields(plain, Limits())


@given(strategies.extensions)
def test_every_extension_block_comes_back(fields: dict[str, object]) -> None:
    packed = {tier: pack_fields(found) for tier, found in split_fields(fields).items()}
    maps = {tier: parse_fields(content, Limits()) for tier, content in packed.items()}
    assert cbor2.dumps(join_fields(maps), canonical=True) == cbor2.dumps(
        cbor2.loads(cbor2.dumps(fields)), canonical=True
    )


def test_fields_by_tier() -> None:
    box = annotations_to_maps([Annotation("crack", Box(0, 0, 1, 1))])
    found = split_fields(
        {
            "pgic.exif": exif_with_thumbnail(),
            "pgic.xmp": b"<x/>",
            "pgic.xmp-extended": b"<x/>",
            "pgic.photoshop": b"8BIM",
            "pgic.iptc": b"\x1c\x02\x05",
            "pgic.icc": b"profile",
            "pgic.annotations": box,
            "pgic.location": {"lon": 1.5},
            "pgic.segments": b"\xff\xe3\x00\x04ab",
            "pgic.features": b"stream",
            "acme.line": "L-7",
            "acme.temperatures": [1.5] * 100,
            "acme.deep": {"a": [b"raw"]},
        }
    )
    names = {tier: sorted(fields) for tier, fields in found.items()}
    assert names == {
        Tier.METADATA: [
            "acme.line",
            "pgic.annotations",
            "pgic.exif",
            "pgic.icc",
            "pgic.iptc",
            "pgic.location",
            "pgic.xmp",
        ],
        Tier.PREVIEW: ["pgic.masked", "pgic.photoshop", "pgic.xmp-extended"],
        Tier.FULL: ["acme.deep", "acme.temperatures", "pgic.features", "pgic.segments"],
    }


def test_pictures_that_cannot_be_told_apart_go_up() -> None:
    xmp = b'<x xmlns:xmp="http://ns.adobe.com/xap/1.0/"><xmp:Thumbnails>AAAA</xmp:Thumbnails></x>'
    odd = b"\x1c\x02\xca" + b"\xff\xd8\xff" + b"JFIF"
    found = split_fields({"pgic.xmp": xmp, "pgic.iptc": odd, "pgic.exif": b"II*\0\xff\xd8\xff"})
    assert set(found) == {Tier.PREVIEW}
    assert "pgic.masked" not in found[Tier.PREVIEW]


@pytest.mark.parametrize(
    "masked",
    [
        1,
        {"pgic.exif": 1},
        {"pgic.exif": [1]},
        {"pgic.exif": [[0]]},
        {"pgic.exif": [["0", b"x"]]},
        {"pgic.exif": [[True, b"x"]]},
        {"pgic.exif": [[-1, b"x"]]},
        {"pgic.exif": [[4, b"x"]]},
        {"pgic.exif": [[0, "x"]]},
        {"pgic.icc": [[0, b"x"]]},
    ],
)
def test_masks_that_do_not_fit(masked: object) -> None:
    with pytest.raises(PgiFormatError):
        join_fields({Tier.METADATA: {"pgic.exif": b"abcd"}, Tier.PREVIEW: {"pgic.masked": masked}})


def test_a_field_in_two_parts() -> None:
    with pytest.raises(PgiFormatError, match="two parts"):
        join_fields({Tier.METADATA: {"acme.x": 1}, Tier.FULL: {"acme.x": 2}})
    for key in ("pgic.security", "pgic.sealed"):
        content = b"\0" + cbor2.dumps({key: {} if key.endswith("y") else []})
        with pytest.raises(PgiFormatError, match="inside"):
            parse_fields(content, Limits())


@settings(max_examples=60)
@given(st.integers(0, 1 << 30))
def test_mutants_with_checksums_that_fit(small_sealed: bytes, keys: Keys, seed: int) -> None:
    """Bytes of all blocks change; whatever comes of it is one of our errors, or the same content."""
    rng = random.Random(seed)
    parts = Parts.of(small_sealed)
    for _ in range(rng.randint(1, 3)):
        block = parts.blocks[rng.choice([METADATA, EXTENSION, IMAGE, SECURITY])]
        content = bytearray(block.content)
        at = rng.randrange(len(content))
        match rng.randrange(4):
            case 0:
                content[at] ^= 1 << rng.randrange(8)
            case 1:
                del content[at : at + rng.randint(1, 9)]
            case 2:
                content[at:at] = rng.randbytes(rng.randint(1, 9))
            case _:
                content[at : at + 4] = struct.pack("<I", rng.choice([0, 1, 255, 1 << 31, (1 << 32) - 1]))
        block.content = bytes(content) or b"\0"
    for key in (keys.full, None):
        with contextlib.suppress(PgiError):
            with open_reader(parts.file(), Limits(), key) as reader:
                verify_sealed(reader)
            if key is not None:
                everything(parts.file(), key)


@pytest.fixture(scope="session")
def small_sealed(small: bytes, keys: Keys) -> bytes:
    from .conftest import sealed

    return sealed(small, keys.full.public, (keys.preview.public, "preview"))
