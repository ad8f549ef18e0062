"""A sealed file that breaks a rule of FORMAT.md is rejected with the error that stands beside the rule."""

from __future__ import annotations

import re
import struct
from importlib import resources

import cbor2
import pytest

from pgic_core import errors
from pgic_core.container import PgiReader
from pgic_core.container.parity import protected
from pgic_core.limits import DEFAULT_LIMITS, Limits

from .forge import (
    EXTENSION,
    FIELDS,
    IMAGE,
    METADATA,
    PARITY,
    PAYLOAD,
    SECURITY,
    Block,
    deflated,
    forge,
    image_block,
    metadata_content,
)

FORMAT = (resources.files("pgic_core.container") / "FORMAT.md").read_text("utf-8")
# Those of section 9 have their cases in tests/security, those of section 11 in test_sequence_rules.py.
RULES = dict(re.findall(r"^\| ([A-PRT-Z]\d+) \| .* \| `(\w+)` \|$", FORMAT, flags=re.MULTILINE))

IMG = image_block()
META = Block(METADATA, metadata_content())
EXT = Block(EXTENSION, cbor2.dumps({"acme.x": 1}, canonical=True))


def meta(**changes: object) -> bytes:
    return forge([Block(METADATA, metadata_content(**changes)), IMG])


def packed(content: bytes) -> bytes:
    return forge([Block(METADATA, content, flags=2), IMG])


def ext(content: bytes) -> bytes:
    return forge([Block(EXTENSION, content), IMG])


def ext_map(value: object) -> bytes:
    return ext(cbor2.dumps(value, canonical=True))


def a2(width: int = 64, height: int = 48, depth: int = 8, **options: object) -> bytes:
    fields = struct.pack("<BHHBB", 0, width, height, depth, 1)
    return forge([image_block(fields=fields)], **options)


def half(data: bytes, part: float = 0.5) -> bytes:
    return data[: int(len(data) * part)]


def _parity(image: Block, more: bytes = b"") -> bytes:
    """A file with the parity block that was made for another picture."""
    pieces = forge([image])
    data = b"".join(protected(lambda: [pieces], 500))
    return forge([IMG, Block(PARITY, data[len(pieces) + 56 :] + more)])


TINY_MAPS = Limits(map_entries=3, string_bytes=8)
TINY = Limits(blocks=1, block_bytes=100)

# rule, what is broken, file, limits
CASES: list[tuple[str, str, bytes, Limits]] = [
    (rule, what, data, limits[0] if limits else DEFAULT_LIMITS)
    for rule, what, data, *limits in [
        ("H1", "another format", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("H1", "seven bits", b"\x09PGI" + bytes(100)),
        ("H1", "one wrong byte", b"\x88"),
        ("H2", "nothing", b""),
        ("H2", "part of the magic", b"\x89PG"),
        ("H2", "29 bytes", forge([IMG])[:29]),
        ("H3", "major 2", forge([IMG], version=0x0200)),
        ("H3", "major 0", forge([IMG], version=0x0001)),
        ("H4", "line ends changed", forge([IMG], guard=b"\n\x1a\n\x00")),
        ("H5", "header_size 85", forge([IMG], header_size=85)),
        ("H5", "header_size 0", forge([IMG], header_size=0)),
        ("H6", "inside the directory", forge([IMG])[:60]),
        ("H7", "checksum", forge([IMG], checksum=0)),
        ("D1", "no blocks", forge([IMG], block_count=0)),
        ("D2", "two where one is allowed", forge([META, IMG]), TINY),
        ("D2", "17 blocks", forge([*(Block(0x8100 + n, b"x") for n in range(16)), IMG])),
        ("D3", "short entries", forge([IMG], entry_size=55, header_tail=bytes(8))),
        ("D3", "long entries", forge([IMG], entry_size=57)),
        (
            "D3",
            "short, later version",
            forge([IMG], entry_size=55, version=0x0103, header_tail=bytes(8)),
        ),
        ("D4", "slack after the directory", forge([IMG], header_tail=bytes(1))),
        ("D4", "directory beyond the header", forge([IMG], block_count=2)),
        ("D4", "the same, later version", forge([IMG], block_count=2, version=0x0103)),
        ("D5", "metadata twice", forge([META, META, IMG])),
        ("D5", "one position, two types", forge([Block(0x0010, b"x"), META, IMG])),
        ("D5", "image twice", forge([IMG, IMG])),
        ("D6", "image first", forge([IMG, META])),
        ("D6", "extension first", forge([EXT, META, IMG])),
        ("D6", "security before image", forge([Block(SECURITY, b"x"), IMG])),
        ("D7", "length 2^64 - 1", forge([image_block(length=2**64 - 1)])),
        ("D7", "length 2^63", forge([META, image_block(length=2**63)])),
        ("D8", "gap", forge([META, image_block(offset=1000)], data_offset=1000)),
        ("D8", "overlap", forge([META, image_block(offset=142)], data_offset=142)),
        ("D8", "offset 2^64 - 1", forge([image_block(offset=2**64 - 1)], data_offset=2**64 - 1)),
        ("D8", "inside the header", forge([image_block(offset=0)], data_offset=0)),
        ("D9", "empty metadata", forge([Block(METADATA, b""), IMG])),
        ("D9", "no image_data", forge([Block(IMAGE, FIELDS.to_bytes())])),
        ("D10", "image too large", forge([IMG]), TINY),
        ("D10", "a claimed terabyte", forge([image_block(length=2**40)])),
        ("D11", "unknown critical block", forge([Block(0x0020, b"x"), IMG])),
        ("D12", "image compressed", forge([Block(IMAGE, IMG.content, flags=2)])),
        (
            "D12",
            "the same, later version",
            forge([Block(IMAGE, IMG.content, flags=2)], version=0x0103),
        ),
        ("D12", "unknown flag", forge([Block(METADATA, META.content, flags=4), IMG])),
        ("D12", "unknown ancillary flag", forge([Block(METADATA, META.content, flags=0x100), IMG])),
        ("D12", "security encrypted", forge([IMG, Block(SECURITY, b"x", flags=1)])),
        ("D13", "no image", forge([META])),
        ("D14", "data_offset", forge([META, IMG], data_offset=86)),
        ("D15", "one byte more", forge([IMG], tail=b"\x00")),
        ("B1", "metadata", forge([Block(METADATA, META.content, entry={"crc32": 1}), IMG])),
        ("B1", "extension", forge([Block(EXTENSION, EXT.content, entry={"crc32": 1}), IMG])),
        ("B1", "image", forge([image_block(crc32=1)])),
        ("B1", "unknown", forge([IMG, Block(0x8100, b"x", entry={"crc32": 1})])),
        ("B2", "metadata", forge([Block(METADATA, META.content, entry={"sha256": bytes(32)}), IMG])),
        ("B2", "image", forge([image_block(sha256=bytes(32))])),
        ("B3", "image", half(forge([IMG]))),
        ("B3", "security", forge([IMG, Block(SECURITY, b"xyz")])[:-1]),
        ("B4", "metadata", forge([Block(METADATA, b"cipher", flags=1), IMG])),
        ("B4", "image", forge([Block(IMAGE, IMG.content, flags=1)])),
        ("P1", "no packets", forge([IMG, Block(PARITY, bytes(168))])),
        ("P1", "a packet too many", _parity(IMG, more=bytes(168))),
        ("P2", "of another file", _parity(image_block(PAYLOAD[::-1]))),
        ("B5", "metadata", forge([Block(METADATA, META.content, flags=0x80), IMG], version=0x0103)),
        (
            "B5",
            "before B1, as its checks may be of something else",
            forge([Block(IMAGE, IMG.content, flags=0x80, entry={"crc32": 1})], version=0x0103, tail=b"x"),
        ),
        ("I1", "fields_crc32", forge([IMG], fields_crc32=0)),
        ("I2", "width", a2(width=0)),
        ("I2", "height", a2(height=0)),
        ("I3", "depth", a2(depth=0)),
        ("I4", "110 megapixels", a2(width=65535, height=1679)),
        ("I5", "80 megapixels in 512 bytes", a2(width=10000, height=8000)),
        ("I6", "inside A.2", forge([META, IMG])[: -len(PAYLOAD) - 1]),
        ("C1", "four bytes", packed(bytes(4))),
        ("C2", "4 GiB claimed", packed(deflated(META.content, claimed=2**32 - 1))),
        ("C2", "stored too long", forge([Block(EXTENSION, EXT.content), IMG]), Limits(metadata_bytes=8)),
        ("C3", "no deflate", packed(bytes(4) + b"\xff" * 40)),
        ("C3", "more than claimed", packed(deflated(META.content, claimed=len(META.content) - 1))),
        ("C3", "a bomb that claims little", packed(deflated(bytes(10_000_000), claimed=50))),
        ("C3", "less than claimed", packed(deflated(META.content, claimed=len(META.content) + 1))),
        ("C3", "cut off", packed(deflated(META.content)[:-3])),
        ("C3", "bytes after", packed(deflated(META.content, tail=b"x"))),
        *[
            ("M1", f"{cut} bytes", forge([Block(METADATA, META.content[:cut]), IMG]))
            for cut in range(1, len(META.content))
        ],
        ("M1", "count too large", meta(count=3)),
        ("M1", "count 65535", meta(count=65535)),
        ("M2", "device_id", meta(device=b"\xff")),
        ("M2", "surrogate", meta(device=b"\xed\xa0\x80")),
        ("M2", "key", meta(params=((b"\xc3", b""),))),
        ("M2", "value", meta(params=((b"a", b"\xc3"),))),
        ("M3", "repeated", meta(params=((b"a", b""), (b"a", b"")))),
        ("M3", "reversed", meta(params=((b"b", b""), (b"a", b"")))),
        ("M4", "2", meta(anomaly=2)),
        ("M5", "one byte more", forge([Block(METADATA, META.content + b"\x00"), IMG])),
        ("M6", "longitude", meta(point=(180.5, 0, 0))),
        ("M6", "latitude", meta(point=(0, -90.5, 0))),
        ("M6", "height", meta(point=(0, 0, 2e7))),
        ("M6", "infinity", meta(point=(float("inf"), 0, 0))),
        ("M7", "string", meta(device=b"123456789"), TINY_MAPS),
        (
            "M7",
            "map",
            meta(params=tuple((bytes([n]), b"") for n in b"abcd")),
            TINY_MAPS,
        ),
        ("E1", "array", ext_map([1])),
        ("E1", "indefinite array", ext(b"\x9f\xff")),
        ("E2", "one byte more", ext(EXT.content + b"\x00")),
        ("E3", "indefinite map", ext(b"\xbf\xff")),
        ("E3", "indefinite text", ext(b"\xa1\x63a.b\x7f\x61x\xff")),
        ("E3", "indefinite bytes", ext(b"\xa1\x63a.b\x5f\x41x\xff")),
        ("E3", "indefinite array", ext(b"\xa1\x63a.b\x9f\xff")),
        ("E3", "break", ext(b"\xa1\x63a.b\xff")),
        ("E3", "reserved length", ext(b"\xa1\x63a.b\x1c")),
        ("E4", "1 in two bytes", ext(b"\xa1\x63a.b\x18\x01")),
        ("E4", "255 in three bytes", ext(b"\xa1\x63a.b\x19\x00\xff")),
        ("E4", "65535 in five bytes", ext(b"\xa1\x63a.b\x1a\x00\x00\xff\xff")),
        ("E4", "2^32 - 1 in nine bytes", ext(b"\xa1\x63a.b\x1b\x00\x00\x00\x00\xff\xff\xff\xff")),
        ("E4", "text length", ext(b"\xa1\x78\x03a.b\x01")),
        ("E4", "1.5 as float64", ext(b"\xa1\x63a.b\xfb" + struct.pack(">d", 1.5))),
        ("E4", "1.5 as float32", ext(b"\xa1\x63a.b\xfa" + struct.pack(">f", 1.5))),
        ("E4", "infinity as float32", ext(b"\xa1\x63a.b\xfa" + struct.pack(">f", float("inf")))),
        ("E4", "another NaN", ext(b"\xa1\x63a.b\xf9\x7e\x01")),
        ("E4", "NaN as float64", ext(b"\xa1\x63a.b\xfb" + struct.pack(">d", float("nan")))),
        ("E5", "number", ext(b"\xa1\x01\x01")),
        ("E5", "bytes", ext(b"\xa1\x43a.b\x01")),
        ("E5", "inner", ext(b"\xa1\x63a.b\xa1\x01\x01")),
        ("E6", "repeated", ext(b"\xa2\x63a.b\x01\x63a.b\x02")),
        ("E6", "reversed", ext(b"\xa2\x63a.c\x01\x63a.b\x02")),
        ("E6", "longer first", ext(b"\xa2\x64a.bb\x01\x63a.c\x02")),
        ("E6", "inner", ext(b"\xa1\x63a.b\xa2\x61x\x01\x61x\x02")),
        ("E7", "date", ext(b"\xa1\x63a.b\xc1\x01")),
        ("E7", "bignum", ext_map({"a.b": 2**64})),
        ("E7", "shared", ext(b"\xa1\x63a.b\xd8\x1d\x00")),
        ("E8", "undefined", ext(b"\xa1\x63a.b\xf7")),
        ("E8", "simple 0", ext(b"\xa1\x63a.b\xe0")),
        ("E8", "simple 255", ext(b"\xa1\x63a.b\xf8\xff")),
        ("E8", "false in two bytes", ext(b"\xa1\x63a.b\xf8\x14")),
        ("E9", "value", ext(b"\xa1\x63a.b\x61\xff")),
        ("E9", "key", ext(b"\xa1\x63a.\xff\x01")),
        *[("E10", f"{cut} bytes", ext(EXT.content[:cut])) for cut in range(1, len(EXT.content))],
        ("E10", "text of 4 EB", ext(b"\xa1\x63a.b\x5b\x3f" + b"\xff" * 7)),
        ("E11", "array of 2^64 - 1", ext(b"\xa1\x63a.b\x9b" + b"\xff" * 8)),
        ("E11", "a million levels", ext(b"\xa1\x63a.b" + b"\x81" * 1_000_000 + b"\x01")),
        ("E11", "17 levels", ext(b"\xa1\x63a.b" + b"\x81" * 16 + b"\x01")),
        ("E11", "long text", ext_map({"a.b": "x" * 65537})),
        ("E11", "many entries", ext_map({"a.b": [[0] * 40_000, [0] * 40_000]})),
        ("E12", "no dot", ext_map({"note": 1})),
        ("E12", "empty", ext_map({"": 1})),
        ("E12", "upper case", ext_map({"Acme.x": 1})),
        ("E12", "no name", ext_map({"acme.": 1})),
        ("E13", "exif is text", ext_map({"pgic.exif": "x"})),
        ("E13", "icc is empty", ext_map({"pgic.icc": b""})),
        ("E13", "xmp is null", ext_map({"pgic.xmp": None})),
        *[
            ("E13", f"dpi {value}", ext_map({"pgic.dpi": value}))
            for value in (
                72,
                [72],
                [72, 72, 72],
                [0, 72],
                [-1, 72],
                [72, float("nan")],
                [72, float("inf")],
                ["72", "72"],
                [True, True],
                {"x": 72},
            )
        ],
        *[
            ("E13", f"preprocess {value}", ext_map({"pgic.preprocess": value}))
            for value in ("denoise", [], [""], [1], {"denoise": 1})
        ],
        *[
            ("E13", f"strategy {value}", ext_map({"pgic.strategy": value}))
            for value in ("saliency", {"roi": ""}, {"steps": [0, 9]}, {"target": ["bytes", -1]})
        ],
        *[
            ("E13", f"segments {value!r:.40}", ext_map({"pgic.segments": value}))
            for value in (
                b"",
                "x",
                b"x",
                b"\xff\xe3\x00\x01",
                b"\xff\xe3\x00\x03",
                b"\xff\xda\x00\x02",
                b"\xff\xe3\x00\x04abc",
                b"\xff\xe3\x00\x02" * 4097,
            )
        ],
        *(
            ("E13", f"{key} {value}", ext_map({f"pgic.{key}": value}))
            for key, values in {
                "iptc": ["x", b""],
                "photoshop": [[], b""],
                "xmp-extended": ["x", b""],
                "comments": [b"x", [], [b""], ["x"]],
                "text": ["x", [], ["x"], [{"keyword": "x"}], [{"keyword": "", "text": "x"}], [{"text": "x"}]],
            }.items()
            for value in values
        ),
        ("E13", "text of bytes", ext_map({"pgic.text": [{"keyword": "x", "text": b"x"}]})),
        ("E13", "annotations is a map", ext_map({"pgic.annotations": {}})),
        ("E13", "annotation without shape", ext_map({"pgic.annotations": [{"label": "x"}]})),
        ("E13", "location is a list", ext_map({"pgic.location": [1, 2, 3]})),
        ("E13", "location is text", ext_map({"pgic.location": {"lon": "1"}})),
        ("E13", "location off Earth", ext_map({"pgic.location": {"lat": 91}})),
        ("E13", "datum is a number", ext_map({"pgic.location": {"datum": 1}})),
        (
            "E14",
            "another place",
            forge(
                [
                    META,
                    Block(
                        EXTENSION,
                        cbor2.dumps(
                            {"pgic.location": {"lat": 39.75, "lon": 116.75, "height": 50}}, canonical=True
                        ),
                    ),
                    IMG,
                ]
            ),
        ),
        (
            "E14",
            "one coordinate less",
            forge(
                [
                    META,
                    Block(
                        EXTENSION,
                        cbor2.dumps({"pgic.location": {"lat": 39.75, "lon": 116.5}}, canonical=True),
                    ),
                    IMG,
                ]
            ),
        ),
        ("E14", "no metadata", ext_map({"pgic.location": {"lat": 39.75}})),
    ]
]


def read_all(data: bytes, limits: Limits) -> None:
    """Open and touch everything, then verify."""
    with PgiReader(data, limits) as reader:
        _ = reader.extension
        _ = reader.metadata
        reader.read_payload(0, reader.payload_length)
        reader.verify()


@pytest.mark.parametrize(("rule", "what", "data", "limits"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES])
def test_broken_rule_is_rejected_as_the_document_says(
    rule: str, what: str, data: bytes, limits: Limits
) -> None:
    with pytest.raises(errors.PgiError) as caught:
        read_all(data, limits)
    assert type(caught.value).__name__ == RULES[rule]
    message = str(caught.value)
    assert message[0].isupper() or message.startswith(("pgic.", "header_size", "data_offset"))
    assert message.endswith(".")


def test_every_rule_of_the_document_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(RULES)
    assert len(RULES) > 50


def test_forged_file_without_a_fault_is_accepted() -> None:
    read_all(forge([META, EXT, IMG]), DEFAULT_LIMITS)
    read_all(forge([META, EXT, Block(0x8025, b"new"), IMG, Block(SECURITY, b"x")]), DEFAULT_LIMITS)


def test_later_minor_version_may_add_what_section_11_allows() -> None:
    data = forge(
        [
            Block(METADATA, META.content + b"new field", flags=0x4000),
            EXT,
            Block(0x8021, b"new block", flags=0xFF),
            IMG,
        ],
        version=0x0107,
        entry_size=60,
        header_tail=b"new header field",
    )
    read_all(data, DEFAULT_LIMITS)
    reader = PgiReader(data)
    assert reader.version == (1, 7)
    assert reader.metadata.device_id == "UAV-7"
    assert reader.extension == {"acme.x": 1}


def test_unlimited_limits_lift_the_limit_rules_but_no_other() -> None:
    read_all(a2(width=10000, height=8000), Limits.unlimited())
    with pytest.raises(errors.PgiFormatError):
        read_all(meta(anomaly=2), Limits.unlimited())
