"""Metadata and extension change; the picture's bytes do not."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgic_core.container import (
    KEEP,
    Location,
    Metadata,
    PgiReader,
    build_file,
    rewrite,
    rewrite_file,
    write_file,
)
from pgic_core.errors import PgiChecksumError, PgiOptionError, PgiTruncatedError, PgiUnsupportedError

from . import strategies
from .forge import FIELDS, METADATA, PAYLOAD, SECURITY, Block, forge, image_block, metadata_content

if TYPE_CHECKING:
    from pathlib import Path

OLD = Metadata(5, "UAV-7", Location(116.391, 39.907, 50.5))
FILE = build_file(FIELDS, PAYLOAD, metadata=OLD, extension={"acme.x": [1, 2]})


@given(
    st.just(KEEP) | st.none() | strategies.metadata,
    st.just(KEEP) | st.none() | strategies.extensions,
)
def test_rewritten_file_is_the_file_built_anew(metadata: object, extension: object) -> None:
    data = b"".join(rewrite(FILE, metadata=metadata, extension=extension))
    assert data == build_file(
        FIELDS,
        PAYLOAD,
        metadata=OLD if metadata is KEEP else metadata,
        extension={"acme.x": [1, 2]} if extension is KEEP else extension,
    )


def test_removing_both_leaves_the_picture_alone() -> None:
    assert b"".join(rewrite(FILE, metadata=None, extension={})) == build_file(FIELDS, PAYLOAD)


def test_unknown_ancillary_blocks_are_carried_in_their_place() -> None:
    blocks = [Block(0x8001, b"first"), Block(0x8025, b"between"), image_block(), Block(0x8100, b"last")]
    data = b"".join(rewrite(forge(blocks), metadata=OLD, extension={"acme.x": 1}))
    reader = PgiReader(data)
    reader.verify()
    assert [block.type for block in reader.blocks] == [0x8001, 0x8010, 0x8020, 0x8025, 0x0030, 0x8100]
    assert [reader.read_block(block) for block in reader.blocks][3::2] == [b"between", b"last"]


def test_damage_is_not_sealed_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.pgi"
    damaged = FILE[:-1] + bytes([FILE[-1] ^ 1])
    path.write_bytes(damaged)
    with pytest.raises(PgiChecksumError, match="image data block"):
        rewrite_file(path, metadata=None)
    assert path.read_bytes() == damaged
    path.write_bytes(FILE[:-1])
    with pytest.raises(PgiTruncatedError):
        rewrite_file(path, metadata=None)
    assert path.read_bytes() == FILE[:-1]


def test_bad_values_are_refused_before_anything_is_read_or_written(tmp_path: Path) -> None:
    path = tmp_path / "a.pgi"
    path.write_bytes(FILE)
    with pytest.raises(PgiOptionError):
        rewrite_file(path, extension={"no prefix": 1})
    assert path.read_bytes() == FILE


def test_rewrite_file_in_place(tmp_path: Path) -> None:
    path = tmp_path / "巡检.pgi"
    write_file(path, FIELDS, [PAYLOAD[:100], PAYLOAD[100:]], metadata=OLD, extension={"acme.x": [1, 2]})
    assert path.read_bytes() == FILE
    rewrite_file(path, metadata=Metadata(anomaly=True))
    reader = PgiReader(path)
    reader.verify()
    assert reader.metadata == Metadata(anomaly=True)
    assert reader.extension == {"acme.x": [1, 2]}
    assert reader.read_payload(0, len(PAYLOAD)) == PAYLOAD


def test_reader_that_is_handed_in_stays_open() -> None:
    with PgiReader(io.BytesIO(FILE)) as reader:
        assert b"".join(rewrite(reader)) == FILE
        assert reader.read_payload(0, 1) == PAYLOAD[:1]


def test_files_that_this_version_must_not_edit() -> None:
    with pytest.raises(PgiUnsupportedError, match="later version"):
        rewrite(forge([image_block()], version=0x0103))
    with pytest.raises(PgiUnsupportedError, match="security block"):
        rewrite(forge([image_block(), Block(SECURITY, b"x")]))
    with pytest.raises(PgiUnsupportedError, match="encrypted"):
        rewrite(forge([Block(METADATA, metadata_content(), flags=1), image_block()]))
