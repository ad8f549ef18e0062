"""What is written comes back, and damage is never silent."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgic_core.container import (
    BlockType,
    ImageFields,
    Location,
    Metadata,
    PgiReader,
    annotations_from_maps,
    annotations_to_maps,
    build_file,
    is_pgi,
    iter_file,
    parse_metadata,
    serialize_extension,
    serialize_metadata,
)
from pgic_core.errors import PgiError, PgiLimitError, PgiOptionError, PgiTruncatedError

from . import strategies
from .forge import (
    EXTENSION,
    FIELDS,
    METADATA,
    PAYLOAD,
    Block,
    deflated,
    forge,
    image_block,
    metadata_content,
)

FULL = build_file(
    FIELDS,
    PAYLOAD,
    metadata=Metadata(1_700_000_000_000, "UAV-7", Location(116.391, 39.907, 50.5), {"iso": "100"}, True),
    extension={"pgic.exif": b"Exif\0\0" + bytes(range(100)), "acme.note": "绝缘子"},
    compress_metadata=False,
)


def without_location(extension: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in extension.items() if key != "pgic.location"}


@given(
    strategies.fields,
    strategies.payloads,
    st.none() | strategies.metadata,
    strategies.extensions,
    st.booleans(),
)
def test_what_is_written_comes_back(
    fields: ImageFields,
    payload: list[bytes],
    metadata: Metadata | None,
    extension: dict[str, object],
    compress: bool,
) -> None:
    data = build_file(fields, payload, metadata=metadata, extension=extension, compress_metadata=compress)
    with PgiReader(data) as reader:
        reader.verify()
        assert reader.size == len(data)
        assert reader.complete
        assert reader.fields == fields
        assert reader.read_payload(0, reader.payload_length) == b"".join(payload)
        assert reader.metadata == (metadata or Metadata())
        assert without_location(reader.extension) == extension
        again = build_file(
            reader.fields,
            reader.read_payload(0, reader.payload_length),
            metadata=reader.metadata,
            extension=reader.extension,
            compress_metadata=compress,
        )
    assert again == data


@given(strategies.metadata)
def test_a3_bytes_hold_the_location_rounded_to_float32(metadata: Metadata) -> None:
    parsed = parse_metadata(serialize_metadata(metadata))
    assert dataclasses.replace(parsed, location=None) == dataclasses.replace(metadata, location=None)
    for name in ("lon", "lat", "height"):
        stored = getattr(parsed.location, name, None)
        given_value = getattr(metadata.location, name, None)
        assert (stored is None) == (given_value is None)
        assert stored is None or stored == pytest.approx(given_value, rel=1e-6, abs=1e-37)


@given(st.lists(strategies.annotations, max_size=4))
def test_annotations_come_back(annotations: list[object]) -> None:
    data = build_file(FIELDS, PAYLOAD, extension={"pgic.annotations": annotations_to_maps(annotations)})
    assert annotations_from_maps(PgiReader(data).extension["pgic.annotations"]) == annotations


def test_picture_alone_costs_93_bytes() -> None:
    assert len(build_file(FIELDS, PAYLOAD, metadata=Metadata(), extension={})) == len(PAYLOAD) + 93


def test_same_input_gives_same_bytes_whatever_the_order_of_maps() -> None:
    first = build_file(FIELDS, PAYLOAD, extension={"a.x": 1, "b.x": {"p": 1, "q": 2}})
    assert first == build_file(FIELDS, PAYLOAD, extension={"b.x": {"q": 2, "p": 1}, "a.x": 1})


def test_compression_is_used_only_where_it_pays() -> None:
    wordy = build_file(FIELDS, PAYLOAD, extension={"pgic.xmp": b"<x:xmpmeta/>" * 100})
    assert [block.compressed for block in PgiReader(wordy).blocks] == [True, False]
    short = build_file(FIELDS, PAYLOAD, extension={"acme.a": 1})
    assert [block.compressed for block in PgiReader(short).blocks] == [False, False]


def test_payload_in_pieces_is_not_copied() -> None:
    large = bytearray(1 << 20)
    pieces = list(iter_file(FIELDS, [large, large]))
    assert sum(isinstance(piece, memoryview) and piece.obj is large for piece in pieces) == 2


def snapshot(data: bytes) -> tuple[object, ...]:
    with PgiReader(data) as reader:
        return (reader.fields, reader.metadata, reader.extension)


@pytest.mark.parametrize("bit", [0, 7])
def test_a_flipped_bit_is_an_error_or_changes_nothing_that_opening_shows(bit: int) -> None:
    wanted = snapshot(FULL)
    for index in range(len(FULL)):
        damaged = bytearray(FULL)
        damaged[index] ^= 1 << bit
        try:
            assert snapshot(bytes(damaged)) == wanted
        except PgiError:
            continue
        with pytest.raises(PgiError), PgiReader(bytes(damaged)) as reader:
            reader.verify()


def test_a_shortened_file_opens_as_far_as_it_reaches() -> None:
    fields_end = PgiReader(FULL).header.image.offset + 7
    for length in range(len(FULL)):
        if length < fields_end:
            with pytest.raises(PgiTruncatedError):
                PgiReader(FULL[:length])
            continue
        reader = PgiReader(FULL[:length])
        assert (reader.fields, reader.metadata, reader.extension) == snapshot(FULL)
        assert reader.complete is False
        here = length - fields_end
        assert reader.read_payload(0, here) == PAYLOAD[:here]
        with pytest.raises(PgiTruncatedError):
            reader.read_payload(here, 1)
        with pytest.raises(PgiTruncatedError):
            reader.verify()


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_words(data: bytes) -> None:
    with pytest.raises(PgiError):
        PgiReader(data)
    with pytest.raises(PgiError):
        PgiReader(b"\x89PGI\x00\x01" + data)


@given(st.data())
def test_spliced_and_overwritten_files_raise_only_pgi_errors(data: st.DataObject) -> None:
    damaged = bytearray(FULL)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        piece = data.draw(st.binary(max_size=12))
        damaged[at : at + data.draw(st.integers(0, 12))] = piece
    try:
        with PgiReader(bytes(damaged)) as reader:
            reader.verify()
    except PgiError:
        return
    assert bytes(damaged) == FULL


CONTENTS = [
    metadata_content(),
    serialize_extension({"acme.x": [1, 2.5, {"q": None}], "pgic.dpi": [72, 72], "pgic.exif": b"Exif"}),
    serialize_extension(
        {"pgic.annotations": [{"label": "x", "box": [0, 0, 1, 1]}], "pgic.location": {"lon": 1.5}}
    ),
]


@given(st.data())
def test_sealed_nonsense_reaches_the_inner_parsers_and_raises_only_pgi_errors(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(CONTENTS)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(min_size=1, max_size=3))
    packed = data.draw(st.booleans())
    block = Block(
        data.draw(st.sampled_from([METADATA, EXTENSION])),
        deflated(bytes(content)) if packed else bytes(content),
        flags=2 * packed,
    )
    reader = PgiReader(forge([block, image_block()]))
    try:
        result = (reader.metadata, reader.extension)
    except PgiError:
        return
    # What is accepted can be written again and says the same.
    again = PgiReader(build_file(FIELDS, PAYLOAD, metadata=result[0], extension=result[1]))
    assert again.metadata == result[0]
    # repr, since NaN is not equal to itself
    assert repr(without_location(again.extension)) == repr(without_location(result[1]))


def test_extension_too_large_for_any_reader_is_not_written() -> None:
    with pytest.raises(PgiLimitError, match="extension block"):
        build_file(FIELDS, PAYLOAD, extension={"acme.x": bytes(17 << 20)})


def test_is_pgi() -> None:
    assert is_pgi(FULL[:16])
    assert is_pgi(memoryview(FULL))
    assert not is_pgi(b"\x89PNG")
    assert not is_pgi(b"\x89PG")


@pytest.mark.parametrize(
    ("offset", "length"), [(-1, 1), (0, -1), (0, len(PAYLOAD) + 1), (len(PAYLOAD), 1), (2**63, 1)]
)
def test_payload_cannot_be_read_beyond_its_ends(offset: int, length: int) -> None:
    with pytest.raises(PgiError, match="image data"):
        PgiReader(FULL).read_payload(offset, length)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 0),
        ("width", 65536),
        ("height", -1),
        ("color_depth", 0),
        ("image_type", 256),
        ("compression_type", -1),
    ],
)
def test_fields_out_of_range_are_refused(name: str, value: int) -> None:
    with pytest.raises(PgiOptionError, match=name):
        build_file(dataclasses.replace(FIELDS, **{name: value}), PAYLOAD)


@pytest.mark.parametrize(
    "metadata",
    [
        Metadata(timestamp_ms=-1),
        Metadata(timestamp_ms=2**64 - 1),
        Metadata(timestamp_ms=1.5),  # type: ignore[arg-type]
        Metadata(device_id="x" * 65536),
        Metadata(device_id="\ud800"),
        Metadata(device_id=b"x"),  # type: ignore[arg-type]
        Metadata(sensor_params={"iso": 100}),  # type: ignore[dict-item]
        Metadata(sensor_params={str(n): "" for n in range(65536)}),
        Metadata(location=Location(lon=181.0)),
        Metadata(location=Location(lat=float("nan"))),
        Metadata(location=Location(lat="39")),  # type: ignore[arg-type]
        Metadata(location=Location(height=float("inf"))),
        Metadata(anomaly=2),  # type: ignore[arg-type]
    ],
)
def test_metadata_out_of_range_is_refused(metadata: Metadata) -> None:
    with pytest.raises(PgiOptionError):
        build_file(FIELDS, PAYLOAD, metadata=metadata)


@pytest.mark.parametrize(
    "extension",
    [
        {"note": 1},
        {"Acme.note": 1},
        {1: 1},
        {"acme.x": 2**64},
        {"acme.x": object()},
        {"acme.x": {1, 2}},
        {"acme.x": {1: 2}},
        {"acme.x": "\udcff"},
        {"acme.x": {"\udcff": 1}},
        {"pgic.exif": "text"},
        {"pgic.icc": b""},
        {"pgic.dpi": (0, 72)},
        {"pgic.annotations": [{"label": "x"}]},
    ],
)
def test_extension_that_no_reader_would_take_is_refused(extension: dict[str, object]) -> None:
    with pytest.raises(PgiOptionError):
        build_file(FIELDS, PAYLOAD, extension=extension)


def test_self_containing_extension_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(PgiOptionError, match="deeper"):
        build_file(FIELDS, PAYLOAD, extension={"acme.x": endless})


def test_empty_payload_is_refused() -> None:
    for payload in (b"", [], [b"", b""]):
        with pytest.raises(PgiOptionError, match="empty"):
            build_file(FIELDS, payload)


def test_stale_exact_location_is_replaced_by_that_of_the_metadata() -> None:
    old = PgiReader(FULL).extension
    assert old["pgic.location"] == {"lon": 116.391, "lat": 39.907, "height": 50.5}
    moved = PgiReader(
        build_file(FIELDS, PAYLOAD, metadata=Metadata(location=Location(1.5, 2.5)), extension=old)
    )
    assert moved.metadata.location == Location(1.5, 2.5)
    assert "pgic.location" not in moved.extension
    assert PgiReader(build_file(FIELDS, PAYLOAD, extension=old)).header.find(BlockType.METADATA) is None
