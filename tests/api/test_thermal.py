"""Thermal pictures (A-6.1a): known as such, kept without loss, and their raw temperatures byte for byte."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import pgic_core
from pgic_core import PgiOptionError
from pgic_core.cli import app
from pgic_core.container import Segment, other_segments, pack_segments, put_segments, unpack_segments

from .photos import PHOTO, photo_file

CASES = Path(__file__).parents[1] / "cases"
READINGS = np.random.default_rng(4).integers(0, 1 << 14, PHOTO.shape[:2], np.uint16).tobytes()
FLIR = [Segment(0xE1, b"FLIR\0\1" + bytes([part, 1]) + READINGS[part::2]) for part in range(2)]


def camera_file(segments: list[Segment], make: str = "", source: str = "") -> bytes:
    """A JPEG as a camera writes it."""
    exif = Image.Exif()
    exif[0x010F] = make
    options: dict[str, Any] = {"exif": exif} if make else {}
    if source:
        options["xmp"] = (
            b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
            b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            b'<rdf:Description xmlns:d="http://www.dji.com/drone-dji/1.0/" d:ImageSource="'
            + source.encode()
            + b'"/></rdf:RDF></x:xmpmeta>'
        )
    return put_segments(photo_file(quality=90, **options), pack_segments(segments))


def coded(photo: bytes, **options: Any) -> pgic_core.PgiFile:
    with Image.open(io.BytesIO(photo)) as image:
        return pgic_core.open_file(io.BytesIO(pgic_core.encode(image, **options)))


THERMAL = {
    "DJI that says InfraredCamera": camera_file([], "DJI", "InfraredCamera"),
    "DJI with APP3, APP4, APP5": camera_file(
        [Segment(0xE3, READINGS), Segment(0xE4, b"\xaa\x55\x12\6"), Segment(0xE5, bytes(8176))], "DJI"
    ),
    "DJI with readings in APP4": camera_file([Segment(0xE3, bytes(32768)), Segment(0xE4, READINGS)], "DJI"),
    "FLIR": camera_file(FLIR, "FLIR Systems AB"),
    "FLIR without EXIF": camera_file(FLIR),
    "InfiRay": camera_file([Segment(0xE2, b"\0\2\0\1IJPEG\0"), Segment(0xE3, b"readings")], "INFIRAY"),
    "Parrot": camera_file([Segment(0xE1, b"PARROT\0II*\0")], "PARROT"),
    "another maker, 16 bits for each pixel": camera_file([Segment(0xE8, READINGS)], "ACME"),
    "another maker, enlarged picture": camera_file([Segment(0xE3, READINGS[: len(READINGS) // 4])], "ACME"),
}


@pytest.mark.parametrize("kind", THERMAL)
def test_a_thermal_picture_is_infrared_and_exact(kind: str) -> None:
    photo = THERMAL[kind]
    with coded(photo, quality=30) as file, Image.open(io.BytesIO(photo)) as image:
        facts = file.info()
        assert (facts.image_type, facts.codec) == ("infrared", "lossless")
        np.testing.assert_array_equal(file.decode(), np.asarray(image))
        assert list(unpack_segments(file.segments or b"")) == other_segments(image.applist)


@pytest.mark.parametrize(
    "photo",
    [
        camera_file([], "DJI", "WideCamera"),
        camera_file([], "FLIR Systems AB"),
        camera_file([Segment(0xE7, b"DJI-DBG\0" + bytes(300))], "DJI", "ZoomCamera"),
        camera_file([Segment(0xE6, b"GoPro\0" + bytes(500))], "GoPro"),
        camera_file([Segment(0xE5, bytes(60_000))], "phone"),
        photo_file(),
    ],
    ids=["DJI wide", "FLIR without readings", "DJI debug", "GoPro", "phone debug", "plain"],
)
def test_other_pictures_stay_visible_and_keep_their_segments(photo: bytes) -> None:
    with coded(photo) as file, Image.open(io.BytesIO(photo)) as image:
        assert (file.info().image_type, file.info().codec) == ("visible", "learned")
        assert list(unpack_segments(file.segments or b"")) == other_segments(image.applist)
        assert file.info().radiometric is None


def test_what_the_user_says_wins() -> None:
    photo = THERMAL["FLIR"]
    with coded(photo, image_type="visible") as file:
        assert (file.info().image_type, file.info().codec) == ("visible", "learned")
        assert unpack_segments(file.segments or b"") == tuple(FLIR)
    with coded(photo, image_type="depth", segments=b"") as file:
        assert (file.info().image_type, file.segments) == ("depth", None)
    # Nothing is kept, and still the picture is what it is.
    with coded(THERMAL["DJI that says InfraredCamera"], exif=b"", xmp=b"", segments=b"") as file:
        assert (file.info().image_type, file.xmp) == ("infrared", None)


def test_an_array_with_segments_is_thermal_too() -> None:
    data = pgic_core.encode(PHOTO, segments=pack_segments(FLIR))
    assert pgic_core.inspect(data).image_type == "infrared"
    for wrong in (b"x", "text"):
        with pytest.raises(PgiOptionError, match="segments"):
            pgic_core.encode(PHOTO, segments=wrong)  # type: ignore[arg-type]


def test_segments_can_be_removed_and_put_in(tmp_path: Path) -> None:
    path = tmp_path / "x.pgi"
    pgic_core.encode_to(path, PHOTO, segments=pack_segments(FLIR))
    pgic_core.set_metadata(path, metadata={"device_id": "T1"})
    with pgic_core.open_file(path) as file:
        assert unpack_segments(file.segments or b"") == tuple(FLIR)
        assert file.extension == {}
    assert CliRunner().invoke(app, ["meta", "set", "--unset", "segments", str(path)]).exit_code == 0
    with pgic_core.open_file(path) as file:
        assert file.segments is None


def test_kind_r_jpeg_keeps_its_payload_through_the_command(tmp_path: Path) -> None:
    """``rjpeg_app3.jpg``: payload kept byte for byte and back in a JPEG; infrared, lossless."""
    coded_name, back = tmp_path / "x.pgi", tmp_path / "back.jpg"
    runner = CliRunner()
    result = runner.invoke(app, ["encode", str(CASES / "rjpeg_app3.jpg"), str(coded_name)])
    assert result.exit_code == 0, result.output
    shown = runner.invoke(app, ["info", str(coded_name)]).output
    assert "infrared" in shown
    assert "120,524 bytes from the JPEG, raw temperatures of DJI" in shown
    result = runner.invoke(app, ["decode", str(coded_name), str(back)])
    assert result.exit_code == 0, result.output
    assert "left out" not in result.output
    with Image.open(CASES / "rjpeg_app3.jpg") as before, Image.open(back) as after:
        after.load()
        assert other_segments(after.applist) == other_segments(before.applist)
        assert [len(payload) for _, payload in other_segments(after.applist)] == [60000, 60000, 512]
        np.testing.assert_array_equal(pgic_core.decode(coded_name), np.asarray(before))
        assert after.info["exif"] == before.info["exif"]


@pytest.mark.parametrize(
    "arguments",
    [["x.png"], ["--window", "0", "0", "20", "20", "x.jpg"], ["--level", "preview", "x.jpg"]],
)
def test_segments_that_stay_behind_are_named(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pgic_core.encode_to("x.pgi", PHOTO, segments=pack_segments(FLIR))
    result = CliRunner().invoke(app, ["decode", "x.pgi", *arguments])
    assert result.exit_code == 0, result.output
    assert "has raw temperatures or other segments of a camera, which" in result.output
    if arguments[-1] == "x.jpg":
        with Image.open("x.jpg") as image:
            assert other_segments(image.applist) == []


def test_kind_dji_thermal_source_is_infrared() -> None:
    """``dji_thermal_source.jpg``: drone XMP says ``ImageSource="InfraredCamera"``."""
    with coded((CASES / "dji_thermal_source.jpg").read_bytes()) as file:
        assert (file.info().image_type, file.info().codec) == ("infrared", "lossless")


def test_pillow_hands_segments_on_with_the_whole_picture_only() -> None:
    data = pgic_core.encode(PHOTO, segments=pack_segments(FLIR))

    def saved(image: Image.Image) -> bytes | None:
        out = io.BytesIO()
        image.save(out, "PGI")
        with pgic_core.open_file(out.getvalue()) as file:
            assert file.image_type == 1
            return file.segments

    with Image.open(io.BytesIO(data)) as image:
        assert saved(image) == pack_segments(FLIR)
        crop = image.crop((0, 0, 20, 20))
        assert saved(crop) is None


def test_payloads_of_megabytes_fit() -> None:
    """A picture of 1280 x 1024 brings 2.7 MB."""
    random = np.random.default_rng(8)
    parts = [Segment(0xE3, random.bytes(65_533)) for _ in range(41)]
    data = pgic_core.encode(PHOTO, segments=pack_segments(parts))
    with pgic_core.open_file(data) as file:
        assert unpack_segments(file.segments or b"") == tuple(parts)
        file.verify()
