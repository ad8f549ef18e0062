"""Appending to the log: many processes, killed writers, rotation, failures."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from pgic_core.audit import audited, log_appending, note
from pgic_core.audit.chain_check import read_lines, verify
from pgic_core.audit.log_appending import append, files_of
from pgic_core.errors import PgiInputError, PgiOptionError, PgiWarning

if TYPE_CHECKING:
    from pathlib import Path

WRITER = textwrap.dedent(
    """
    import sys
    from pgic_core.audit.log_appending import append
    path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    for index in range(count):
        seq = append(path, "decode", {"file": f"{name}/{index}"}, most_bytes=400_000)
        print(seq, index, flush=True)
    """
)


def crowd(path: Path, each: int) -> None:
    """Eight writers, three of them killed: what was acknowledged is there, and the chain holds."""
    arguments = [(str(path), str(number), str(each)) for number in range(8)]
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, *words], stdout=subprocess.PIPE, text=True)
        for words in arguments
    ]
    while not path.exists() or path.stat().st_size < 20_000:
        time.sleep(0.01)
    for writer in writers[::3]:
        writer.kill()
    told = [writer.communicate()[0] for writer in writers]
    acknowledged = {
        (int(words[0]), f"{name}/{words[1]}")
        for name, text in enumerate(told)
        for words in map(str.split, text.splitlines())
        if len(words) == 2
    }
    report = verify(str(path))
    assert report.faults == []
    assert {(line.seq, line.text("file")) for line in read_lines(str(path))} >= acknowledged
    whole = [text for number, text in enumerate(told) if number % 3]
    assert [len(text.splitlines()) for text in whole] == [each] * 5
    assert report.lines >= 5 * each
    assert report.lines == report.last + 1


def test_eight_processes_of_which_some_are_killed(tmp_path: Path) -> None:
    crowd(tmp_path / "audit.log", 120)


@pytest.mark.slow
def test_eight_processes_append_ten_thousand_lines(tmp_path: Path) -> None:
    crowd(tmp_path / "audit.log", 2_000)
    assert len(files_of(str(tmp_path / "audit.log"))) > 5


def test_a_line_is_the_one_that_the_document_describes(tmp_path: Path) -> None:
    path = str(tmp_path / "audit.log")
    assert append(path, "open", {"file": "/a/\u5854.pgi", "window": (1, 2), "none": None}) == 1
    start, line = (tmp_path / "audit.log").read_bytes().splitlines()
    body, _, end = line.rpartition(b',"hash":')
    assert json.loads(b"{" + end.join([b'"hash":', b""])) == {"hash": hashlib.sha256(body).hexdigest()}
    facts = json.loads(line)
    assert list(facts) == ["seq", "time", "event", "user", "host", "pid", "file", "window", "prev", "hash"]
    assert facts["prev"] == json.loads(start)["hash"]
    assert json.loads(start)["prev"] == "0" * 64
    assert facts["file"] == "/a/\u5854.pgi"
    assert line.isascii()
    assert os.stat(path).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cut", [1, 40, 150])
def test_a_writer_that_was_stopped_in_its_line_loses_only_that(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "audit.log"
    for index in range(3):
        append(str(path), "open", {"file": str(index)})
    whole = path.read_bytes()
    append(str(path), "open", {"file": "torn"})
    line = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + line[:cut])
    [fault] = verify(str(path)).faults
    assert "cut" in fault
    append(str(path), "open", {"file": "next"})
    report = verify(str(path))
    assert report.faults == []
    assert any("interrupted" in sentence for sentence in report.notes)
    assert [line.text("file") for line in read_lines(str(path))][1:] == ["0", "1", "2", "next"]
    assert path.read_bytes().startswith(whole + line[:cut])  # nothing was overwritten


def test_a_writer_that_was_stopped_twice(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    append(str(path), "open", {})
    with path.open("ab") as file:
        file.write(b'{"seq":2,"ti\n{"seq":2')
    append(str(path), "open", {})
    assert verify(str(path)).faults == []


def test_a_log_that_was_stopped_in_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b'{"seq":0,"tim')
    append(str(path), "open", {})
    assert verify(str(path)).faults == []


def test_the_log_is_rotated_and_the_chain_goes_on(tmp_path: Path) -> None:
    path = str(tmp_path / "audit.log")
    for index in range(40):
        append(path, "open", {"file": str(index)}, most_bytes=3_000)
    files = files_of(path)
    assert [os.path.basename(each) for each in files[:2]] == ["audit.log.000001", "audit.log.000002"]
    report = verify(path)
    assert (report.faults, report.first, report.lines) == ([], 0, report.last + 1)
    assert [line.text("file") for line in read_lines(path) if line.event == "open"] == list(
        map(str, range(40))
    )
    assert len({line.text("log") for line in read_lines(path) if line.event == "start"}) == 1
    os.remove(files[0])
    report = verify(path)
    assert report.faults == []
    assert any("older files" in sentence for sentence in report.notes)
    os.remove(files[2])
    assert any("missing" in fault for fault in verify(path).faults)


def test_a_writer_that_was_stopped_while_it_rotated(tmp_path: Path) -> None:
    path = str(tmp_path / "audit.log")
    append(path, "open", {})
    os.rename(path, path + ".000001")
    append(path, "open", {})
    report = verify(path)
    assert (report.faults, report.last) == ([], 3)


def test_long_and_odd_facts(tmp_path: Path) -> None:
    path = str(tmp_path / "audit.log")
    append(path, "open", {"file": "x" * 100_000, "reason": "\udcff\n\x1b[2J", "many": list(range(10_000))})
    append(path, "open", {f"fact{n}": "y" * 4_000 for n in range(50)} | {"prev": "forged", "seq": -1})
    append(path, "open", {"number": float("inf"), "map": {"a": 1}})
    report = verify(path)
    assert (report.faults, report.lines) == ([], 4)
    assert max(map(len, (tmp_path / "audit.log").read_bytes().splitlines())) < 32_768


# What the environment says


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PGIC_AUDIT", str(tmp_path / "audit.log"))
    return tmp_path / "audit.log"


def test_nothing_is_logged_or_imported_where_no_log_is_named(tmp_path: Path) -> None:
    code = (
        "import sys, os, pgic_core.audit as audit; os.environ.pop('PGIC_AUDIT', None); audit.note('open')\n"
        "with audit.audited('open'): pass\n"
        "print(*[name for name in sys.modules if name.startswith('pgic_core.audit.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == []
    assert list(tmp_path.iterdir()) == []


def test_events_are_logged_with_their_failures(named: Path) -> None:
    note("key", key_id="abc", tier="full")
    with audited("open", file="/a") as event:
        event.facts["picture"] = "00"
    with pytest.raises(ValueError, match="no picture"), audited("open", file="/b"):
        raise ValueError("no picture")
    lines = list(read_lines(str(named)))[1:]
    assert [line.event for line in lines] == ["key", "open", "open"]
    assert lines[1].facts["picture"] == "00"
    assert (lines[2].text("error"), lines[2].text("reason")) == ("ValueError", "no picture")


def test_a_log_that_cannot_be_written_stops_the_work(named: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named.mkdir()
    with pytest.raises(PgiInputError, match="audit log"):
        note("open")
    monkeypatch.setenv("PGIC_AUDIT_FAIL", "open")
    with pytest.warns(PgiWarning, match="not in the audit log"):
        note("open")
    monkeypatch.setenv("PGIC_AUDIT_FAIL", "maybe")
    with pytest.raises(PgiOptionError, match="PGIC_AUDIT_FAIL"):
        note("open")


def test_a_full_disk_is_said_and_leaves_the_log_whole(named: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note("open", file="/a")
    write = os.write

    def full(handle: int, data: bytes) -> int:
        if len(data) > 20:
            return write(handle, data[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log_appending.os, "write", full)
    with pytest.raises(PgiInputError, match="No space left"):
        note("open", file="/b")
    monkeypatch.undo()
    append(str(named), "open", {"file": "/c"})
    assert verify(str(named)).faults == []
    assert [line.text("file") for line in read_lines(str(named))][1:] == ["/a", "/c"]


def test_a_log_whose_end_is_garbage_is_not_continued(named: Path) -> None:
    note("open")
    with named.open("ab") as file:
        file.write(b"x" * 200_000 + b"\n")
    with pytest.raises(ValueError, match="nothing can be added"):
        note("open")
