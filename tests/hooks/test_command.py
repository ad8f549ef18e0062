"""``pgic plugins``, and vendors' fields in ``pgic info``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

import pgic_core
from pgic_core.cli.info import info
from pgic_core.cli.plugins import plugins as plugins_command
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


def shown(command: object, *arguments: object) -> str:
    done = CliRunner().invoke(command, [str(a) for a in arguments])  # type: ignore[arg-type]
    assert done.exit_code == 0, done.output
    return done.output


def test_plugins_for_people(installed: Callable[..., PluginSet]) -> None:
    installed(acme=ACME, broken=BROKEN)
    text = shown(plugins_command)
    assert "acme (pgic)" in text
    assert "hooks         extension_schema, offers, validate_extension, write_extension" in text
    assert "broken        RuntimeError: no licence" in text
    assert "acme-hot      Hot parts." in text
    assert "acme.temp     Temperature (acme)" in text


def test_plugins_for_programs(installed: Callable[..., PluginSet]) -> None:
    installed(acme=ACME, broken=BROKEN)
    record = json.loads(shown(plugins_command, "--json"))
    mine = {plugin["name"]: plugin for plugin in record["plugins"] if plugin["group"] == "pgic"}
    assert mine["acme"]["error"] == ""
    assert mine["broken"]["error"] == "RuntimeError: no licence"
    assert record["offers"]["roi"] == {"acme-hot": "Hot parts."}
    assert record["fields"]["acme.temp"]["unit"] == "°C"


def test_no_plugins(plugins: PluginSet) -> None:
    assert json.loads(shown(plugins_command, "--json"))["offers"]["roi"] == {}


def test_info_explains_fields_and_shows_the_rest_raw(
    installed: Callable[..., PluginSet], tmp_path: Path
) -> None:
    path = tmp_path / "x.pgi"
    installed(acme=ACME)
    pgic_core.encode_to(path, np.full((9, 9), 80, np.uint8), extension={"other.x": [1, b"ab"]})
    text = shown(info, path)
    assert "field         Temperature: 80.0 °C" in text
    assert "field         other.x = [1, b'ab']" in text
    record = json.loads(shown(info, "--json", path))
    assert record["extension"] == {"acme.temp": 80.0, "other.x": [1, "<2 bytes>"]}
    assert record["fields"]["acme.temp"]["text"] == "80.0 °C"
    installed()
    assert "field         acme.temp = 80.0" in shown(info, path)
    pgic_core.set_metadata(path, extension={"acme.temp": 500.0})
    installed(acme=ACME)
    assert "problem       Temperature: Too hot." in shown(info, path)


def test_a_broken_writer_loses_no_picture(installed: Callable[..., PluginSet]) -> None:
    installed(acme=ACME.replace("float(image.max())", "image"), broken=BROKEN)
    picture = np.full((9, 9), 80, np.uint8)
    with pytest.warns(PgiPluginWarning, match="write_extension of the plugin acme"):
        data = pgic_core.encode(picture)
    assert np.array_equal(pgic_core.decode(data), picture)
    assert pgic_core.inspect(data).extension == {}
