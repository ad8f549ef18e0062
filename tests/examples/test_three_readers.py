"""``examples/three_readers.py``."""

from __future__ import annotations

import http.client
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data

import pgic_core

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "three_readers.py"
PHOTO = np.tile(skimage.data.astronaut(), (2, 3, 1))
WINDOW = (1200, 40, 100, 80)


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def data() -> bytes:
    return pgic_core.encode(PHOTO, quality=60)


def test_each_reader_moves_what_it_needs_and_shows_it(script: dict[str, Any], data: bytes) -> None:
    preview, window, whole = script["read_three"](data, WINDOW)
    assert np.array_equal(preview.pixels, pgic_core.decode(data, level="preview"))
    assert np.array_equal(window.pixels, pgic_core.decode(data, window=WINDOW))
    level = "fine" if "fine" in pgic_core.default_model().levels else "fast"
    assert np.array_equal(whole.pixels, pgic_core.decode(data, level=level))
    assert whole.name == f"whole, level {level}"
    block = script["BLOCK"]
    with pgic_core.open_file(data) as file:
        assert preview.moved <= -(-file.preview_bytes // block) * block < len(data)
    assert window.moved < len(data) / 2
    assert whole.moved == len(data)
    assert (preview.requests, whole.requests) == (2, 2)
    assert window.requests < 10


def test_ranges(script: dict[str, Any]) -> None:
    data = bytes(range(256)) * 100
    with script["served"](data) as (host, port):
        with script["RangeFile"](host, port, "/a") as file:
            file.seek(5000)
            assert file.read(10_000) == data[5000:15_000]
            assert file.requests == 2
            assert file.read(100) == data[15_000:15_100]
            assert file.requests == 2
            file.seek(-7, 2)
            assert file.read() == data[-7:]
            assert file.read() == b""
        server = http.client.HTTPConnection(host, port)
        for wrong in ({}, {"Range": "bytes=999999-"}, {"Range": "bytes=x-1"}):
            server.request("GET", "/a", headers=wrong)
            answer = server.getresponse()
            answer.read()
            assert answer.status == 416
        server.close()


def test_the_command_line(
    script: dict[str, Any], data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.pgi").write_bytes(data)
    script["main"]([str(tmp_path / "a.pgi"), "--window", "10,20,30,40"])
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == f"1536 x 1024, {len(data):,} bytes"
    assert [line.split()[0] for line in shown[1:]] == ["preview", "window", "whole,"]
    assert "30 x 40" in shown[2]
    assert all("bytes" in line and "requests" in line and "ms" in line for line in shown[1:])
    with pytest.raises(SystemExit):
        script["main"](["--window", "1,2"])
    assert "four whole numbers" in capsys.readouterr().err
