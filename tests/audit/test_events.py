"""What the library and the command log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner
from PIL import Image

import pgic_core
from pgic_core.audit.chain_check import read_lines, verify
from pgic_core.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from pgic_core.audit.log_line import Line

PICTURE = skimage.data.astronaut()[:64, :64]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "audit.log"
    monkeypatch.setenv("PGIC_AUDIT", str(path))
    return path


def lines(log: Path) -> list[Line]:
    assert verify(str(log)).faults == []
    return list(read_lines(str(log)))[1:]


def test_coding_opening_decoding_and_editing(log: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.pgi"
    size = pgic_core.encode_to(path, PICTURE, lossless=True)
    pgic_core.decode(path)
    pgic_core.decode(path, window=(0, 0, 8, 8))
    with pgic_core.open_file(path) as file:
        picture = file.reader.header.image.sha256.hex()
        next(file.strips())
    with Image.open(path) as image:
        np.asarray(image)
    pgic_core.set_metadata(path, metadata={"device_id": "UAV-7"})
    pgic_core.protect(path)
    pgic_core.repair(path)
    found = lines(log)
    assert [line.event for line in found] == [
        *("encode", "open", "decode", "open", "decode", "open", "decode", "open", "decode"),
        *("edit", "edit", "edit"),
    ]
    assert found[0].facts["bytes"] == size
    assert {line.text("picture") for line in found if line.event != "edit"} == {picture}
    assert {line.text("file") for line in found[1:]} == {str(path)}
    assert found[4].facts["window"] == [0, 0, 8, 8]
    assert [line.text("what") for line in found[9:]] == ["metadata", "parity", "repair"]


def test_failures_are_logged(log: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.pgi"
    data = bytearray(pgic_core.encode(PICTURE, lossless=True))
    data[-20] ^= 1
    path.write_bytes(data)
    with pytest.raises(pgic_core.PgiFormatError):
        pgic_core.decode(path)
    path.write_bytes(b"no picture")
    with pytest.raises(pgic_core.PgiFormatError):
        pgic_core.decode(path)
    with pytest.raises(pgic_core.PgiInputError):
        pgic_core.decode(tmp_path / "none.pgi")
    found = [line for line in lines(log) if "error" in line.facts]
    assert [(line.event, line.text("error")) for line in found] == [
        ("decode", "PgiChecksumError"),
        ("open", "PgiFormatError"),
        ("open", "PgiInputError"),
    ]


def test_nothing_is_decoded_that_cannot_be_logged(log: Path, tmp_path: Path) -> None:
    data = pgic_core.encode(PICTURE, lossless=True)
    log.unlink()
    log.mkdir()
    with pytest.raises(pgic_core.PgiInputError, match="audit log"):
        pgic_core.decode(data)


def run(*words: object, status: int = 0) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == status, done.output
    return done.output


def test_commands(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cryptography")
    pgic_core.encode_to(tmp_path / "a.pgi", PICTURE)
    for _ in range(6):
        with pytest.raises(pgic_core.PgiFormatError):
            pgic_core.decode(b"no picture")
    monkeypatch.delenv("PGIC_AUDIT")
    assert run("audit", "show", log).count("\n") == 8
    assert run("audit", "show", log, "--failed", "--json").count("PgiFormatError") == 6
    assert run("audit", "show", log, "--event", "encode").count("\n") == 1
    assert "no picture" not in run("audit", "show", log, "--file", "a.pgi")
    run("audit", "key", tmp_path / "key")
    run("audit", "checkpoint", log, "--key", tmp_path / "key", "--head", tmp_path / "head.json")
    checked = "--key", tmp_path / "key.pub", "--head", tmp_path / "head.json"
    assert "signed up to entry 8" in run("audit", "verify", log, *checked)
    assert "failures" in run("audit", "watch", log, "--hours", "0-24", status=1)
    assert run("audit", "watch", log, "--hours", "0-24", "--failures", "9") == ""
    run("audit", "watch", log, "--hours", "22-6", status=2)
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:4]))
    assert "cut off" in run("audit", "verify", log, *checked, status=1)
    run("audit", "verify", tmp_path / "none", status=1)
    log.write_bytes(b"no log\n" * 1000)
    assert "980 more faults" in run("audit", "verify", log, status=1)
