"""Finished sequences are edited frame by frame: what is not named stays, and nobody sees half a file."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pgic_core
from pgic_core import PgiFile, SequenceWriter
from pgic_core.api.frame_choice import chosen_frames, frame_names
from pgic_core.container import PgiReader
from pgic_core.container.sequence_appending import SequenceAppender, begin_sequence
from pgic_core.container.sequence_editing import edit_sequence, standalone
from pgic_core.container.sequence_reader import SequenceReader
from pgic_core.container.sequence_records import FrameKind, Record
from pgic_core.errors import PgiChecksumError, PgiInputError, PgiOptionError, PgiWarning

from ..container.sequences import still
from .conftest import FRAMES
from .scenes import frame
from .test_commands import pgic

if TYPE_CHECKING:
    from pathlib import Path


def pictures(data: bytes) -> list[bytes]:
    """The ``image_data`` of all frames."""
    with PgiReader(data) as reader:
        sequence = SequenceReader(reader)
        frames = [sequence.open_frame(record) for record in sequence.records()]
        return [each.read_payload(0, each.payload_length) for each in frames]


def records(data: bytes) -> list[Record]:
    with PgiReader(data) as reader:
        return list(SequenceReader(reader).records())


@pytest.fixture
def copy(site: Path, tmp_path: Path) -> Path:
    path = tmp_path / "copy.pgi"
    path.write_bytes(site.read_bytes())
    return path


# --- metadata ----------------------------------------------------------------------------------------------


def test_all_frames_get_a_field_and_keep_all_else(site: Path, copy: Path) -> None:
    pgic("meta", "set", copy, "--device-id", "D7", "--field", "acme.round=3")
    before, after = site.read_bytes(), copy.read_bytes()
    assert pictures(before) == pictures(after)
    old, new = records(before), records(after)
    for name in ("kind", "number", "depth", "duration"):
        assert [getattr(each, name) for each in old] == [getattr(each, name) for each in new]
    assert any(each.kind is FrameKind.SHORT_CHANGE for each in new)
    with PgiFile(site) as was, PgiFile(copy) as file:
        file.verify()
        for number in range(FRAMES):
            there = file.frame(number)
            assert there.metadata.device_id == "D7"
            assert there.metadata.timestamp_ms == 1_700_000_000_000 + number
            assert there.extension == {"acme.round": 3}
            np.testing.assert_array_equal(there.decode(), was.frame(number).decode())
    assert len(after) < len(before) + 200  # what is the same in all frames is not stored in each


@pytest.mark.parametrize("frames", ["-1", "2"])
def test_records_before_the_first_edited_frame_stay(site: Path, copy: Path, frames: str) -> None:
    pgic("meta", "set", copy, "--frame", frames, "--anomaly")
    before, after = site.read_bytes(), copy.read_bytes()
    first = int(frames) % FRAMES
    start, records_before = len(before) - records(before)[-1].end, records(before)
    assert (
        before[start : start + records_before[first].offset]
        == (after[start : start + records(after)[first].offset])
    )
    with PgiFile(copy) as file:
        file.verify()
        assert [each.metadata.anomaly for each in file.frames()] == [
            number == first for number in range(FRAMES)
        ]
        assert file.durations == [100 + number for number in range(FRAMES)]
    assert pictures(before) == pictures(after)


def test_nothing_that_was_stripped_is_left(copy: Path) -> None:
    """In the sequence's own blocks neither, with which frames are compressed."""
    pgic("meta", "strip", copy, "--device", "--frames", "0:3")
    with PgiFile(copy) as file:
        file.verify()
        assert [each.metadata.device_id for each in file.frames()] == ["", "", "", "camera 3", "camera 3"]
        assert file.container.metadata.device_id == ""
    pgic("meta", "strip", copy, "--device")
    with PgiReader(copy) as reader:
        sequence = SequenceReader(reader)
        assert b"camera" not in reader.metadata_content
        assert all(b"camera" not in sequence.open_frame(r).metadata_content for r in sequence.records())


def test_annotations_belong_to_frames(copy: Path) -> None:
    box = ("--box", "crack", 10, 20, 30, 40)
    assert "Say to which the annotations belong" in pgic("meta", "annotate", copy, *box, code=1).output
    pgic("meta", "annotate", copy, *box, "--frames", "1:3")
    pgic("meta", "annotate", copy, *box, "--frame", "2")
    with PgiFile(copy) as file:
        file.verify()
        assert [len(each.annotations) for each in file.frames()] == [0, 1, 2, 0, 0]
    assert "crack" in pgic("meta", "show", copy, "--frame", 1).output
    assert "crack" not in pgic("meta", "show", copy).output


def test_a_frame_that_was_not_finished_is_left_out(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes() + b"half a frame")
    with pytest.warns(PgiWarning, match="12 bytes of a frame that was not finished are left out"):
        pgic_core.set_metadata(copy, metadata={"device_id": "x"}, frames=1)
    with PgiFile(copy) as file:
        file.verify()
        assert (file.n_frames, file.unfinished_bytes) == (FRAMES, 0)


def test_an_edited_sequence_goes_on(copy: Path) -> None:
    pgic("meta", "set", copy, "--device-id", "another")
    assert not pgic_core.append(copy, frame(FRAMES)).key
    with PgiFile(copy) as file:
        file.verify()
        assert file.n_frames == FRAMES + 1


@pytest.mark.parametrize("frames", [FRAMES, -FRAMES - 1, slice(3, 3), slice(9, None)])
def test_frames_that_there_are_not(copy: Path, frames: int | slice) -> None:
    before = copy.read_bytes()
    with pytest.raises(PgiOptionError, match=r"There (is no frame|are no such frames).*has 5, 0 to 4"):
        pgic_core.set_metadata(copy, metadata={"device_id": "x"}, frames=frames)
    assert copy.read_bytes() == before


def test_a_picture_is_a_file_of_one_frame(tmp_path: Path) -> None:
    path = tmp_path / "a.pgi"
    pgic_core.encode_to(path, frame(0), effort=1)
    pgic("meta", "set", path, "--frame", -1, "--device-id", "x")
    assert pgic_core.inspect(path).metadata.device_id == "x"
    assert "no frame 1" in pgic("meta", "set", path, "--frame", 1, "--device-id", "y", code=1).output
    assert "not both" in pgic("protect", path, "--frame", 0, "--frames", ":", code=2).output


def test_frames_in_words() -> None:
    assert frame_names([3]) == "frame 3"
    assert frame_names([0, 1, 2]) == "frames 0 to 2"
    assert frame_names([0, 1, 4]) == "frames 0 to 1 and 4"
    assert frame_names([0, 2, 4, 5]) == "frames 0, 2 and 4 to 5"
    assert frame_names(range(0, 20, 2)) == "frames 0, 2, 4, 6 and others"
    assert chosen_frames(5, None) == range(5)
    assert chosen_frames(5, -2) == range(3, 4)


# --- parity ------------------------------------------------------------------------------------------------


def test_parity_comes_and_goes(site: Path, copy: Path) -> None:
    pgic("protect", copy, "--share", "10%")
    protected = copy.read_bytes()
    assert pictures(protected) == pictures(site.read_bytes())
    pgic("protect", copy, "--share", "10%")
    assert copy.read_bytes() == protected
    damaged = bytearray(protected)
    for record in records(protected):
        damaged[len(protected) - records(protected)[-1].end + record.frame_offset + 40] ^= 1
    copy.write_bytes(damaged)
    pgic("repair", copy)
    assert copy.read_bytes() == protected
    pgic("protect", copy, "--remove")
    assert copy.read_bytes() == site.read_bytes()
    pgic("protect", copy, "--frames", "3:")
    with PgiFile(copy) as file:
        file.verify()
        shares = [each.reader.parity_share for each in file.frames()]
    assert shares == [None, None, None, 500, 500]
    pgic("meta", "set", copy, "--device-id", "x")
    with PgiFile(copy) as file:
        file.verify()
        assert [each.reader.parity_share for each in file.frames()] == shares


# --- what can go wrong -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(FRAMES))
def test_damage_is_not_sealed_anew(copy: Path, number: int) -> None:
    data = bytearray(copy.read_bytes())
    found = records(bytes(data))
    data[len(data) - found[-1].end + found[number].frame_offset + found[number].length - 2] ^= 1
    copy.write_bytes(data)
    for frames in (0, -1, None):
        with pytest.raises(PgiChecksumError):
            pgic_core.set_metadata(copy, metadata={"device_id": "x"}, frames=frames)
    assert copy.read_bytes() == data
    assert [each.name for each in copy.parent.iterdir()] == ["copy.pgi"]


def test_only_one_writer_at_a_time(copy: Path) -> None:
    before = copy.read_bytes()
    with SequenceWriter.open(copy) as writer:
        with pytest.raises(PgiInputError, match="open in another writer"):
            pgic_core.protect(copy)
        writer.append(frame(FRAMES))
    pgic_core.protect(copy)
    assert pictures(copy.read_bytes())[:FRAMES] == pictures(before)


@pytest.mark.skipif(sys.platform == "win32", reason="it kills a process")
@pytest.mark.parametrize("share", [0.2, 1.0])
def test_a_killed_editor_leaves_the_old_file(site: Path, copy: Path, share: float) -> None:
    """And the next one works."""
    code = f"""
import os, signal, pgic_core
def progress(share):
    if share >= {share}:
        os.kill(os.getpid(), signal.SIGKILL)
pgic_core.set_metadata({str(copy)!r}, metadata={{"device_id": "x"}}, progress=progress)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    assert copy.read_bytes() == site.read_bytes()
    pgic("meta", "set", copy, "--device-id", "x")
    assert pgic_core.inspect(copy).metadata.device_id == "x"


@pytest.mark.skipif(sys.platform == "win32", reason="it bounds files as Unix does")
@pytest.mark.parametrize(
    "call", ["set_metadata(path, metadata={'device_id': 'x' * 90})", "protect(path, 1.0)"]
)
@pytest.mark.parametrize("share", [0.03, 0.5, 0.99])
def test_a_full_disk_leaves_the_old_file(site: Path, copy: Path, call: str, share: float) -> None:
    code = f"""
import resource, signal, pgic_core
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({int(share * copy.stat().st_size)},) * 2)
path = {str(copy)!r}
try:
    pgic_core.{call}
except pgic_core.PgiInputError as error:
    assert error.filename == path, error.filename
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "The file cannot be written, because" in done.stdout
    assert copy.read_bytes() == site.read_bytes()
    assert [each.name for each in copy.parent.iterdir()] == ["copy.pgi"]


# --- any sequence ------------------------------------------------------------------------------------------

steps = st.lists(st.tuples(st.booleans(), st.integers(0, 50), st.text(max_size=5)), max_size=30)


def changed(device: str) -> bytes:
    return still(device, b"\x01\x00change", compression_type=4)


def built(taken: list[tuple[bool, int, str]]) -> bytes:
    """A sequence whose frames refer to any earlier one."""
    file = io.BytesIO(b"".join(begin_sequence(still("camera"), key_distance=8)))
    with SequenceAppender(file) as appender:
        made = [appender.last]
        for key, back, device in taken:
            reference = None if key else made[back % len(made)]
            if reference is not None and reference.depth == 8:
                reference = None
            data = (
                still(device) if reference is None else still(device, b"\x01\x00change", compression_type=4)
            )
            made.append(appender.append(data, duration=back, reference=reference))
    return file.getvalue()


@settings(max_examples=60, deadline=None)
@given(steps, st.sets(st.integers(0, 30)), st.text(max_size=9))
def test_references_stay_whatever_they_are(
    taken: list[tuple[bool, int, str]], edited: set[int], device: str
) -> None:
    def change(record: Record, _: bytes) -> bytes | None:
        if record.number not in edited:
            return None
        return still(device) if record.is_key else changed(device)

    out = io.BytesIO()
    with PgiReader(built(taken)) as reader:
        old = SequenceReader(reader)
        devices = [old.open_frame(record).metadata.device_id for record in old.records()]
        assert edit_sequence(old, out, change) == bool(edited & set(range(len(old))))
        if not edited & set(range(len(old))):
            return
        with PgiReader(out.getvalue()) as made:
            made.verify()
            new = SequenceReader(made)
            assert len(new) == len(old)
            for record in old.records():
                there = new.record(record.number)
                assert (there.duration, there.depth) == (record.duration, record.depth)
                expected = device if record.number in edited else devices[record.number]
                assert new.open_frame(there).metadata.device_id == expected
                if not record.is_key:
                    assert new.reference(there).number == old.reference(record).number


def test_memory_does_not_grow_with_the_frames(tmp_path: Path) -> None:
    peaks: list[int] = []
    for count in (100, 800):
        file = io.BytesIO(b"".join(begin_sequence(still("camera"), key_distance=8)))
        with SequenceAppender(file) as appender:
            for number in range(1, count):
                key = number % 9 == 0
                data = still("camera") if key else changed("camera")
                appender.append(data, reference=None if key else appender.last)
        path = tmp_path / f"{count}.pgi"
        path.write_bytes(file.getvalue())
        del file, appender
        tracemalloc.start()
        pgic_core.set_metadata(path, metadata={"device_id": "another"})
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        with PgiReader(path) as reader:
            reader.verify()
    assert peaks[1] < peaks[0] + 300_000  # 512 records are kept to find others


def test_a_frame_stands_alone_without_its_sequence(site: Path) -> None:
    with PgiReader(site) as reader:
        sequence = SequenceReader(reader)
        for record in sequence.records():
            there: Any = sequence.open_frame(record)
            with PgiReader(standalone(there)) as alone:
                assert alone.metadata == there.metadata
                assert alone.extension == there.extension
