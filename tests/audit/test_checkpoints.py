"""Signed checkpoints, heads that are kept elsewhere, and what `watch` finds."""

from __future__ import annotations

import base64
import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("cryptography")

from pgic_core.audit.chain_check import read_lines, verify
from pgic_core.audit.checkpoint import Head, is_signed_by, read_head
from pgic_core.audit.log_appending import append
from pgic_core.audit.log_line import Line, made_line
from pgic_core.audit.recording import checkpoint, record
from pgic_core.audit.unusual_events import Rules, watch
from pgic_core.ed25519_keys import key_id_of, load_public_key, make_key
from pgic_core.errors import PgiInputError

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "audit.log"
    make_key(str(tmp_path / "key"))
    for index in range(10):
        append(str(path), "open", {"file": str(index)})
    return path


@pytest.fixture
def key(log: Path) -> Ed25519PublicKey:
    return load_public_key(str(log.parent / "key.pub"))


def signed(log: Path) -> Head:
    made = checkpoint(str(log), str(log.parent / "key"), str(log.parent / "head.json"))
    assert read_head(str(log.parent / "head.json")) == made
    return made


def forge_anew(log: Path, change: int) -> None:
    """Make the log anew from a line on, with every hash as it should be."""
    prev, out = "0" * 64, []
    for line in list(read_lines(str(log))):
        members = {name: value for name, value in line.facts.items() if name not in ("seq", "prev", "hash")}
        if line.seq == change:
            members["user"] = "somebody else"
        data, prev = made_line(line.seq, prev, members)
        out.append(data)
    log.write_bytes(b"".join(out))


def test_a_checkpoint_vouches_for_all_before_it(log: Path, key: Ed25519PublicKey) -> None:
    head = signed(log)
    append(str(log), "open", {})
    report = verify(str(log), key=key, head=head)
    assert (report.faults, report.checkpoints, report.signed_until) == ([], 1, head.seq)
    forge_anew(log, 3)
    assert verify(str(log)).faults == []  # without the key nothing shows
    [fault] = verify(str(log), key=key).faults
    assert "signature" in fault
    assert "made anew" in verify(str(log), head=head).faults[0]


def test_what_comes_after_the_checkpoint_is_open_to_forgery(log: Path, key: Ed25519PublicKey) -> None:
    """The document says so."""
    signed(log)
    append(str(log), "open", {"file": "later"})
    last = [line.seq for line in read_lines(str(log))][-1]
    forge_anew(log, last)
    report = verify(str(log), key=key)
    assert report.faults == []
    assert report.signed_until == last - 2


def test_a_cut_tail_shows_against_the_head_alone(log: Path, key: Ed25519PublicKey) -> None:
    head = signed(log)
    whole = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(whole[:6]))
    report = verify(str(log), key=key)
    assert report.faults == []
    assert any("cut off at the end do not show" in note for note in report.notes)
    [fault] = verify(str(log), key=key, head=head).faults
    assert fault == f"The log is cut off: it ends with entry 5; the head names entry {head.seq}."


def test_a_log_that_was_started_anew_shows_against_the_head(log: Path, key: Ed25519PublicKey) -> None:
    head = signed(log)
    log.unlink()
    for index in range(20):
        append(str(log), "open", {"file": str(index)})
    [fault] = verify(str(log), key=key, head=head).faults
    assert "another log" in fault


def test_another_key_does_not_do(log: Path, key: Ed25519PublicKey) -> None:
    make_key(str(log.parent / "other"))
    head = checkpoint(str(log), str(log.parent / "other"))
    report = verify(str(log), key=key, head=head)
    assert any("another key" in note for note in report.notes)
    assert report.signed_until == -1
    assert any("signature of the head" in fault for fault in report.faults)


def test_the_signed_text_is_the_one_of_the_document(log: Path, key: Ed25519PublicKey) -> None:
    head = signed(log)
    text = f"pgic audit checkpoint 1\n{head.log}\n{head.seq}\n{head.hash}\n".encode()
    key.verify(base64.b64decode(head.signature), text)
    assert head.key_id == key_id_of(key)
    for changed in (
        dataclasses.replace(head, seq=head.seq + 1),
        dataclasses.replace(head, log="0" * 32),
        dataclasses.replace(head, signature="A" * 88),
        dataclasses.replace(head, signature="no base64"),
        dataclasses.replace(head, log="\udcff"),
    ):
        assert not is_signed_by(key, changed)


def test_checkpoints_come_by_themselves(
    log: Path, key: Ed25519PublicKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGIC_AUDIT_KEY", str(log.parent / "key"))
    monkeypatch.setenv("PGIC_AUDIT_HEAD", str(log.parent / "kept.json"))
    for _ in range(300):
        record(str(log), "open", {})
    report = verify(str(log), key=key, head=read_head(str(log.parent / "kept.json")))
    assert (report.faults, report.checkpoints) == ([], 1)
    assert report.signed_until >= 254


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"log":1}', b"\xff"])
def test_what_is_no_head_or_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(PgiInputError):
        read_head(str(path))
    with pytest.raises(PgiInputError):
        load_public_key(str(path))
    with pytest.raises(PgiInputError):
        checkpoint(str(tmp_path / "audit.log"), str(path))


def test_a_key_is_for_its_owner_alone_and_not_overwritten(log: Path) -> None:
    private = log.parent / "key"
    assert private.stat().st_mode & 0o777 == 0o600
    before = private.read_bytes()
    with pytest.raises(PgiInputError):
        make_key(str(private))
    assert private.read_bytes() == before


# Watching

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def line(seconds: float, event: str = "open", user: str = "lin", **facts: object) -> Line:
    moment = (NOON + timedelta(seconds=seconds)).isoformat()
    data, _ = made_line(0, "0" * 64, {"time": moment, "event": event, "user": user, **facts})
    return Line(0, "", "", True, json.loads(data))


ALL_DAY = Rules(first_hour=0, last_hour=24)


def kinds(lines: list[Line], rules: Rules = ALL_DAY) -> list[str]:
    return [finding.kind for finding in watch(lines, rules)]


def test_a_burst_of_failures_is_told_once() -> None:
    burst = [line(second, "deny") for second in range(8)]
    assert kinds(burst) == ["failures"]
    assert kinds([line(second, error="PgiChecksumError") for second in range(5)]) == ["failures"]
    assert kinds([line(20 * second, "deny") for second in range(20)]) == []
    assert kinds([line(n, "deny", user=f"user{n}") for n in range(8)]) == []
    assert kinds(burst + [line(1_000 + second, "deny") for second in range(8)]) == ["failures"] * 2


def test_mass_export_counts_pictures_in_full_size() -> None:
    def decoded(count: int, **facts: object) -> list[Line]:
        return [line(n, "decode", picture=str(n), level="fast", **facts) for n in range(count)]

    rules = dataclasses.replace(ALL_DAY, exports=50)
    assert kinds(decoded(60), rules) == ["export"]
    assert kinds(decoded(60, window=[0, 0, 9, 9]), rules) == []
    assert kinds([line(n, "decode", picture=str(n), level="preview") for n in range(60)], rules) == []
    assert kinds([line(n, "decode", picture="same", level="fast") for n in range(60)], rules) == []
    assert kinds([line(20 * n, "decode", picture=str(n), level="fast") for n in range(60)], rules) == []


def test_unusual_hours_are_told_once_a_day() -> None:
    here = NOON.astimezone().hour
    rules = dataclasses.replace(ALL_DAY, last_hour=here) if here else Rules(first_hour=here + 1, last_hour=24)
    assert kinds([line(n) for n in range(9)], rules) == ["hours"]
    assert kinds([line(n, user=name) for n in range(9) for name in ("lin", "wu")], rules) == ["hours"] * 2
    assert kinds([line(n) for n in range(9)]) == []


def test_lines_without_a_time_are_passed_over() -> None:
    assert (
        kinds([Line(0, "", "", True, {"event": "deny", "time": text}) for text in ("", "x", None, 5)] * 5)
        == []
    )
