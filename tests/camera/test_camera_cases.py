"""Each kind of file that cameras, drones and editors make, and its right value."""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

import pgic_core
from pgic_core.camera import read_camera

CASES = Path(__file__).parents[1] / "cases"


def metadata_of(name: str) -> pgic_core.Metadata:
    """What is stored of a case's file."""
    return pgic_core.inspect(_coded(name)).metadata


def _coded(name: str) -> bytes:
    with Image.open(CASES / name) as image:
        return pgic_core.encode(image, effort=1)


def milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("time_offset_chn", "2024-05-01T02:12:34Z"),
        ("time_offset_plus0800", "2024-05-01T02:12:34Z"),
        ("time_offset_z", "2024-05-01T10:12:34Z"),
        ("dji_utc_iso", "2024-05-01T02:12:54.019Z"),
        ("dji_utc_colons", "2024-05-01T02:12:54.019Z"),
        ("xmp_exif_gps", "2024-05-01T02:12:34Z"),
    ],
)
def test_kind_time_with_an_offset(name: str, moment: str) -> None:
    metadata = metadata_of(f"{name}.jpg")
    assert metadata.timestamp_ms == milliseconds(moment)
    assert "local_time" not in metadata.sensor_params


@pytest.mark.parametrize(
    "name",
    ["time_offset_of_edit", "time_offset_99", "time_only_ifd0", "time_dashes", "one_huge_tag"],
)
def test_kind_time_whose_offset_is_not_known(name: str) -> None:
    metadata = metadata_of(f"{name}.jpg")
    assert metadata.timestamp_ms is None
    assert metadata.sensor_params["local_time"] == "2024-05-01T10:12:34"


@pytest.mark.parametrize("name", ["time_24h", "time_zero"])
def test_kind_time_that_is_no_moment(name: str) -> None:
    metadata = metadata_of(f"{name}.jpg")
    assert (metadata.timestamp_ms, dict(metadata.sensor_params)) == (None, {})


LON, LAT = 114 + 20 / 60 + 15 / 3600, 30 + 15 / 60 + 30 / 3600


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("gps_two_parts", (LON, LAT, None)),
        ("gps_seconds_0_0", (114 + 20 / 60, 30.25, None)),
        ("gps_below_sea", (LON, LAT, -154.2)),
        ("gps_alt_negative_srational", (LON, LAT, -154.2)),
        ("one_huge_tag", (LON, LAT, None)),
        ("xmp_exif_gps", (LON, LAT, 52.0)),
        ("dji_alt_conflict", (LON, LAT, 61.0)),
        ("dji_duplicate_attr", (None, None, 61.0)),
        ("dji_unquoted_amp", (None, None, 61.0)),
    ],
)
def test_kind_place(name: str, place: tuple[float | None, float | None, float | None]) -> None:
    location = metadata_of(f"{name}.jpg").location
    assert location is not None
    assert (location.lon, location.lat, location.height) == pytest.approx(place, abs=1e-9)


def test_kind_place_of_more_than_sixty_seconds() -> None:
    """As exiftool adds them up."""
    gps = {1: "N", 2: (30.0, 15.0, 3012.0), 3: "E", 4: (114.0, 75.5, 0.0)}
    exif = Image.Exif()
    exif[0x8825] = gps
    facts = read_camera(exif.tobytes())
    assert (facts.lon, facts.lat) == pytest.approx((114 + 75.5 / 60, 30.25 + 3012 / 3600))
    packet = b'<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="30,15,75N" '
    packet += b'exif:GPSLongitude="114,75.5E"/>'
    facts = read_camera(None, packet)
    assert (facts.lon, facts.lat) == pytest.approx((114 + 75.5 / 60, 30.25 + 75 / 3600))


@pytest.mark.parametrize("name", ["gps_no_ref", "gps_0_0"])
def test_kind_place_that_is_none(name: str) -> None:
    assert metadata_of(f"{name}.jpg").location is None


def test_kind_heights_that_contradict_each_other_are_noted() -> None:
    params = metadata_of("dji_alt_conflict.jpg").sensor_params
    assert (params["absolute_altitude_m"], params["exif_altitude_m"]) == ("+61.0", "-61")


@pytest.mark.parametrize("name", ["dji_duplicate_attr", "dji_unquoted_amp"])
def test_kind_xmp_that_is_not_well_formed(name: str) -> None:
    assert metadata_of(f"{name}.jpg").sensor_params == {
        "gimbal_pitch_deg": "-30.5",
        "relative_altitude_m": "+52.3",
        "absolute_altitude_m": "+61.0",
    }


def test_kind_angles_of_pix4d() -> None:
    assert metadata_of("pix4d_camera_angles.jpg").sensor_params == {
        "camera_yaw_deg": "81.5",
        "camera_pitch_deg": "-30.5",
        "camera_roll_deg": "0.1",
    }


@pytest.mark.parametrize("name", ["text_utf8", "text_gbk"])
def test_kind_chinese_text(name: str) -> None:
    assert metadata_of(f"{name}.jpg").device_id == "华北电力 巡检仪"


@pytest.mark.parametrize("name", ["dji_thermal_source", "rjpeg_app3"])
def test_kind_thermal_camera_of_a_drone(name: str) -> None:
    with Image.open(CASES / f"{name}.jpg") as image:
        facts = read_camera(image.info["exif"], image.info["xmp"])
    assert (facts.image_source, facts.infrared) == ("InfraredCamera", True)


def test_kind_one_entry_that_claims_too_much_hides_no_other() -> None:
    facts = pgic_core.inspect(_coded("one_huge_tag.jpg"))
    assert facts.orientation == 6
    assert facts.metadata.device_id == "DJI"


ORIENTED = [f"orient{number}.jpg" for number in range(10)]


def _oriented(name: str, folder: Path) -> Path:
    """The file of a case; where there is none, that of orientation 6 with another number in it."""
    if (CASES / name).exists():
        return CASES / name
    data = (CASES / "orient6.jpg").read_bytes()
    entry = b"\x12\x01\x03\0\1\0\0\0"
    order = entry if entry in data else b"\x01\x12\0\x03\0\0\0\1\0"
    assert data.count(order + b"\6") == 1
    made = folder / name
    made.write_bytes(data.replace(order + b"\6", order + bytes([int(name[6])])))
    return made


def _upright(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


@pytest.mark.parametrize("name", ORIENTED)
@pytest.mark.parametrize("way", ["kept", "strip", "unset", "meta strip", "exif=b''", "pillow"])
def test_kind_orientation_upright_in_every_way(name: str, way: str, tmp_path: Path) -> None:
    source, coded, target = _oriented(name, tmp_path), tmp_path / "a.pgi", tmp_path / "a.png"
    command = [sys.executable, "-m", "pgic_core"]
    with Image.open(source) as image:
        if way == "pillow":
            image.save(coded, lossless=True, exif=b"")
        else:
            options = {"exif": b""} if way in ("strip", "exif=b''") else {}
            pgic_core.encode_to(coded, image, lossless=True, **options)
    if way == "strip" and name == "orient6.jpg":  # the command itself, once
        subprocess.run([*command, "encode", source, coded, "--strip", "--lossless", "-f"], check=True)
    elif way == "unset":
        pgic_core.set_metadata(coded, exif=None)
    elif way == "meta strip":
        pgic_core.strip_metadata(coded, everything=True)
    if way == "kept" and name == "orient6.jpg":
        subprocess.run([*command, "decode", coded, target], check=True)
    else:
        with Image.open(coded) as image:
            image.save(target, exif=image.info.get("exif", b""))
    assert np.array_equal(_upright(target), _upright(source))
    facts = pgic_core.inspect(coded)
    if way != "kept" and facts.orientation == 1:
        assert facts.exif_bytes == 0


@pytest.mark.parametrize("keyword", ["Raw profile type exif", "Raw profile type APP1"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("rest", ["", '\n$"\x1d\x91'], ids=["", "bytes behind it"])
def test_kind_exif_of_a_png_as_older_tools_write_it(keyword: str, compressed: bool, rest: str) -> None:
    with Image.open(CASES / "one_huge_tag.jpg") as image:
        exif = image.info["exif"]
    digits = exif.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    texts = PngImagePlugin.PngInfo()
    texts.add_text(keyword, f"\nexif\n{len(exif):8}\n{lines}\n{rest}", zip=compressed)
    file = io.BytesIO()
    Image.new("RGB", (20, 10)).save(file, "PNG", pnginfo=texts)
    facts = pgic_core.inspect(pgic_core.encode(Image.open(file)))
    assert (facts.exif_bytes, facts.orientation, facts.metadata.device_id) == (len(exif), 6, "DJI")


@pytest.mark.parametrize(
    "text", ["", "exif", "\nexif\n 5\nxyz", "\nexif\n-5\n00", "\n" * 70_000, "\nexif\n9\n0"]
)
def test_kind_png_text_that_is_no_profile(text: str) -> None:
    image = Image.new("RGB", (20, 10))
    image.info["Raw profile type exif"] = text
    assert pgic_core.inspect(pgic_core.encode(image)).exif_bytes == 0
