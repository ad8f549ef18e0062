"""``pgic info``, ``verify``, ``meta`` and ``--version``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner, Result

import pgic_core
from pgic_core.cli import app
from pgic_core.models import available_models

from ..api.photos import GREY, PHOTO, RGBA, exif_bytes


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pgic_core.encode_to("grey.pgi", GREY)


def pgic(*arguments: Any, status: int = 0, stdin: bytes | str | None = None) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin, prog_name="pgic")
    assert result.exit_code == status, result.output
    return result


def test_info_for_people() -> None:
    pgic_core.encode_to(
        "photo.pgi",
        RGBA,
        exif=exif_bytes(6),
        dpi=(300, 300),
        annotations=[{"label": "crack", "box": [1, 2, 30, 40], "score": 0.5, "severity": "serious"}],
        extension={"acme.x": 1, "acme.key": b"\x00" * 300},
        metadata={"anomaly": True},
    )
    shown = pgic("info", "photo.pgi").stdout
    for part in (
        "160 x 120, rgb+alpha, uint8, visible",
        "6 (EXIF",
        "learned, quality 50, model ",
        "alpha lossless",
        "2026-05-01T00:30:00.000+00:00",
        "DJI FC3582",
        "lon 116.39",
        "crack, box (1, 2) (30, 40), serious, score 0.5",
        "acme.x = 1",
        "acme.key = <300 bytes>",
        "300 x 300 dpi",
        "anomaly",
    ):
        assert part in shown
    assert "lossless" in pgic("info", "grey.pgi").stdout


def test_info_tells_of_regions_and_filter() -> None:
    pgic_core.encode_to("regions.pgi", skimage.data.astronaut(), quality=80, roi=[(100, 80, 200, 200)])
    facts = pgic_core.inspect("regions.pgi")
    assert facts.roi_octaves == (0, 1)
    shown = pgic("info", "regions.pgi").stdout
    assert "regions       steps finer by +0.000 to +1.000 octaves" in shown
    assert 20 < facts.filter_bytes < 400
    assert f"filter        {facts.filter_bytes} bytes" in shown
    assert json.loads(pgic("info", "regions.pgi", "--json").stdout)["roi_octaves"] == [0, 1]


def test_info_and_verify_name_exact_blocks() -> None:
    image = skimage.data.astronaut()
    pgic_core.encode_to("exact.pgi", image, quality=40, exact=[(100, 80, 30, 20)])
    facts = pgic_core.inspect("exact.pgi")
    assert facts.exact_blocks == 5 * 3
    assert facts.exact_share == 15 / 64**2
    assert 1000 < facts.exact_bytes < 15 * 192
    shown = pgic("info", "exact.pgi").stdout
    assert f"exact         15 blocks of 8 x 8, 0.37% of the picture, {facts.exact_bytes:,} bytes" in shown
    assert "sound, 0.37% of the picture kept bit for bit" in pgic("verify", "exact.pgi").stderr
    assert "bit for bit" not in pgic("verify", "grey.pgi").stderr


def test_info_as_json() -> None:
    one = json.loads(pgic("info", "grey.pgi", "--json").stdout)
    assert one == {"file": "grey.pgi"} | pgic_core.inspect("grey.pgi").to_dict()
    Path("bad.pgi").write_bytes(b"nothing")
    said = pgic("info", "grey.pgi", "bad.pgi", "grey.pgi", "--json", status=1)
    assert [entry["file"] for entry in json.loads(said.stdout)] == ["grey.pgi", "grey.pgi"]
    assert "bad.pgi: This is not a .pgi file" in said.stderr


def test_a_file_cannot_steer_the_terminal() -> None:
    pgic_core.encode_to("evil.pgi", GREY, metadata={"device_id": "\x1b[2J\x07"})
    for command in (["info"], ["meta", "show"]):
        shown = pgic(*command, "evil.pgi").stdout
        assert "\x1b" not in shown
        assert "\\x1b[2J\\x07" in shown


def test_verify() -> None:
    assert "sound" in pgic("verify", "grey.pgi").stderr
    assert pgic("verify", "grey.pgi", "--quiet").output == ""
    data = bytearray(Path("grey.pgi").read_bytes())
    data[-1] ^= 1
    Path("bad.pgi").write_bytes(data)
    said = pgic("verify", "grey.pgi", "bad.pgi", "missing.pgi", "-j", 2, status=1)
    assert "1 of 3 files are sound" in said.stderr
    assert "bad.pgi: The image data block is damaged" in said.stderr
    assert "missing.pgi" in said.stderr


def test_meta_set_and_show() -> None:
    pixels = pgic_core.decode("grey.pgi")
    pgic(
        *("meta", "set", "grey.pgi", "--time", "2026-05-01T08:30:00+08:00", "--device-id", "无人机 7"),
        *("--location", "116.4,39.9,51.5", "--anomaly", "--param", "iso=200", "--param", "lens=a=b"),
        *("--field", "acme.json=[1, 2]", "--field", "acme.text=hello"),
    )
    facts = pgic_core.inspect("grey.pgi")
    assert facts.to_dict()["metadata"] == {
        "timestamp_ms": 1777595400000,
        "device_id": "无人机 7",
        "location": {"lon": 116.4, "lat": 39.9, "height": 51.5},
        "sensor_params": {"iso": "200", "lens": "a=b"},
        "anomaly": True,
    }
    assert facts.extension == {"acme.json": [1, 2], "acme.text": "hello"}
    shown = json.loads(pgic("meta", "show", "grey.pgi", "--json").stdout)
    assert shown["metadata"] == facts.to_dict()["metadata"]
    people = pgic("meta", "show", "grey.pgi").stdout
    for part in ("无人机 7", "2026-05-01T00:30:00", "iso = 200", "acme.text = 'hello'"):
        assert part in people
    names = ("time", "device-id", "location", "iso", "lens", "acme.json", "acme.text")
    pgic("meta", "set", "grey.pgi", "--no-anomaly", *(part for name in names for part in ("--unset", name)))
    facts = pgic_core.inspect("grey.pgi")
    assert (facts.metadata, facts.extension) == (pgic_core.Metadata(), {})
    np.testing.assert_array_equal(pgic_core.decode("grey.pgi"), pixels)


def test_meta_set_removes_profiles_of_many_files() -> None:
    for name in ("a.pgi", "b.pgi"):
        pgic_core.encode_to(name, GREY, exif=exif_bytes(), icc_profile=b"x", xmp=b"y", dpi=(72, 72))
    options = [part for name in ("exif", "icc", "xmp", "dpi") for part in ("--unset", name)]
    said = pgic("meta", "set", "a.pgi", "missing.pgi", "b.pgi", *options, status=1)
    assert "missing.pgi" in said.stderr
    for name in ("a.pgi", "b.pgi"):
        facts = pgic_core.inspect(name)
        assert (facts.exif_bytes, facts.icc_bytes, facts.xmp_bytes, facts.dpi) == (0, 0, 0, None)


@pytest.mark.parametrize("option", [["--time", "today"], ["--location", "500,0"], ["--field", "plain=1"]])
def test_meta_set_refuses_wrong_values(option: list[str]) -> None:
    before = Path("grey.pgi").read_bytes()
    pgic("meta", "set", "grey.pgi", *option, status=1)
    assert Path("grey.pgi").read_bytes() == before


def test_meta_annotate() -> None:
    pgic("meta", "annotate", "grey.pgi", "--box", "broken insulator", 1, 2, 30, 40.5)
    listed = [{"label": "rust", "polygon": [[0, 0], [9, 0], [0, 9]], "score": 0.25}]
    Path("more.json").write_text(json.dumps(listed))
    pgic("meta", "annotate", "grey.pgi", "--from", "more.json")
    shown = pgic("meta", "show", "grey.pgi", "--json").stdout
    assert [item["label"] for item in json.loads(shown)["annotations"]] == ["broken insulator", "rust"]
    # What `show` gives, `annotate` takes.
    pgic_core.encode_to("other.pgi", GREY)
    pgic("meta", "annotate", "other.pgi", "--from", "-", stdin=shown)
    assert pgic_core.inspect("other.pgi").annotations == pgic_core.inspect("grey.pgi").annotations
    assert "beyond" in pgic("meta", "annotate", "grey.pgi", "--box", "x", 0, 0, 999, 9, status=1).stderr
    pgic("meta", "annotate", "grey.pgi", "--replace")
    assert pgic_core.inspect("grey.pgi").annotations == ()
    Path("more.json").write_text("{")
    pgic("meta", "annotate", "grey.pgi", "--from", "more.json", status=2)


def test_version_names_models_and_engine() -> None:
    shown = pgic("--version").stdout
    assert shown.startswith(f"pgic {pgic_core.__version__}, format 1.2")
    assert f"model grid-1 {pgic_core.default_model().digest} (released)" in shown
    for model in available_models():
        assert model.digest in shown
    assert "engine ONNX Runtime" in shown


def test_lossless_is_said_of_what_the_learned_codec_leaves() -> None:
    pgic_core.encode_to("ir.pgi", PHOTO, image_type="infrared")
    shown = pgic("info", "ir.pgi").stdout
    assert "infrared" in shown
    assert "lossless" in shown
