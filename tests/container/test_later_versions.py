"""What this version says of files of a later minor version, such as sequences (FORMAT.md, section 11)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from PIL import Image

import pgic_core
from pgic_core.cli.app import app
from pgic_core.container import PgiReader

from ..golden.make import FOLDER
from .forge import EXTENSION, IMAGE, METADATA, Block, forge

if TYPE_CHECKING:
    from pathlib import Path

FUTURE = 0x0080
"""A critical flag that no version has given out yet."""


@pytest.fixture(scope="module")
def later() -> bytes:
    """A real picture whose image data another version wrote, and whose hashes cover we do not know what."""
    blocks = []
    with PgiReader((FOLDER / "annotated.pgi").read_bytes()) as reader:
        for entry in reader.blocks:
            content = reader.read_block(entry)
            if entry.type == IMAGE:
                checks = {"crc32": 1, "sha256": bytes(32)}
                blocks.append(Block(IMAGE, content + b"more frames", flags=FUTURE, entry=checks))
            else:
                blocks.append(Block(entry.type, content, flags=entry.flags))
    assert [block.type for block in blocks] == [METADATA, EXTENSION, IMAGE]
    return forge(blocks, version=0x0107)


SENTENCE = "The image data block needs a later version of this software (flags 0x0080)."


def test_what_is_not_pixels_is_read(later: bytes) -> None:
    with pgic_core.open_file(later) as file:
        assert (file.width, file.height) == (72, 64)
        assert file.metadata.device_id == "UAV-7"
        assert [a.label for a in file.annotations] == ["crack"]


@pytest.mark.parametrize("options", [{}, {"level": "preview"}, {"window": (0, 0, 8, 8)}, {"scale": 4}])
def test_pixels_are_refused_with_one_sentence(later: bytes, options: dict[str, object]) -> None:
    with pytest.raises(pgic_core.PgiUnsupportedError) as caught:
        pgic_core.decode(later, **options)
    assert str(caught.value) == SENTENCE


def test_verify_calls_it_neither_sound_nor_damaged(later: bytes) -> None:
    with pytest.raises(pgic_core.PgiUnsupportedError) as caught:
        pgic_core.verify(later)
    assert str(caught.value) == SENTENCE


def test_verify_still_finds_damage_elsewhere(later: bytes) -> None:
    with PgiReader(later) as reader:
        at = reader.header.find(METADATA).offset
    with pytest.raises(pgic_core.PgiChecksumError, match="metadata block is damaged"):
        pgic_core.verify(later[:at] + bytes([later[at] ^ 1]) + later[at + 1 :])


def test_no_editor_touches_it(later: bytes, tmp_path: Path) -> None:
    path = tmp_path / "later.pgi"
    path.write_bytes(later)
    with pytest.raises(pgic_core.PgiUnsupportedError, match="later"):
        pgic_core.set_metadata(path, metadata={"device_id": "UAV-8"})
    assert path.read_bytes() == later


def test_pillow_says_the_same(later: bytes) -> None:
    with pytest.raises(OSError, match="needs a later version") as caught:
        Image.open(io.BytesIO(later))
    assert str(caught.value) == SENTENCE


def test_the_command_says_so_in_one_line(later: bytes, tmp_path: Path) -> None:
    path = tmp_path / "later.pgi"
    path.write_bytes(later)
    for command in (["decode", str(path), str(tmp_path / "out.png")], ["verify", str(path)]):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 1
        assert SENTENCE in " ".join(result.output.split())
        assert not (tmp_path / "out.png").exists()


def test_an_unknown_critical_block_is_refused_when_it_is_opened() -> None:
    image = Block(IMAGE, bytes(7 + 16), flags=0)
    with pytest.raises(pgic_core.PgiUnsupportedError, match="must not be skipped"):
        pgic_core.open_file(forge([image, Block(0x0031, b"frames")], version=0x0107))


def test_an_unknown_ancillary_block_is_checked_still() -> None:
    image = Block(IMAGE, bytes([0, 1, 0, 1, 0, 8, 1]) + bytes(16))
    added = Block(0x8031, b"index", flags=FUTURE, entry={"crc32": 1})
    with (
        PgiReader(forge([image, added], version=0x0107)) as reader,
        pytest.raises(pgic_core.PgiChecksumError),
    ):
        reader.verify()
