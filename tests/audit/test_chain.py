"""Whatever is done to a log is named: edited, dropped, moved, doubled and cut lines."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgic_core.audit.chain_check import verify
from pgic_core.audit.log_appending import append
from pgic_core.audit.log_line import made_line, parse_line
from pgic_core.errors import PgiInputError

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 30


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    path = tmp_path_factory.mktemp("log") / "audit.log"
    for index in range(COUNT - 1):
        append(str(path), "open", {"file": f"/flight/{index}.pgi"})
    return path.read_bytes().splitlines(keepends=True)


def faults(folder: Path, lines: list[bytes]) -> list[str]:
    path = folder / "changed.log"
    path.write_bytes(b"".join(lines))
    return verify(str(path)).faults


def test_a_log_that_nobody_touched_is_whole(tmp_path: Path, lines: list[bytes]) -> None:
    assert faults(tmp_path, lines) == []


@pytest.mark.attack("audit forgery")
@pytest.mark.parametrize("at", range(COUNT))
def test_an_edited_line_is_named(tmp_path: Path, lines: list[bytes], at: int) -> None:
    changed = [*lines]
    changed[at] = lines[at].replace(b'"user":"', b'"user":"x', 1)
    [fault] = faults(tmp_path, changed)
    assert f"entry {at} was edited" in fault
    assert f":{at + 1}:" in fault


@pytest.mark.attack("audit forgery")
@pytest.mark.parametrize("at", range(COUNT - 1))
def test_an_edited_line_with_a_new_hash_is_named(tmp_path: Path, lines: list[bytes], at: int) -> None:
    facts = json.loads(lines[at])
    members = {name: value for name, value in facts.items() if name not in ("seq", "prev", "hash")}
    changed = [*lines]
    changed[at], _ = made_line(at, facts["prev"], members | {"user": "somebody else"})
    [fault] = faults(tmp_path, changed)
    assert f"entry {at}, which was replaced" in fault


@pytest.mark.attack("audit forgery")
@pytest.mark.parametrize("at", range(1, COUNT - 1))
def test_a_dropped_line_is_named(tmp_path: Path, lines: list[bytes], at: int) -> None:
    assert faults(tmp_path, lines[:at] + lines[at + 1 :]) == [f"Entry {at} is missing."]


def test_dropped_lines_are_named(tmp_path: Path, lines: list[bytes]) -> None:
    assert faults(tmp_path, lines[:5] + lines[9:]) == ["Entries 5 to 8 are missing."]


@pytest.mark.attack("audit forgery")
@pytest.mark.parametrize("at", range(COUNT - 1))
def test_lines_in_another_order_are_named(tmp_path: Path, lines: list[bytes], at: int) -> None:
    changed = [*lines]
    changed[at], changed[at + 1] = changed[at + 1], changed[at]
    [fault] = faults(tmp_path, changed)
    assert f"entry {at} stands after entry {at + 1}" in fault


def test_a_doubled_line_is_named(tmp_path: Path, lines: list[bytes]) -> None:
    [fault] = faults(tmp_path, [*lines, lines[7]])
    assert "entry 7 is there twice" in fault


@pytest.mark.attack("audit forgery")
@pytest.mark.parametrize("kept", [1, 100, -1])
def test_a_cut_line_is_named(tmp_path: Path, lines: list[bytes], kept: int) -> None:
    changed = [*lines]
    changed[6] = lines[6][:kept] + b"\n" * (kept > 0)
    if kept > 0:
        named, missing = faults(tmp_path, changed)
        assert ":7: the line was cut or edited" in named
        assert missing == "Entry 6 is missing."
    else:  # its line end alone: it runs into the next
        assert any(":7: the line was cut" in fault for fault in faults(tmp_path, changed))


@pytest.mark.parametrize("kept", [1, 100, -1])
def test_a_cut_last_line_is_named(tmp_path: Path, lines: list[bytes], kept: int) -> None:
    [fault] = faults(tmp_path, [*lines[:-1], lines[-1][:kept]])
    assert f":{COUNT}: the last line is cut" in fault


def test_lines_of_another_log_are_named(tmp_path: Path, lines: list[bytes]) -> None:
    append(str(tmp_path / "other.log"), "open", {})
    other = (tmp_path / "other.log").read_bytes().splitlines(keepends=True)
    assert any("another log" in fault for fault in faults(tmp_path, lines + other))


def test_a_forged_mark_of_an_interrupted_writer_shows(tmp_path: Path, lines: list[bytes]) -> None:
    """Whoever claims that an edited line was torn has to change the next line, which the chain shows."""
    import hashlib

    changed = [*lines]
    changed[5] = lines[5].replace(b"open", b"edit", 1)
    facts = json.loads(lines[6])
    members = {name: value for name, value in facts.items() if name not in ("seq", "prev", "hash")}
    torn = hashlib.sha256(changed[5].rstrip(b"\n")).hexdigest()
    changed[6], _ = made_line(6, facts["prev"], members | {"torn": torn})
    assert any("entry 6, which was replaced" in fault for fault in faults(tmp_path, changed))


@given(st.integers(0, 10**9))
def test_any_changed_byte_is_named(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], seed: int
) -> None:
    numbers = random.Random(seed)
    data = bytearray(b"".join(lines))
    at = numbers.randrange(len(data))
    data[at] ^= numbers.randrange(1, 256)
    path = tmp_path_factory.getbasetemp() / "byte.log"
    path.write_bytes(data)
    assert verify(str(path)).faults


@given(st.binary(max_size=300))
def test_garbage_is_no_line(data: bytes) -> None:
    line = parse_line(data)
    assert line is None or not line.sound


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b'{"seq":1.0,"prev":"' + b"0" * 64 + b'","hash":"' + b"0" * 64 + b'"}',
        b'{"seq":true,"prev":"' + b"0" * 64 + b'","hash":"' + b"0" * 64 + b'"}',
        b'{"seq":1,"prev":1,"hash":2}',
        b"[" * 20_000,
        b'{"seq":1' + b"0" * 5_000 + b"}",
        b"x" * 100_000,
    ],
)
def test_hostile_lines_are_no_lines(raw: bytes) -> None:
    assert parse_line(raw) is None


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PgiInputError, match="no audit log"):
        verify(str(tmp_path / "none.log"))
