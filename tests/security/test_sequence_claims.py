"""Forgeries of what a change frame changes, and of what the metadata of frames is compressed with.

Only frames and blocks that are not signed themselves are made anew, as anybody can without a key.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import pgic_core
from pgic_core import SequenceWriter, encode, open_file
from pgic_core.api.frame_editing import FrameEdits
from pgic_core.cli import app
from pgic_core.container import BlockType, PgiReader
from pgic_core.container.deflate import deflate_if_smaller
from pgic_core.container.file_header import SEQUENCE_VERSION, pack_header
from pgic_core.container.image_fields import IMAGE_FIELDS_SIZE
from pgic_core.container.sequence_appending import SequenceAppender, begin_sequence
from pgic_core.container.sequence_editing import standalone
from pgic_core.container.sequence_reader import NO_CHAIN, SequenceReader
from pgic_core.container.writer import Block, assemble, make_block
from pgic_core.errors import PgiAuthenticationError, PgiFormatError, PgiWarning
from pgic_core.security.signatures.signature_making import signed

from ..sequences.scenes import frame
from .people import Person, make_person

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from .conftest import Keys

attack = pytest.mark.attack("sequence forgery")
DEVICE = "UAV-7-line-ALPHA"
LABEL = "broken insulator"


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return make_person(tmp_path_factory.mktemp("people") / "camera", "camera 3")


def picture(number: int) -> NDArray[np.uint8]:
    """One more thing stands in the scene than before, somewhere else; so a change fits any frame before."""
    pixels = frame(0, moving=False, noise=20)[:128, :192].copy()
    for left, top in [(8, 8), (140, 80), (8, 80)][:number]:
        pixels[top : top + 40, left : left + 40] = (200, 60, 30)
    return pixels


def written(path: Path, numbers: tuple[int, ...] = (0, 1, 2, 3), **options: Any) -> bytes:
    """A sequence of these pictures, of which all but key frames change the one before."""
    with SequenceWriter(path, effort=1, quality=40, sync=False, **options) as writer:
        for number in numbers:
            note = {"label": LABEL, "box": (1, 1, 90, 90)}
            fields = {"device_id": DEVICE}
            writer.append(picture(number), metadata=fields, annotations=[note], duration=40)
    return path.read_bytes()


@pytest.fixture(scope="module")
def signed_by_frame(tmp_path_factory: pytest.TempPathFactory, camera: Person) -> bytes:
    return written(tmp_path_factory.mktemp("each") / "a.pgi", sign=camera.signer())


@pytest.fixture(scope="module")
def signed_at_the_end(tmp_path_factory: pytest.TempPathFactory, camera: Person) -> bytes:
    path = tmp_path_factory.mktemp("end") / "b.pgi"
    written(path)
    pgic_core.sign(path, camera.signer(), frames=-1)
    return path.read_bytes()


def redirected(data: bytes, number: int, to: int) -> bytes:
    """The sequence cut behind a frame, which changes another one of the same depth or less."""
    with PgiReader(data) as reader:
        records = list(SequenceReader(reader).records())[: number + 1]
        stored = [reader.read_payload(each.offset, each.end - each.offset) for each in records]
        kept = reader.read_payload(0, 16)
        last, target = records[-1], records[to]
        other = replace(last, depth=target.depth + 1, key=target.key, reference=target.offset)
        body = other.head() + stored[-1][last.head_length : -4]
        stored[-1] = body + (len(body) + 4).to_bytes(4, "little")
        chain = NO_CHAIN
        for each in stored:
            chain = hashlib.sha256(chain + each).digest()
        *before, image = reader.header.blocks
        length = IMAGE_FIELDS_SIZE + 16 + sum(map(len, stored))
        image = replace(image, length=length, crc32=zlib.crc32(chain), sha256=chain)
        header = pack_header((*before, image), reader.header.fields_crc32, SEQUENCE_VERSION)
        return header + data[len(header) : image.offset + IMAGE_FIELDS_SIZE] + kept + b"".join(stored)


def with_contents(data: bytes, contents: dict[int, bytes]) -> bytes:
    """The sequence with other blocks of its own; its frames stay byte for byte."""
    with PgiReader(data) as reader:
        blocks = []
        for kind, content in contents.items():
            stored, packed = deflate_if_smaller(content)
            blocks.append(make_block(kind, 2 * packed, [stored]))
        image = reader.header.image
        blocks.append(Block(image, [data[image.offset : image.end]]))
        return b"".join(assemble(blocks, reader.header.fields_crc32, SEQUENCE_VERSION))


def contents_of(data: bytes) -> dict[int, bytes]:
    with PgiReader(data) as reader:
        return {kind: reader.content(kind) for kind in (BlockType.METADATA, BlockType.EXTENSION)}


def other_contents(data: bytes, kind: int) -> dict[int, bytes]:
    found = contents_of(data)
    assert DEVICE.encode() in found[BlockType.METADATA]
    assert LABEL.encode() in found[BlockType.EXTENSION]
    changed = found[kind].replace(DEVICE.encode(), b"UAV-9-line-OMEGA")
    found[kind] = changed.replace(LABEL.encode(), b"normal insulator")
    return found


def refused(data: bytes, match: str, trust: Path | None, keys: object = None) -> None:
    failure = pytest.raises((PgiAuthenticationError, PgiFormatError), match=match)
    with open_file(data, keys=keys) as file, failure:  # type: ignore[arg-type]
        file.verify(trust)


# --- what a frame changes ----------------------------------------------------------------------------------


@attack
@pytest.mark.parametrize(("number", "to"), [(2, 0), (3, 0), (3, 1)])
def test_a_change_of_another_frame(signed_by_frame: bytes, camera: Person, number: int, to: int) -> None:
    forged = redirected(signed_by_frame, number, to)
    refused(forged, f"Frame {number} was signed as a change of another frame", camera.root)
    refused(forged, f"Frame {number} was signed as a change of another frame", None)


@attack
def test_a_change_of_another_frame_encrypted(tmp_path: Path, camera: Person, keys: Keys) -> None:
    data = written(tmp_path / "a.pgi", sign=camera.signer(), recipients=[keys.full.public])
    forged = redirected(data, 2, 0)
    refused(forged, "Frame 2 was signed as a change of another frame", camera.root, keys.full)


@attack
def test_a_change_of_another_key_frame(tmp_path: Path, camera: Person) -> None:
    data = written(tmp_path / "a.pgi", (0, 1, 0, 1), sign=camera.signer(), key_distance=1)
    with open_file(data) as file:
        assert [file.is_key_frame(number) for number in range(4)] == [True, False, True, False]
    refused(redirected(data, 3, 0), "Frame 3 was signed as a change of another frame", camera.root)


@attack
def test_a_change_that_was_signed_alone(tmp_path: Path, camera: Person) -> None:
    """Its signature says nothing of a place, so nothing of what it changes."""
    data = written(tmp_path / "a.pgi", sign=camera.signer())
    with PgiReader(data) as reader:
        sequence = SequenceReader(reader)
        first = reader.read_payload((key := sequence.record(0)).frame_offset, key.length)
        plain = written(tmp_path / "b.pgi")
        with PgiReader(plain) as other:
            change = SequenceReader(other)
            alone = standalone(change.open_frame(change.record(1)))
    with PgiReader(alone) as lone:
        change_signed = b"".join(signed(lone, camera.signer()))
    out = io.BytesIO(b"".join(begin_sequence(first, key_distance=64, duration=40)))
    with SequenceAppender(out) as appender:
        appender.append(change_signed, reference=appender.last)
    refused(out.getvalue(), "Frame 1 changes another, and its trusted signature does not say", camera.root)


# --- what metadata is compressed with ----------------------------------------------------------------------


@attack
@pytest.mark.parametrize("kind", [BlockType.METADATA, BlockType.EXTENSION])
def test_other_blocks_of_the_sequence(signed_at_the_end: bytes, camera: Person, kind: int) -> None:
    forged = with_contents(signed_at_the_end, other_contents(signed_at_the_end, kind))
    with open_file(forged) as file:  # it is a forgery of frames that nobody signed themselves
        said = f"{file.frame(0).metadata} {file.frame(1).annotations}"
        assert "OMEGA" in said or "normal" in said
    refused(forged, "Frame 3 was signed beside other metadata of the sequence", camera.root)


@attack
@pytest.mark.parametrize("kind", [BlockType.METADATA, BlockType.EXTENSION])
def test_blocks_of_the_sequence_that_the_first_frame_has_not(
    signed_by_frame: bytes, camera: Person, kind: int
) -> None:
    forged = with_contents(signed_by_frame, other_contents(signed_by_frame, kind))
    refused(forged, "block of the sequence is not that of its first frame", camera.root)


@attack
def test_blocks_of_the_sequence_are_left_out(signed_by_frame: bytes, camera: Person) -> None:
    contents = contents_of(signed_by_frame)
    for kind in contents:
        left = {each: content for each, content in contents.items() if each != kind}
        refused(
            with_contents(signed_by_frame, left),
            "of the sequence is not that of its first frame",
            camera.root,
        )


@attack
def test_plain_blocks_beside_an_encrypted_first_frame(
    tmp_path: Path, signed_by_frame: bytes, camera: Person, keys: Keys
) -> None:
    data = written(tmp_path / "a.pgi", sign=camera.signer(), recipients=[keys.full.public])
    forged = with_contents(data, contents_of(signed_by_frame))
    for key in (keys.full, None):
        refused(forged, "The metadata block of the sequence is not that of its first frame", None, key)


def test_blocks_that_were_changed_are_not_signed(
    tmp_path: Path, signed_by_frame: bytes, camera: Person
) -> None:
    path = tmp_path / "a.pgi"
    path.write_bytes(with_contents(signed_by_frame, other_contents(signed_by_frame, BlockType.METADATA)))
    failure = pytest.raises(PgiFormatError, match="is not that of its first frame")
    with SequenceWriter.open(path, effort=1, sign=camera.signer()) as writer, failure:
        writer.append(picture(1))
    path.write_bytes(signed_by_frame)
    with SequenceWriter.open(path, effort=1, sign=camera.signer()) as writer:
        assert not writer.append(picture(1)).key
    with open_file(path) as file:
        assert [each.frame.reference for each in file.verify(camera.root) if each.frame] == [None, 0, 1, 2, 3]


# --- signatures of earlier versions, and of others ----------------------------------------------------------


def verified(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["verify", *map(str, arguments)], prog_name="pgic")
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def earlier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign as earlier versions did: a place has three items."""
    place = FrameEdits._place

    def without(self: FrameEdits, *arguments: Any) -> object:
        return place(self, *arguments)._replace(reference=None, outer=b"")

    monkeypatch.setattr(FrameEdits, "_place", without)


@pytest.mark.usefixtures("earlier")
def test_an_earlier_version_proves_its_own_frame_alone(tmp_path: Path, camera: Person) -> None:
    path = tmp_path / "a.pgi"
    written(path)
    pgic_core.sign(path, camera.signer(), frames=-1)
    said = verified(path)
    assert "holds" in said
    assert "since an earlier version signed frame 3" in said
    assert "not proven: what frames without a signature of their own show and say" in said
    assert " proven: frames 0" not in said
    refused(
        path.read_bytes(),
        "Frame 0 is not signed. An earlier version signed frame 3, which does not prove",
        camera.root,
    )


@attack
@pytest.mark.usefixtures("earlier")
@pytest.mark.parametrize(("number", "to"), [(2, 0), (3, 1)])
def test_a_change_of_another_frame_that_an_earlier_version_signed(
    tmp_path: Path, camera: Person, number: int, to: int
) -> None:
    path = tmp_path / "a.pgi"
    written(path)
    pgic_core.sign(path, camera.signer())
    assert "4 of 4 frames are signed by" in verified(path, "--trust", camera.root)
    with pytest.warns(PgiWarning, match="is not signed"):
        pgic_core.append(path, picture(1), effort=1)
    refused(path.read_bytes(), r"Frame 4 is not signed\.$", camera.root)
    forged = redirected(path.read_bytes(), number, to)
    refused(forged, f"Frame {number} was signed as a change of another frame", camera.root)


@attack
def test_an_untrusted_signature_proves_no_order(tmp_path: Path, camera: Person) -> None:
    mallory = make_person(tmp_path / "mallory", "mallory")
    pictures = [encode(frame(number)[:128, :192], effort=1, sign=camera.signer()) for number in range(3)]
    out = io.BytesIO(b"".join(begin_sequence(pictures[2], key_distance=64)))
    with SequenceAppender(out) as appender:
        for each in pictures[:2]:
            appender.append(each)
    path = tmp_path / "a.pgi"
    path.write_bytes(out.getvalue())
    pgic_core.sign(path, mallory.signer(), frames=-1)
    said = verified(path, "--trust", camera.root)
    assert " proven: frames" not in said
    assert "not proven: that all frames are in their place" in said
    assert " proven: frames 0 to 2 are as the signer of frame 2 found them" in verified(path)
