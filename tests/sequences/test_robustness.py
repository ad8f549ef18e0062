"""Sequences grow in constant memory and linear time, and whatever ends a writer leaves the frames before."""

from __future__ import annotations

import gc
import io
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pgic_core
from pgic_core import PgiFile, SequenceWriter
from pgic_core.container import PgiReader
from pgic_core.container.sequence_appending import SequenceAppender, begin_sequence
from pgic_core.container.sequence_reader import SequenceReader
from pgic_core.container.sequence_records import FrameKind, Record
from pgic_core.errors import PgiFormatError, damage_of_frame

from ..container.sequences import still
from .scenes import frame

if TYPE_CHECKING:
    from pathlib import Path


class Counted(io.FileIO):
    """A file that counts what is done with it."""

    def __init__(self, path: Path, data: bytes) -> None:
        path.write_bytes(data)
        super().__init__(path, "r+b")
        self.calls: list[tuple[str, int, bytes]] = []
        self.read_bytes = self.reads = self.written = 0

    def read(self, size: int = -1, /) -> bytes:
        data = super().read(size)
        self.reads += 1
        self.read_bytes += len(data)
        return data

    def write(self, data: Any, /) -> int:
        self.calls.append(("write", self.tell(), bytes(data)))
        self.written += len(data)
        return super().write(data)

    def truncate(self, size: int | None = None, /) -> int:
        self.calls.append(("truncate", -1 if size is None else size, b""))
        return super().truncate(size)


def begun(**options: Any) -> bytes:
    return b"".join(begin_sequence(still("camera"), key_distance=8, **options))


def changed(device: str = "camera") -> bytes:
    return still(device, b"\x01\x00change", compression_type=4)


# --- records -----------------------------------------------------------------------------------------------

steps = st.lists(
    st.tuples(
        st.sampled_from(["key", "change", "far change"]),
        st.text(max_size=9),
        st.integers(0, 2**32 - 1),
    ),
    max_size=40,
)


@settings(max_examples=30, deadline=None)
@given(steps)
def test_any_sequence_comes_back_frame_by_frame(taken: list[tuple[str, str, int]]) -> None:
    file = io.BytesIO(begun())
    made: list[Record] = []
    expected = [("camera", 0, True)]
    with SequenceAppender(file) as appender:
        made.append(appender.last)
        for kind, device, duration in taken:
            reference = None
            if kind != "key":
                reference = made[-1] if kind == "change" else made[len(made) // 2]
                if reference.depth == 8:
                    reference = None
            data = still(device) if reference is None else changed(device)
            made.append(appender.append(data, duration=duration, reference=reference))
            expected.append((device, duration, reference is None))
    with PgiReader(file.getvalue()) as reader:
        reader.verify()
        frames = SequenceReader(reader)
        assert len(frames) == len(made)
        for record in reversed(made):
            assert SequenceReader(reader).record(record.number) == record
        assert list(frames.records()) == made
        for record, (device, duration, key) in zip(made, expected, strict=True):
            assert frames.record(record.number) == record
            assert (record.duration, record.is_key) == (duration, key)
            assert frames.open_frame(record).metadata.device_id == device
            assert frames.references(record)[-1].offset == record.key


@given(st.integers(1, 2**20), st.data())
def test_the_head_of_a_record_comes_back(number: int, data: st.DataObject) -> None:
    ways = st.integers(16, 2**60)
    offset, *_ = order = sorted(data.draw(st.lists(ways, min_size=3, max_size=3, unique=True)), reverse=True)
    record = Record(
        offset,
        data.draw(st.sampled_from([FrameKind.CHANGE, FrameKind.SHORT_CHANGE])),
        number,
        data.draw(st.integers(1, 1024)),
        data.draw(st.integers(0, 2**32 - 1)),
        *order[1:],
        *reversed(order[1:]),
        data.draw(st.integers(1, 2**31)),
    )
    head = record.head()
    assert len(head) <= 86
    again = Record.parse(head + b"more", offset)
    assert again.head_length == len(head)
    assert again.head() == head


# --- growing -----------------------------------------------------------------------------------------------


def test_a_thousand_frames_cost_the_same_each(tmp_path: Path) -> None:
    key, change, costs = still("camera"), changed(), np.zeros((1000, 3), int)
    with Counted(tmp_path / "x.pgi", begun()) as file:
        for number in range(1, 1000):
            if number == 600:
                gc.collect()
                tracemalloc.start()
            file.seek(0)
            before = file.reads, file.read_bytes, file.written
            with SequenceAppender(file) as appender:  # as 'pgic append' does, once for each
                reference = None if number % 9 == 0 else appender.last
                appender.append(key if reference is None else change, reference=reference)
            file.calls.clear()
            costs[number] = np.subtract((file.reads, file.read_bytes, file.written), before)
        del appender, reference, before
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert kept < 20_000
    reads, read_bytes, written = costs[1:].T
    assert reads.max() < 60
    assert read_bytes.max() < 4_000
    assert written[900:].max() <= written[:100].max() + 16  # numbers become longer
    with PgiReader(tmp_path / "x.pgi") as reader:
        assert len(SequenceReader(reader)) == 1000
        reader.verify()


def test_any_of_many_frames_is_found_in_few_steps_and_little_memory(tmp_path: Path) -> None:
    made = io.BytesIO(begun())
    with SequenceAppender(made) as appender:
        for number in range(1, 700):
            reference = None if number % 9 == 0 else appender.last
            appender.append(still("camera") if reference is None else changed(), reference=reference)
    with Counted(tmp_path / "x.pgi", made.getvalue()) as file, PgiReader(file) as reader:
        for number in np.random.default_rng(1).integers(0, 700, 100).tolist():
            file.reads = 0
            frames = SequenceReader(reader)
            assert frames.record(number).number == number
            assert file.reads <= 2 * (10**2 / 2) + 5
        frames = SequenceReader(reader)
        tracemalloc.start()
        assert sum(record.is_key for record in frames.records()) == 78
        frames.verify()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 700_000


# --- ending early ------------------------------------------------------------------------------------------


def test_a_writer_cut_off_anywhere_leaves_the_frames_before(tmp_path: Path) -> None:
    """Its writes are made again up to every seventh byte; the header is one write, which no kill divides."""
    start = begun()
    with Counted(tmp_path / "x.pgi", start) as file, SequenceAppender(file) as appender:
        for number in range(4):
            reference = appender.last if number % 2 else None
            appender.append(still("camera") if reference is None else changed(), reference=reference)
    states: list[tuple[bytes, int]] = [(start, 1)]
    data, done = bytearray(start), 1
    for kind, at, written in file.calls:
        if kind == "truncate":
            del data[at:]
        elif at == 0:
            data[: len(written)] = written
            done += 1
        else:
            for cut in range(0, len(written), 7):
                states.append((bytes(data) + written[:cut], done))
            data += written
        states.append((bytes(data), done))
    assert bytes(data) == (tmp_path / "x.pgi").read_bytes()
    assert done == 5
    for state, count in states:
        with PgiReader(state) as reader:
            frames = SequenceReader(reader)
            assert len(frames) == count
            assert frames.unfinished_bytes == len(state) - reader.size
            reader.verify()
        again = io.BytesIO(state)
        with SequenceAppender(again) as appender:
            appender.append(still("later"))
        with PgiReader(again.getvalue()) as reader:
            assert len(SequenceReader(reader)) == count + 1
            assert SequenceReader(reader).unfinished_bytes == 0
            reader.verify()


_WRITER = """
import sys, numpy as np, pgic_core
picture = np.random.default_rng(1).integers(0, 255, (40, 40), np.uint8)
with pgic_core.SequenceWriter(sys.argv[1], lossless=True) as writer:
    while True:
        writer.append(np.roll(picture, writer.n_frames))
        print(writer.n_frames, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
@pytest.mark.parametrize("frames", [1, 15])
def test_a_killed_writer_loses_at_most_the_frame_at_hand(tmp_path: Path, frames: int) -> None:
    path = tmp_path / "x.pgi"
    process = subprocess.Popen([sys.executable, "-c", _WRITER, path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = 0
    while said < frames:
        said = int(process.stdout.readline())
    time.sleep(np.random.default_rng(frames).uniform(0, 0.02))
    process.send_signal(signal.SIGKILL)
    said = max([said, *map(int, process.stdout.read().split())])
    process.wait()
    process.stdout.close()
    with PgiFile(path) as file:
        assert said <= file.n_frames <= said + 1
        file.verify()
    assert pgic_core.append(path, np.zeros((40, 40), np.uint8)).number >= said
    pgic_core.verify(path)


def test_a_full_disk_leaves_the_frames_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pgi"
    pgic_core.encode_sequence([frame(0)[:64, :64, 0]], path)
    before = path.read_bytes()
    with SequenceWriter.open(path) as writer:

        def full(*_: Any) -> int:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", full)
            with pytest.raises(pgic_core.PgiInputError, match="the disk is full"):
                writer.append(frame(1)[:64, :64, 0])
        assert path.read_bytes() == before
        assert writer.append(frame(1)[:64, :64, 0]).number == 1
    pgic_core.verify(path)


def test_a_file_that_lacks_its_end_shows_its_first_frame() -> None:
    made = io.BytesIO()
    with SequenceWriter(made) as writer:
        for number in range(3):
            writer.append(frame(number)[:64, :64, 0])
    with PgiFile(made.getvalue()[:-100]) as file:
        np.testing.assert_array_equal(file.decode(), frame(0)[:64, :64, 0])
        with pytest.raises(pgic_core.PgiFormatError):
            _ = file.n_frames
        with pytest.raises(pgic_core.PgiFormatError):
            file.verify()


def test_damage_in_a_frame_is_found_and_harms_no_other() -> None:
    made = io.BytesIO()
    with SequenceWriter(made) as writer:
        for number in range(4):
            writer.append(frame(number)[:64, :64, 0])
    data = bytearray(made.getvalue())
    with PgiFile(bytes(data)) as file:
        record = file._frames.record(2)  # type: ignore[union-attr]
        at = file.container.header.image.offset + 7 + record.frame_offset + record.length // 2
    data[at] ^= 1
    with PgiFile(bytes(data)) as file:
        with pytest.raises(pgic_core.PgiFormatError):
            file.frame(2).decode()
        for number in (0, 1, 3):
            np.testing.assert_array_equal(file.frame(number).decode(), frame(number)[:64, :64, 0])
        with pytest.raises(pgic_core.PgiChecksumError):
            file.verify()


def test_frames_may_be_read_by_several_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    made = io.BytesIO()
    pictures = [frame(number) for number in range(6)]
    with SequenceWriter(made, effort=1) as writer:
        for picture in pictures:
            writer.append(picture)
    with PgiFile(made.getvalue()) as file:
        one_by_one = [file.frame(number).decode(threads=1) for number in range(6)]
    with PgiFile(made.getvalue()) as file, ThreadPoolExecutor(4) as pool:
        numbers = [5, 0, 3, 1, 4, 2, 5, 2, 0, 4]
        found = pool.map(lambda number: file.frame(number).decode(threads=1), numbers)
        for number, pixels in zip(numbers, found, strict=True):
            np.testing.assert_array_equal(pixels, one_by_one[number])


def test_an_error_that_names_its_frame_is_not_its_own_cause() -> None:
    with pytest.raises(PgiFormatError, match=r"^Frame 3 has no tiles\.") as caught, damage_of_frame(3):
        raise PgiFormatError("Frame 3 has no tiles.")
    assert caught.value.__cause__ is not caught.value
    assert str(caught.value.__cause__) == str(caught.value)
