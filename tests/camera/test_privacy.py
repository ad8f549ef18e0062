"""Kind 10: what is derived goes where its source goes, and stale pictures and sizes do not stay behind."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import pgic_core
from pgic_core import Location, Metadata, PgiOptionError, PgiUnsupportedError, PgiWarning
from pgic_core.api import SideData
from pgic_core.camera import (
    orientation_of,
    read_camera,
    stated_size,
    with_size,
    without_device,
    without_location,
    without_thumbnail,
    xmp_without_device,
    xmp_without_location,
    xmp_without_thumbnail,
)

from .tiff import EXIF_IFD, GPS_IFD, Directory, ascii_, exif, fractions, long, raw, short

if TYPE_CHECKING:
    from pathlib import Path

ANGLE = ((30, 1), (15, 1), (0, 1))
PLACE = Directory(
    [
        (0, raw(b"\2\3\0\0", 1)),
        (1, ascii_("N")),
        (2, fractions(*ANGLE)),
        (3, ascii_("E")),
        (4, fractions(*ANGLE)),
        (5, raw(b"\0", 1)),
        (6, fractions((525, 10))),
        (7, fractions((2, 1), (12, 1), (34, 1))),
        (29, ascii_("2024:05:01")),
    ]
)
NOTE = b"MAKER\0" + bytes(range(200))


def thumbnail() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 24), (200, 30, 30)).save(file, "JPEG")
    return file.getvalue()


def photo_exif(note: bytes = NOTE) -> bytes:
    """EXIF of a camera: device, size, orientation 6, maker's note, place, thumbnail."""
    inner = Directory(
        [
            (0x9003, ascii_("2024:05:01 10:12:34")),
            (0x927C, raw(note)),
            (0xA002, long(160)),
            (0xA003, short(120)),
            (0xA431, ascii_("SN-0042")),
        ]
    )
    return exif(
        Directory(
            [(0x010F, ascii_("DJI")), (0x0110, ascii_("FC6310")), (0x0112, short(6))],
            [(EXIF_IFD, inner), (GPS_IFD, PLACE)],
            Directory([(0x0103, short(6)), (0x011A, fractions((72, 1)))], picture=thumbnail()),
        )
    )


XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/" '
    'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
    'tiff:Make="DJI" tiff:ImageWidth="160" exif:PixelXDimension="160" tiff:Model="FC6310" '
    'drone-dji:GimbalPitchDegree="-30.5" drone-dji:GpsLatitude="+30.25" '
    'drone-dji:GpsLongtitude="+30.25" drone-dji:AbsoluteAltitude="+52.5" drone-dji:RelativeAltitude="+12.3" '
    'drone-dji:DroneSerialNumber="D-0042" photoshop:City="武汉" drone-dji:Note="T1 & T2" >\n'
    "<exif:GPSLongitude>30,15.0E</exif:GPSLongitude><exif:GPSTimeStamp>2024-05-01T02:12:34Z</exif:GPSTimeStamp>"
    "<xmp:Thumbnails><rdf:Alt><rdf:li><xmpGImg:image>/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAAgGBgcGBQgHBwcJCQgK</xmpGImg:image>"
    "</rdf:li></rdf:Alt></xmp:Thumbnails></rdf:Description></rdf:RDF></x:xmpmeta>"
).encode()


def photo() -> Image.Image:
    """A JPEG of 160 x 120 pixels, opened."""
    file = io.BytesIO()
    pixels = np.random.default_rng(5).integers(0, 256, (120, 160, 3), np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", exif=photo_exif(), xmp=XMP)
    return Image.open(file)


def saved(image: Image.Image, **options: object) -> pgic_core.PgiFile:
    file = io.BytesIO()
    image.save(file, "PGI", lossless=True, **options)
    return pgic_core.open_file(file.getvalue())


def test_an_untouched_photo_keeps_everything_byte_for_byte() -> None:
    with pgic_core.open_file(pgic_core.encode(photo())) as file:
        assert (file.exif, file.xmp) == (photo_exif(), XMP)
    with saved(photo()) as file:
        assert (file.exif, file.xmp) == (photo_exif(), XMP)


def shown_thumbnail(data: bytes) -> bool:
    """Whether another reader finds a thumbnail."""
    tags = Image.Exif()
    tags.load(data)
    return bool(tags.get_ifd(0x0001)) or b"\xff\xd8\xff" in data  # Pillow's number of IFD 1


@pytest.mark.parametrize("handed_on", [False, True])
def test_kind_10_a_crop_has_no_thumbnail_and_its_own_size(handed_on: bool) -> None:
    image = photo()
    assert shown_thumbnail(image.info["exif"])
    crop = image.crop((10, 10, 74, 58))
    with saved(crop, **({"exif": image.info["exif"]} if handed_on else {})) as file:
        assert file.exif is not None
        assert file.xmp is not None
        assert not shown_thumbnail(file.exif)
        assert stated_size(file.exif) == (64, 48)
        assert b"/9j/" not in file.xmp
        assert b'"160"' not in file.xmp
        assert b"T1 & T2" in file.xmp
        # All else stays, at its place.
        assert read_camera(file.exif) == read_camera(photo_exif())
        assert file.exif.index(NOTE) == photo_exif().index(NOTE)
        assert len(file.exif) == len(photo_exif())


def test_kind_10_a_crop_of_a_pgi_too() -> None:
    with Image.open(io.BytesIO(pgic_core.encode(photo()))) as image:
        crop = image.crop((0, 0, 64, 48))
    with saved(crop) as file:
        assert file.exif is not None
        assert (shown_thumbnail(file.exif), stated_size(file.exif)) == (False, (64, 48))


def resource(number: int, data: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + bytes(len(data) & 1)


EXTENDED = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description GImage:Mime="image/jpeg" crs:Notes="T1" '
    b'GImage:Data="/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAAgGBgcGBQgH"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def side_with_pictures() -> SideData:
    """Photoshop resources with two thumbnails, and extended XMP with a whole picture."""
    resources = (resource(0x0425, b"digest"), resource(0x040C, thumbnail()), resource(0x0409, thumbnail()))
    return SideData(xmp_extended=EXTENDED, photoshop=b"".join(resources), comments=(b"bay 3",))


@pytest.mark.parametrize("way", ["crop", "window", "strip"])
def test_kind_10_other_pictures_of_the_whole_go_from_a_part(way: str, tmp_path: Path) -> None:
    path, part = tmp_path / "a.pgi", tmp_path / "part.pgi"
    note = b' xmpNote:HasExtendedXMP="%s" tiff:Make' % hashlib.md5(EXTENDED).hexdigest().upper().encode()
    pgic_core.encode_to(
        path, photo(), side_data=side_with_pictures(), xmp=XMP.replace(b" tiff:Make", note, 1)
    )
    with pgic_core.open_file(path) as file:
        assert file.side_data == side_with_pictures()
    if way == "crop":
        with Image.open(path) as image:
            image.crop((0, 0, 64, 48)).save(part)
    elif way == "strip":
        pgic("meta", "strip", path, "--thumbnail")
        part = path
    else:
        pgic("decode", "--window", "0", "0", "64", "48", path, tmp_path / "part.jpg")
        assert b"\xff\xd8\xff" not in (tmp_path / "part.jpg").read_bytes()[3:]
        with Image.open(tmp_path / "part.jpg") as image:
            assert stated_size(image.info["exif"].removeprefix(b"Exif\0\0")) == (64, 48)
            pgic_core.encode_to(part, image)
    with pgic_core.open_file(part) as file:
        assert file.side_data.photoshop == resource(0x0425, b"digest")
        assert file.side_data.comments == (b"bay 3",)
        assert b"/9j/" not in file.side_data.xmp_extended
        assert b'crs:Notes="T1"' in file.side_data.xmp_extended
        assert not shown_thumbnail(file.exif or b"")
        assert b"/9j/" not in (file.xmp or b"")


def test_kind_10_an_image_made_smaller_in_place_states_its_size() -> None:
    image = photo()
    image.load()
    image.thumbnail((80, 60))
    with saved(image) as file:
        assert file.exif is not None
        assert stated_size(file.exif) == (80, 60)


def test_kind_10_a_makers_note_with_a_preview_goes_from_a_crop() -> None:
    image = photo()
    image.info["exif"] = photo_exif(NOTE + thumbnail())
    with saved(image.crop((0, 0, 64, 48))) as file:
        assert file.exif is not None
        assert not shown_thumbnail(file.exif)
        assert NOTE not in file.exif
        assert read_camera(file.exif) == read_camera(photo_exif())


def test_kind_10_exif_that_cannot_be_edited_leaves_its_orientation_and_a_warning() -> None:
    shared = bytearray(photo_exif())
    place = shared.index((0x927C).to_bytes(2, "little"))
    shared[place + 4 : place + 12] = (len(shared) - 14).to_bytes(4, "little") + (8).to_bytes(4, "little")
    image = photo()
    image.info["exif"] = bytes(shared)
    with pytest.warns(PgiWarning, match="orientation"):
        file = saved(image.crop((0, 0, 64, 48)))
    with file:
        assert file.orientation == 6
        assert file.exif is not None
        assert len(file.exif) < 40


def test_kind_10_no_exif_means_nothing_taken_from_it() -> None:
    with saved(photo(), exif=b"", xmp=b"") as file:
        assert file.metadata == Metadata()
        assert (file.orientation, len(file.exif or b"")) == (6, 32)
    with saved(photo(), exif=b"", xmp=b"", metadata={"device_id": "UAV-7"}) as file:
        assert file.metadata == Metadata(device_id="UAV-7")


def test_kind_10_no_location_means_none_in_exif_and_xmp() -> None:
    with pgic_core.open_file(pgic_core.encode(photo(), metadata={"location": None})) as file:
        assert no_place(file)
        assert file.metadata.device_id == "DJI FC6310 SN-0042"


def test_kind_10_no_exif_of_a_pgi_means_nothing_taken_from_it() -> None:
    data = pgic_core.encode(photo(), xmp=b"", metadata={"sensor_params": {"tower": "17"}, "anomaly": True})
    with saved(Image.open(io.BytesIO(data)), exif=b"") as file:
        assert file.metadata == Metadata(sensor_params={"tower": "17"}, anomaly=True)
    with saved(Image.open(io.BytesIO(data))) as file:
        assert file.metadata.location is not None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "photo.pgi"
    pgic_core.encode_to(path, photo(), metadata={"sensor_params": {"tower": "17"}}, effort=1)
    return path


def pgic(*arguments: object, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pgic_core", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def no_place(file: pgic_core.PgiFile) -> bool:
    found = read_camera(file.exif, file.xmp)
    return file.metadata.location is None and (found.lon, found.lat, found.height) == (None, None, None)


def test_kind_10_unset_location_takes_it_from_exif_and_xmp(path: Path) -> None:
    before = pgic_core.inspect(path).metadata
    pgic("meta", "set", path, "--unset", "location")
    with pgic_core.open_file(path) as file:
        assert no_place(file)
        assert file.exif is not None
        assert file.xmp is not None
        assert file.metadata.timestamp_ms == before.timestamp_ms is not None
        kept = {key: value for key, value in before.sensor_params.items() if key != "absolute_altitude_m"}
        assert file.metadata.sensor_params == kept
        for letters in ("Latitude", "Longt", "Longitude", "AbsoluteAltitude", "武汉"):
            assert letters.encode() not in file.xmp
        assert b"GPSTimeStamp" in file.xmp
        assert shown_thumbnail(file.exif)
        assert file.exif.index(NOTE) == photo_exif().index(NOTE)
        tags = Image.Exif()
        tags.load(file.exif)
        assert set(tags.get_ifd(GPS_IFD)) == {0, 7, 29}
        assert fractions(*ANGLE)[2] not in file.exif
        assert file.info().contradictions == ()


@pytest.mark.parametrize("name", ["exif", "xmp"])
def test_kind_10_what_a3_took_goes_with_its_source(path: Path, name: str) -> None:
    pgic("meta", "set", path, "--unset", name)
    with pgic_core.open_file(path) as file:
        metadata = file.metadata
        assert metadata.sensor_params["tower"] == "17"
        assert ("camera_serial" in metadata.sensor_params) == (name == "xmp")
        assert ("gimbal_pitch_deg" in metadata.sensor_params) == (name == "exif")
        assert metadata.device_id == ("DJI FC6310 SN-0042" if name == "xmp" else "DJI FC6310 D-0042")
        assert file.orientation == 6
    pgic("meta", "set", path, "--unset", "exif", "--unset", "xmp")
    with pgic_core.open_file(path) as file:
        assert file.metadata == Metadata(sensor_params={"tower": "17"})
        assert file.orientation == 6


def test_kind_10_what_was_set_by_hand_stays(path: Path) -> None:
    pgic_core.set_metadata(path, metadata={"location": Location(114.5, 30.5), "device_id": "UAV-7"})
    pgic_core.set_metadata(path, exif=None, xmp=None)
    metadata = pgic_core.inspect(path).metadata
    assert (metadata.location, metadata.device_id) == (Location(114.5, 30.5), "UAV-7")


def test_kind_10_a3_and_exif_do_not_differ_unsaid(path: Path) -> None:
    assert "contradiction" not in pgic("info", path)
    pgic_core.set_metadata(
        path, metadata={"location": Location(114.5, 30.5), "timestamp": "2024-05-02T00:00:00Z"}
    )
    shown = pgic("info", path)
    assert "time: EXIF or XMP says 2024-05-01T02:12:34" in shown
    assert "position: EXIF or XMP says lon 30.2500000, lat 30.2500000, A.3 lon 114.5000000" in shown
    assert "height: EXIF or XMP says 52.5 m, A.3 none" in shown
    assert len(pgic_core.inspect(path).to_dict()["contradictions"]) == 3
    pgic_core.set_metadata(path, metadata=None)
    assert len(pgic_core.inspect(path).contradictions) == 3


def test_strip_device(path: Path) -> None:
    pgic("meta", "strip", path, "--device")
    with pgic_core.open_file(path) as file:
        assert file.exif is not None
        assert file.xmp is not None
        assert file.metadata.device_id == ""
        assert read_camera(file.exif, file.xmp).device == ""
        for secret in (b"DJI\0", b"FC6310", b"SN-0042", NOTE):
            assert secret not in file.exif
        assert b"D-0042" not in file.xmp
        assert file.metadata.location is not None
        assert set(file.metadata.sensor_params) >= {"tower", "gimbal_pitch_deg"}
        assert not {"camera_make", "camera_serial", "drone_serial"} & set(file.metadata.sensor_params)


def test_strip_thumbnail(path: Path) -> None:
    before = pgic_core.inspect(path).metadata
    pgic("meta", "strip", path, "--thumbnail")
    with pgic_core.open_file(path) as file:
        assert file.exif is not None
        assert file.xmp is not None
        assert not shown_thumbnail(file.exif)
        assert b"/9j/" not in file.xmp
        assert file.metadata == before


def test_strip_all(path: Path) -> None:
    pgic_core.set_metadata(
        path, metadata={"anomaly": True}, annotations=[{"label": "x", "box": [1, 1, 5, 5]}]
    )
    pgic("meta", "strip", path, "--all")
    with pgic_core.open_file(path) as file:
        assert (file.metadata, file.xmp, file.orientation) == (Metadata(anomaly=True), None, 6)
        assert len(file.exif or b"") == 32
        assert len(file.annotations) == 1


def test_strip_needs_to_know_what(path: Path) -> None:
    assert "--location" in pgic("meta", "strip", path, code=2)
    with pytest.raises(PgiOptionError):
        pgic_core.strip_metadata(path)


def test_what_cannot_be_taken_out_alone_is_refused_and_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.pgi"
    for profile in (
        {"xmp": b'<a note="GPSLatitude = 30,15N"/>'},
        {"exif": b"Exif\0\0no TIFF"},
        {"exif": b"II*\0\x08\0\0\0\xff\xff" + bytes(12 * 2000)},
    ):
        pgic_core.encode_to(path, np.zeros((8, 8), np.uint8), **profile)
        before = path.read_bytes()
        with pytest.raises(PgiUnsupportedError, match="cannot be"):
            pgic_core.set_metadata(path, metadata={"location": None})
        assert path.read_bytes() == before
        pgic_core.strip_metadata(path, everything=True)
        assert pgic_core.inspect(path).exif_bytes == pgic_core.inspect(path).xmp_bytes == 0


def test_editing_twice_changes_nothing_more() -> None:
    for edit in (without_location, without_device, without_thumbnail, lambda data: with_size(data, 5, 6)):
        once = edit(photo_exif())
        assert edit(once) == once
        assert len(once) == len(photo_exif())
        assert orientation_of(once) == 6
    for edit in (xmp_without_location, xmp_without_device, xmp_without_thumbnail):
        once = edit(XMP)
        assert edit(once) == once != XMP


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_a_packet_keeps_its_encoding_and_every_byte_that_is_not_taken_out(codec: str) -> None:
    packet = XMP.decode().encode(codec) + b"\xff\xfe"
    edited = xmp_without_thumbnail(packet)
    start, end = (
        word.encode(codec).removeprefix(b"\xff\xfe") for word in ("<xmp:Thumbnails", "</xmp:Thumbnails>")
    )
    assert edited == packet[: packet.index(start)] + packet[packet.index(end) + len(end) :]


@pytest.mark.parametrize("kind", [3, 8, 9, 13])
def test_a_place_behind_an_odd_pointer_is_read_and_removed(kind: int) -> None:
    """Kind: signed pointers, which cameras write and other readers follow."""
    place = Directory([(1, ascii_("N")), (2, fractions((30, 1), (15, 1), (0, 1)))])
    place.entries += [(3, ascii_("E")), (4, fractions((114, 1), (0, 1), (0, 1)))]
    data = exif(Directory([(0x010F, ascii_("Maker"))], [(0x8825, place)]))
    pointer = b"\x25\x88\x04\0\1\0\0\0"
    assert data.count(pointer) == 1
    data = data.replace(pointer, b"\x25\x88" + bytes([kind]) + pointer[3:])
    assert (read_camera(data).lon, read_camera(data).lat) == (114, 30.25)
    assert read_camera(without_location(data)).lon is None
    assert b"\x72\0\0\0\1\0\0\0" in data
    assert b"\x72\0\0\0\1\0\0\0" not in without_location(data)
