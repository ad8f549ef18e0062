"""``pgic plugins``, and vendors' fields in ``pgic info``."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import pgic_core
from pgic_core.cli import app
from pgic_core.hooks import PgiPluginWarning

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pgic_core.hooks import PluginSet

ACME = """
from pgic_core.hooks import Field, hookimpl

@hookimpl
def offers():
    return {"roi": {"acme-hot": "Hot parts."}}

@hookimpl
def extension_schema():
    return {"acme.temp": Field("Temperature", "float", "°C")}

@hookimpl
def write_extension(image):
    return {"acme.temp": float(image.max())}

@hookimpl
def validate_extension(fields):
    return {"acme.temp": "Too hot."} if fields["acme.temp"] > 300 else None
"""
BROKEN = "raise RuntimeError('no licence')"


def shown(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_plugins_for_people(installed: Callable[..., PluginSet]) -> None:
    installed(acme=ACME, broken=BROKEN)
    text = shown("plugins")
    assert "acme (pgic)" in text
    assert "hooks         extension_schema, offers, validate_extension, write_extension" in text
    assert "broken        RuntimeError: no licence" in text
    assert "acme-hot      Hot parts." in text
    assert "acme.temp     Temperature (acme)" in text


def test_plugins_for_programs(installed: Callable[..., PluginSet]) -> None:
    installed(acme=ACME, broken=BROKEN)
    record = json.loads(shown("plugins", "--json"))
    mine = {plugin["name"]: plugin for plugin in record["plugins"] if plugin["group"] == "pgic"}
    assert mine["acme"]["error"] == ""
    assert mine["broken"]["error"] == "RuntimeError: no licence"
    assert record["offers"]["roi"] == {"acme-hot": "Hot parts."}
    assert record["fields"]["acme.temp"]["unit"] == "°C"


def test_no_plugins(plugins: PluginSet) -> None:
    assert json.loads(shown("plugins", "--json"))["offers"]["roi"] == {}


def test_info_explains_fields_and_shows_the_rest_raw(
    installed: Callable[..., PluginSet], tmp_path: Path
) -> None:
    path = tmp_path / "x.pgi"
    installed(acme=ACME)
    pgic_core.encode_to(path, np.full((9, 9), 80, np.uint8), extension={"other.x": [1, b"ab"]})
    text = shown("info", path)
    assert "field         Temperature: 80.0 °C" in text
    assert "field         other.x = [1, b'ab']" in text
    record = json.loads(shown("info", "--json", path))
    assert record["extension"] == {"acme.temp": 80.0, "other.x": [1, "<2 bytes>"]}
    assert record["fields"]["acme.temp"]["text"] == "80.0 °C"
    installed()
    assert "field         acme.temp = 80.0" in shown("info", path)
    pgic_core.set_metadata(path, extension={"acme.temp": 500.0})
    installed(acme=ACME)
    assert "problem       Temperature: Too hot." in shown("info", path)


HANGING = """
import threading
from pgic_core.hooks import hookimpl

@hookimpl
def offers():
    return {"roi": {"hang": "Hangs."}}

@hookimpl
def roi_map():
    threading.Event().wait()
"""


def hanging_plugin(folder: Path) -> dict[str, str]:
    """Two photos and an installed plugin that hangs; gives the environment that finds it."""
    for name in ("one.png", "two.png"):
        Image.new("RGB", (80, 80)).save(folder / name)
    info = folder / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pgic]\nacme = hanging_plugin\n")
    (folder / "hanging_plugin.py").write_text(HANGING)
    return {**os.environ, "PYTHONPATH": str(folder)}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_hanging_plugin_can_be_interrupted_and_is_named(tmp_path: Path, jobs: int) -> None:
    """Of two photos, one or both are in the hook when the interrupts come."""
    environment = hanging_plugin(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-m", "pgic_core", "encode", "-j", str(jobs), "--roi", "hang", "one.png", "two.png"],
        cwd=tmp_path,
        env={**environment, "PGIC_TRACE_PLUGINS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    assert any("call roi_map of acme (acme 1.0)" in line for line in lines)
    process.send_signal(signal.SIGINT)
    while jobs == 2 and process.poll() is None:  # the first interrupt waits for workers, and these hang
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        process.send_signal(signal.SIGINT)
    text = "".join(lines)
    assert process.wait() == 130
    assert "nterrupted in the hook roi_map of the plugin acme (acme 1.0)" in text
    assert "pgic: interrupted\n" in text
    assert not list(tmp_path.glob("*.pgi"))


def test_a_hanging_plugin_loses_no_picture_and_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pgic_core", "encode", "-j", "1", "--roi", "hang", "one.png", "two.png"],
        cwd=tmp_path,
        env={**hanging_plugin(tmp_path), "PGIC_PLUGIN_TIMEOUT": "0.5"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert {path.name for path in tmp_path.glob("*.pgi")} == {"one.pgi", "two.pgi"}
    named = "pgic: The hook roi_map of the plugin acme (acme 1.0)"
    assert f"{named} failed and was passed over: TimeoutError: it gave no answer within 0.5 s" in done.stderr
    assert f"{named} was passed over: it still hangs" in done.stderr


def test_a_broken_writer_loses_no_picture(installed: Callable[..., PluginSet]) -> None:
    installed(acme=ACME.replace("float(image.max())", "image"), broken=BROKEN)
    picture = np.full((9, 9), 80, np.uint8)
    with pytest.warns(PgiPluginWarning, match="write_extension of the plugin acme"):
        data = pgic_core.encode(picture)
    assert np.array_equal(pgic_core.decode(data), picture)
    assert pgic_core.inspect(data).extension == {}
