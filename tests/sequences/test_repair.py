"""Damaged frames are restored from their own parity, byte for byte, whatever else they are."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

import pgic_core
from pgic_core import SequenceWriter
from pgic_core.cli import app
from pgic_core.container import PgiReader
from pgic_core.container.sequence_reader import SequenceReader
from pgic_core.errors import PgiChecksumError, PgiFormatError, PgiInputError, PgiTruncatedError, PgiWarning

from .scenes import frame

if TYPE_CHECKING:
    from pathlib import Path

    from pgic_core.container.sequence_records import Record

FRAMES = 4


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A key frame and changes of it, which all have parity."""
    path = tmp_path_factory.mktemp("protected") / "site.pgi"
    with SequenceWriter(path, effort=1, protect=0.1) as writer:
        keys = [writer.append(frame(number)).key for number in range(FRAMES)]
    assert keys == [True, False, False, False]
    return path.read_bytes()


def places(data: bytes) -> tuple[int, list[Record]]:
    with PgiReader(data) as reader:
        return reader.header.image.offset + 7, list(SequenceReader(reader).records())


def spoiled(data: bytes, start: int, count: int) -> bytes:
    changed = bytes(byte ^ 0x5A for byte in data[start : start + count])
    return data[:start] + changed + data[start + count :]


def repaired(path: Path, data: bytes) -> bytes:
    path.write_bytes(data)
    assert pgic_core.repair(path).changed
    return path.read_bytes()


@pytest.mark.filterwarnings("ignore:The file is damaged. Its header is restored")
@pytest.mark.parametrize("number", range(FRAMES))
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_frame_is_restored(protected: bytes, tmp_path: Path, number: int, share: float) -> None:
    """Its header, its picture, and its parity block."""
    start, records = places(protected)
    record = records[number]
    at = start + record.frame_offset + int(share * record.length)
    damaged = spoiled(protected, at, 20)
    with pytest.raises(PgiFormatError):
        pgic_core.verify(damaged)
    path = tmp_path / "site.pgi"
    assert repaired(path, damaged) == protected
    assert not pgic_core.repair(path).changed


def test_several_frames_and_an_unfinished_one(protected: bytes, tmp_path: Path) -> None:
    start, records = places(protected)
    damaged = protected + b"half a frame"
    for record in records:
        damaged = spoiled(damaged, start + record.frame_offset + record.length // 2, 10)
    assert repaired(tmp_path / "site.pgi", damaged) == protected + b"half a frame"


def test_encrypted_and_signed_frames_take_no_key(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    done = CliRunner().invoke(app, ["keygen", "--kind", "ed25519", str(tmp_path / "camera")])
    assert done.exit_code == 0, done.output
    path, key = tmp_path / "site.pgi", pgic_core.generate_key()
    signer = pgic_core.SigningKey(tmp_path / "camera.pem")
    with SequenceWriter(path, effort=1, protect=0.1, recipients=[key.public], sign=signer) as writer:
        for number in range(2):
            writer.append(frame(number))
    data = path.read_bytes()
    start, records = places(data)
    at = start + records[1].frame_offset + records[1].length // 3
    assert repaired(path, spoiled(data, at, 30)) == data
    pgic_core.verify(path, keys=key, trust=tmp_path / "camera.pem.pub")


def test_what_has_no_parity_is_named_and_left_alone(protected: bytes, tmp_path: Path) -> None:
    path = tmp_path / "site.pgi"
    with SequenceWriter(path, effort=1) as writer:
        writer.append(frame(0))
        writer.append(frame(1), protect=0.1)
        writer.append(frame(2), quality=70)
    start, records = places(path.read_bytes())
    for record in (records[0], records[2]):
        at = start + record.frame_offset + record.length // 2
        damaged = spoiled(path.read_bytes(), at, 1)
        broken = tmp_path / "broken.pgi"
        broken.write_bytes(damaged)
        with pytest.raises(
            PgiChecksumError, match=f"No parity restores what is damaged in frame {record.number}"
        ):
            pgic_core.repair(broken)
        assert broken.read_bytes() == damaged
    start, records = places(protected)
    broken.write_bytes(spoiled(protected, start + records[2].offset + 6, 1))
    with pytest.raises(PgiFormatError):
        pgic_core.repair(broken)
    broken.write_bytes(spoiled(protected, start + records[2].frame_offset, records[2].length))
    with pytest.raises(PgiChecksumError, match="in frame 2"):
        pgic_core.repair(broken)


@pytest.mark.parametrize("options", [[], ["--cut"]])
def test_a_sequence_without_parity_is_sound_or_refused(
    site: Path, tmp_path: Path, options: list[str]
) -> None:
    done = CliRunner().invoke(app, ["repair", *options, str(site)])
    assert done.exit_code == 0
    assert f"{site} is sound; there is nothing to repair." in done.output
    start, records = places(site.read_bytes())
    broken = tmp_path / "broken.pgi"
    broken.write_bytes(spoiled(site.read_bytes(), start + records[0].frame_offset + 500, 1))
    done = CliRunner().invoke(app, ["repair", *options, str(broken)])
    assert done.exit_code == 1
    assert "No frame of the sequence has parity, so that nothing can be restored." in done.output


def test_decoding_names_the_damaged_frame(tmp_path: Path) -> None:
    path = tmp_path / "site.pgi"
    with SequenceWriter(path, effort=1) as writer:
        writer.append(frame(0), quality=60)
        writer.append(frame(1), quality=70)
    start, records = places(path.read_bytes())
    assert records[1].is_key
    at = start + records[1].frame_offset + records[1].length - 20
    path.write_bytes(spoiled(path.read_bytes(), at, 3))
    for command in (["decode", "--frame", "-1", str(path), "x.png"], ["split", str(path), "-o", "single"]):
        with CliRunner().isolated_filesystem(tmp_path):
            done = CliRunner().invoke(app, command)
        assert done.exit_code == 1
        assert "Frame 1" in done.output


@pytest.mark.parametrize("at", [0, 20, 70])
def test_parity_of_a_frame_does_not_promise_the_header_of_the_file(protected: bytes, at: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as that the header is restored
        with pytest.raises(PgiFormatError, match=r"damaged|not a \.pgi file"):
            pgic_core.verify(spoiled(protected, at, 8))


def test_what_is_damaged_is_named_after_its_frames(protected: bytes) -> None:
    start, records = places(protected)
    frame2 = start + records[2].frame_offset
    for at, said in (
        (frame2 + 20, "^Frame 2: The header is damaged; 'pgic repair' restores it"),
        (frame2 + records[2].length // 3, "^Frame 2[: ]"),
        (
            start + records[2].offset + 4,
            "^Bytes between frames 1 and 2 are damaged, where there is no parity: ",
        ),
        (start + records[-1].end - 2, "^The end of the sequence is damaged: "),
    ):
        with pytest.raises(PgiFormatError, match=said):
            pgic_core.verify(spoiled(protected, at, 3))
    with (
        pytest.warns(PgiWarning, match="Its header is restored"),
        pgic_core.PgiFile(spoiled(protected, frame2 + 20, 3)) as file,
    ):
        shown = file.frame(2).decode()
    with pgic_core.PgiFile(protected) as file:
        assert np.array_equal(shown, file.frame(2).decode())


@pytest.mark.parametrize("behind", [1, 3, 30, "whole"])
def test_half_a_copy_keeps_its_whole_frames(protected: bytes, tmp_path: Path, behind: int | str) -> None:
    start, records = places(protected)
    kept = 2
    end = start + records[kept - 1].end
    half = protected[: end + (records[kept].length - 1 if behind == "whole" else int(behind))]
    path = tmp_path / "half.pgi"
    path.write_bytes(half)
    for command in (["info"], ["verify"], ["repair"], ["split", "-o", str(tmp_path)]):
        done = CliRunner().invoke(app, [command[0], str(path), *command[1:]])
        assert done.exit_code == 1
        assert "'pgic repair --cut' keeps the frames before" in done.output
        assert path.read_bytes() == half
    done = CliRunner().invoke(app, ["decode", str(path), str(tmp_path / "first.png")])
    assert "ends too early; the first is decoded" in done.output
    done = CliRunner().invoke(app, ["repair", "--cut", str(path)])
    assert f"2 frames kept, {len(half) - end:,} bytes behind them cut off" in done.output
    with pgic_core.open_file(path) as file, pgic_core.open_file(protected) as whole:
        file.verify()
        assert file.n_frames == kept
        for number in range(kept):
            np.testing.assert_array_equal(file.frame(number).decode(), whole.frame(number).decode())
    assert not pgic_core.repair(path, cut=True).changed
    assert not pgic_core.append(path, frame(2), effort=1).key


def test_half_a_frame_is_nothing(protected: bytes, tmp_path: Path) -> None:
    start, records = places(protected)
    path = tmp_path / "half.pgi"
    path.write_bytes(protected[: start + records[0].end - 1])
    with pytest.raises(PgiTruncatedError, match="inside the first frame"):
        pgic_core.repair(path, cut=True)


def test_nobody_repairs_what_another_writes(protected: bytes, tmp_path: Path) -> None:
    path = tmp_path / "site.pgi"
    path.write_bytes(protected)
    with SequenceWriter.open(path), pytest.raises(PgiInputError, match="open in another writer"):
        pgic_core.repair(path)
