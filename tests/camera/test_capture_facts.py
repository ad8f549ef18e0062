"""Metadata from what cameras and drones write, and from what they should never write."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from pgic_core.container import Location, Metadata, serialize_metadata
from pgic_core.photos.metadata_from_exif import metadata_from_photo

EXIF_IFD, GPS_IFD = 0x8769, 0x8825
RDF = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/" {attributes}>{elements}'
    '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


def exif(
    main: dict[int, Any] | None = None, sub: dict[int, Any] | None = None, gps: dict[int, Any] | None = None
) -> bytes:
    tags = Image.Exif()
    tags.update(main or {})
    if sub:
        tags.get_ifd(EXIF_IFD).update(sub)
    if gps:
        tags.get_ifd(GPS_IFD).update(gps)
    return tags.tobytes()


def xmp(attributes: dict[str, str] | None = None, elements: dict[str, str] | None = None) -> bytes:
    return RDF.format(
        attributes=" ".join(f'drone-dji:{name}="{value}"' for name, value in (attributes or {}).items()),
        elements="".join(
            f"<drone-dji:{name}>{value}</drone-dji:{name}>" for name, value in (elements or {}).items()
        ),
    ).encode()


def dms(degrees: float, minutes: float = 0, seconds: float = 0) -> tuple[IFDRational, ...]:
    return tuple(IFDRational(round(part * 10000), 10000) for part in (degrees, minutes, seconds))


GPS = {1: "N", 2: dms(39, 54, 27.5), 3: "E", 4: dms(116, 23, 29.4), 5: b"\x00", 6: IFDRational(505, 10)}
LON, LAT = 116 + 23 / 60 + 29.4 / 3600, 39 + 54 / 60 + 27.5 / 3600


def test_drone_photo() -> None:
    data = exif(
        {0x010F: "DJI", 0x0110: "FC6310"},
        {
            0x9003: "2023:11:15 06:13:20",
            0x9011: "+08:00",
            0x9291: "250",
            0x829A: IFDRational(1, 500),
            0x829D: IFDRational(28, 10),
            0x8827: 100,
            0x920A: IFDRational(88, 10),
            0xA405: 24,
            0xA431: "0K8TF7",
            0xA434: "DJI lens",
        },
        GPS | {18: "WGS-84"},
    )
    packet = xmp(
        {"GimbalPitchDegree": "-45.20", "FlightYawDegree": "+12.5"}, {"RelativeAltitude": " +30.10 "}
    )
    metadata = metadata_from_photo(data, packet)
    assert metadata.timestamp_ms == 1_700_000_000_250
    assert metadata.device_id == "DJI FC6310 0K8TF7"
    assert metadata.location is not None
    assert metadata.location.lon == pytest.approx(LON, abs=1e-9)
    assert metadata.location.lat == pytest.approx(LAT, abs=1e-9)
    assert metadata.location.height == 50.5
    assert metadata.location.datum == "WGS-84"
    assert metadata.sensor_params == {
        "camera_make": "DJI",
        "camera_model": "FC6310",
        "camera_serial": "0K8TF7",
        "lens_model": "DJI lens",
        "exposure_time_s": "1/500",
        "f_number": "2.8",
        "iso": "100",
        "focal_length_mm": "8.8",
        "focal_length_35mm_mm": "24",
        "gimbal_pitch_deg": "-45.20",
        "flight_yaw_deg": "+12.5",
        "relative_altitude_m": "+30.10",
    }
    assert metadata.anomaly is False
    # Pillow hands out EXIF with the prefix, some containers hold it without.
    assert metadata_from_photo(data.removeprefix(b"Exif\0\0"), packet) == metadata


@pytest.mark.parametrize(
    ("sub", "gps", "packet", "milliseconds"),
    [
        ({0x9003: "2023:11:14 22:13:20", 0x9011: "+00:00"}, {}, b"", 1_700_000_000_000),
        ({0x9003: "2023:11:14 17:43:20", 0x9011: "-04:30"}, {}, b"", 1_700_000_000_000),
        ({0x9004: "2023:11:14 22:13:20", 0x9012: "+00:00"}, {}, b"", 1_700_000_000_000),
        # The offset of the file's own time, which editors change, says nothing of the picture's.
        ({0x9003: "2023:11:14 22:13:20", 0x9010: "+00:00"}, {}, b"", None),
        ({0x9003: "2023:11:14 22:13:20", 0x9012: "+00:00"}, {}, b"", None),
        ({0x9003: "2023-11-14T22:13:20Z"}, {}, b"", 1_700_000_000_000),
        ({}, {29: "2023:11:14", 7: dms(22, 13, 20.5)}, b"", 1_700_000_000_500),
        ({0x9003: "2023:11:15 06:13:20"}, {29: "2023:11:14", 7: dms(22, 13, 20)}, b"", 1_700_000_000_000),
        ({}, {}, xmp({"UTCAtExposure": "2023-11-14T22:13:20.125000"}), 1_700_000_000_125),
        ({}, {}, xmp({"UTCAtExposure": "2023-11-15T06:13:20+08:00"}), 1_700_000_000_000),
        ({0x9003: "2023:11:14 22:13:20", 0x9011: "+99:99"}, {}, b"", None),
        # The satellites' day is 1,024 weeks off, or the receiver was long without a fix.
        ({0x9003: "2023:11:15 06:13:20"}, {29: "2004:03:30", 7: dms(22, 13, 20)}, b"", None),
        ({}, {29: "2023:11:14", 7: dms(24, 13, 20)}, b"", None),
        ({0x9003: "0001:01:01 00:00:00", 0x9011: "+10:00"}, {}, b"", None),
        ({0x9003: "9999:12:31 23:00:00", 0x9011: "-10:00"}, {}, b"", None),
        ({0x9003: "1950:01:01 00:00:00", 0x9011: "+00:00"}, {}, b"", None),
        ({0x9003: "0000:00:00 00:00:00", 0x9011: "+00:00"}, {}, b"", None),
        ({0x9003: "    :  :     :  :  ", 0x9011: "   :  "}, {}, b"", None),
        ({0x9003: "2023:11:14 22:13:20", 0x9011: "Z"}, {}, b"", 1_700_000_000_000),
        ({}, {29: "2023:13:14", 7: dms(22, 13, 20)}, b"", None),
        ({}, {29: "9999:12:31", 7: dms(400_000)}, b"", None),
        ({}, {29: "2023:11:14", 7: (IFDRational(1, 0),) * 3}, b"", None),
        ({}, {}, xmp({"UTCAtExposure": "yesterday"}), None),
        ({}, {}, xmp({"UTCAtExposure": "0001-01-01T00:00:00+10:00"}), None),
    ],
)
def test_time(sub: dict[int, Any], gps: dict[int, Any], packet: bytes, milliseconds: int | None) -> None:
    assert metadata_from_photo(exif(None, sub, gps), packet).timestamp_ms == milliseconds


def test_clock_without_offset_is_not_taken_for_utc() -> None:
    metadata = metadata_from_photo(exif(None, {0x9003: "2023:11:15 06:13:20", 0x9291: "5"}))
    assert metadata.timestamp_ms is None
    assert metadata.sensor_params == {"local_time": "2023-11-15T06:13:20.500"}


@pytest.mark.parametrize(
    ("gps", "attributes", "location"),
    [
        (GPS | {1: "S", 3: "W", 5: b"\x01"}, {}, Location(-LON, -LAT, -50.5)),
        ({1: "N", 2: dms(90), 3: "E", 4: dms(180)}, {}, Location(180.0, 90.0)),
        ({5: b"\x00", 6: IFDRational(7)}, {}, Location(height=7.0)),
        ({1: "N", 2: dms(90, 0, 1), 3: "E", 4: dms(1)}, {}, None),
        ({2: dms(39), 4: dms(116)}, {}, None),
        ({1: "N", 2: dms(39), 3: "E"}, {}, None),
        ({1: "N", 2: (IFDRational(0, 0),) * 3, 3: "E", 4: dms(1)}, {}, None),
        ({1: "N", 2: dms(0), 3: "E", 4: dms(0)}, {}, None),
        ({1: "N", 2: IFDRational(39), 3: "E", 4: IFDRational(116)}, {}, Location(116.0, 39.0)),
        ({1: "N", 2: dms(39, 54, 61), 3: "E", 4: dms(116)}, {}, Location(116.0, 39 + 54 / 60 + 61 / 3600)),
        ({1: "X", 2: dms(39), 3: "E", 4: dms(116)}, {}, None),
        ({6: IFDRational(0)}, {}, None),
        ({}, {"GpsLatitude": "+39.907639", "GpsLongitude": "+116.391500"}, Location(116.3915, 39.907639)),
        (
            {},
            {"GpsLatitude": "-39.5", "GpsLongtitude": "-116.5", "AbsoluteAltitude": "+12.5"},
            Location(-116.5, -39.5, 12.5),
        ),
        ({}, {"GpsLatitude": "91", "GpsLongitude": "1"}, None),
        ({}, {"GpsLatitude": "nan", "GpsLongitude": "1e1"}, None),
        ({}, {"GpsLatitude": "0.000000", "GpsLongitude": "0.000000"}, None),
    ],
)
def test_location(gps: dict[int, Any], attributes: dict[str, str], location: Location | None) -> None:
    found = metadata_from_photo(exif(None, None, gps), xmp(attributes)).location
    if location is None:
        assert found is None
        return
    assert found is not None
    assert (found.lon, found.lat, found.height) == pytest.approx(
        (location.lon, location.lat, location.height)
    )


@pytest.mark.parametrize(
    ("main", "sub", "device"),
    [
        ({0x010F: "Canon", 0x0110: "Canon EOS R5"}, {}, "Canon EOS R5"),
        ({0x010F: "DJI"}, {0xA431: "1"}, "DJI 1"),
        ({0x0110: "大疆相机"}, {}, "大疆相机"),
        ({}, {}, ""),
    ],
)
def test_device(main: dict[int, Any], sub: dict[int, Any], device: str) -> None:
    encoded = {tag: value.encode() for tag, value in main.items()}
    assert metadata_from_photo(exif(encoded, sub)).device_id == device


def test_drone_serial_number_stands_in_for_the_camera() -> None:
    packet = xmp(None, {"DroneModel": "M300 RTK", "DroneSerialNumber": "1ZNBJ"})
    metadata = metadata_from_photo(exif({0x0110: "H20T"}), packet)
    assert metadata.device_id == "H20T 1ZNBJ"
    assert metadata.sensor_params["drone_model"] == "M300 RTK"


BILLION_LAUGHS = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


@pytest.mark.parametrize(
    "packet",
    [
        BILLION_LAUGHS + xmp({"GimbalYawDegree": "1"}),
        b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'>" + xmp({"GimbalYawDegree": "1"}),
        xmp({"GimbalYawDegree": "&unknown;"}),
        xmp({"GimbalYawDegree": "1"}).replace(b"http://www.dji.com", b"http://example.com"),
        xmp({f"P{number}": "1" for number in range(20_001)}, {"GimbalYawDegree": "1"}),
        b"<a>" * 200_000,
        b"<a>" + b"x" * (5 << 20) + b"</a>",
        b"\xff\xfe\x00",
        b"<?xml version='1.0' encoding='no-such'?><a/>",
        b"\x00" * 100,
        xmp({"GimbalYawDegree": "1" * 2000}),
    ],
    ids=range(11),
)
def test_hostile_xmp_says_nothing(packet: bytes) -> None:
    assert metadata_from_photo(None, packet).sensor_params == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_xmp_encodings_and_padding(encoding: str) -> None:
    text = xmp({"GimbalYawDegree": "1"}).decode()
    text = text[text.index("<x:") : text.index("<?xpacket end")]
    packet = text.encode(encoding) + ("\x00" * 500).encode("utf-16-le" if encoding == "utf-16" else "utf-8")
    assert metadata_from_photo(None, packet).sensor_params == {"gimbal_yaw_deg": "1"}


def test_packet_that_is_cut_off_gives_what_stands_before() -> None:
    packet = xmp({"GimbalYawDegree": "1"}, {"GimbalPitchDegree": "2"})
    assert metadata_from_photo(None, packet[:-40]).sensor_params.keys() == {
        "gimbal_yaw_deg",
        "gimbal_pitch_deg",
    }
    assert metadata_from_photo(None, packet[: packet.index(b"Pitch")]).sensor_params == {
        "gimbal_yaw_deg": "1"
    }


@pytest.mark.parametrize(
    "wrong",
    [
        'note="T1 & T2"',
        'note="1 < 2"',
        "note=plain",
        'note="1""',
        "note",
        'drone-dji:GimbalYawDegree="5"',
        "&=5",
    ],
)
def test_what_stands_beside_something_ill_formed_is_read(wrong: str) -> None:
    attributes = f"drone-dji:GimbalYawDegree=\"1\" {wrong} drone-dji:GimbalRollDegree='-1.5e-05'"
    found = metadata_from_photo(None, RDF.format(attributes=attributes, elements="").encode())
    assert found.sensor_params == {"gimbal_yaw_deg": "1", "gimbal_roll_deg": "-1.5e-05"}


def test_properties_of_ingredients_are_not_those_of_the_picture() -> None:
    inner = '<rdf:Description drone-dji:GimbalYawDegree="5"/>'
    packet = xmp({"GimbalRollDegree": "1"}, {"Pantry": f"<rdf:Bag><rdf:li>{inner}</rdf:li></rdf:Bag>"})
    assert metadata_from_photo(None, packet).sensor_params == {"gimbal_roll_deg": "1"}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
@pytest.mark.parametrize(
    "data",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"II*\0\x08\0\0\0\xff\xff",
        b"II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0",  # an Exif IFD that is IFD 0 again
        b"MM\0*\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xff\xff\xff\xff\x08\0\0\0",
        b"\x00" * 64,
    ],
)
def test_broken_exif_says_nothing(data: bytes) -> None:
    assert metadata_from_photo(data, b"") == Metadata()


SAMPLE = exif(
    {0x010F: "DJI", 0x0110: "FC6310"}, {0x9003: "2023:11:15 06:13:20", 0x829A: IFDRational(1, 500)}, GPS
)
PACKET = xmp({"GimbalPitchDegree": "-45.20"}, {"RelativeAltitude": "+30.10"})


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.data())
def test_whatever_the_bytes_the_result_can_be_written(data: st.DataObject) -> None:
    pieces = []
    for sample in (SAMPLE, PACKET):
        damaged = bytearray(sample)
        for _ in range(data.draw(st.integers(0, 4))):
            at = data.draw(st.integers(0, len(damaged) - 1))
            damaged[at : at + 1] = data.draw(st.binary(max_size=3))
        pieces.append(bytes(damaged))
    serialize_metadata(metadata_from_photo(*pieces))


@given(st.binary(max_size=200), st.binary(max_size=200))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_any_bytes_at_all(exif_bytes: bytes, packet: bytes) -> None:
    serialize_metadata(metadata_from_photo(b"II*\0" + exif_bytes, packet))
