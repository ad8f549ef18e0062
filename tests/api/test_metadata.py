"""What stands beside the pixels: it survives, it is filled from the photo, and it can be changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

import pgic_core
from pgic_core import KEEP, Annotation, Box, Location, Metadata, PgiOptionError
from pgic_core.container import PgiReader
from pgic_core.photos.metadata_from_exif import metadata_from_photo

from .photos import GREY, PHOTO, XMP, exif_bytes, opened

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
CRACK = Annotation("crack", Box(10, 20, 60, 90), score=0.5)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_brings_its_profiles(kind: str) -> None:
    options: dict[str, Any] = {"exif": exif_bytes(), "icc_profile": ICC}
    if kind != "PNG":
        options["xmp"] = XMP
    if kind != "WEBP":
        options["dpi"] = (300, 300)
    image = opened(kind, **options)
    with pgic_core.open_file(pgic_core.encode(image)) as file:
        assert file.exif == image.info["exif"]
        assert file.icc_profile == ICC
        assert file.xmp == image.info.get("xmp")
        assert file.dpi == (None if kind == "WEBP" else pytest.approx((300, 300), abs=0.1))


def test_a_tiff_brings_the_photo_tags_only() -> None:
    image = opened("TIFF", exif=exif_bytes(), dpi=(300, 300))
    with pgic_core.open_file(pgic_core.encode(image)) as file:
        kept = Image.Exif()
        kept.load(file.exif)
        assert set(kept) == {0x010F, 0x0110, 0x0112, 0x8769, 0x8825}
        assert file.metadata == metadata_from_photo(exif_bytes())
        assert file.dpi == (300, 300)
    assert 0x0100 in image.getexif()  # the image itself is left as it was


def test_a_tiff_that_turns_itself_upright_is_not_turned_twice() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "DJI"
    with pgic_core.open_file(pgic_core.encode(opened("TIFF", exif=exif))) as file:
        assert (file.width, file.height, file.orientation) == (120, 160, 1)


def test_profiles_given_win_and_empty_ones_remove() -> None:
    image = opened("JPEG", exif=exif_bytes(), icc_profile=ICC, dpi=(300, 300))
    data = pgic_core.encode(image, exif=b"", icc_profile=b"other", xmp=XMP.decode(), dpi=(72, 96))
    with pgic_core.open_file(data) as file:
        assert (file.exif, file.icc_profile, file.xmp, file.dpi) == (None, b"other", XMP, (72, 96))
        assert file.metadata == Metadata()


def test_exif_object_of_pillow() -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    with pgic_core.open_file(pgic_core.encode(PHOTO, exif=exif)) as file:
        assert (file.exif, file.orientation) == (exif.tobytes(), 8)


def test_a_profile_that_no_longer_fits_is_dropped() -> None:
    image = Image.fromarray(PHOTO).convert("CMYK")
    image.info["icc_profile"] = ICC
    assert pgic_core.inspect(pgic_core.encode(image)).icc_bytes == 0


def test_odd_info_does_not_stop_a_photo() -> None:
    image = Image.fromarray(GREY)
    image.info.update(dpi=(0, float("nan")), exif=5, xmp=7, icc_profile="x")
    facts = pgic_core.inspect(pgic_core.encode(image))
    assert (facts.dpi, facts.exif_bytes, facts.xmp_bytes, facts.icc_bytes) == (None, 0, 0, 0)


def test_metadata_is_filled_from_exif_unless_given() -> None:
    image = opened("JPEG", exif=exif_bytes())
    moment = int(datetime(2026, 5, 1, 0, 30, tzinfo=UTC).timestamp() * 1000)
    filled = pgic_core.inspect(pgic_core.encode(image)).metadata
    assert filled.timestamp_ms == moment
    assert filled.device_id == "DJI FC3582"
    assert filled.location is not None
    assert filled.location.lon == pytest.approx(116 + 23 / 60 + 29.25 / 3600)
    assert filled.location.height == 51.5
    given = Metadata(device_id="D7", anomaly=True)
    assert pgic_core.inspect(pgic_core.encode(image, metadata=given)).metadata == given
    some = pgic_core.inspect(pgic_core.encode(image, metadata={"anomaly": True, "location": None})).metadata
    assert (some.anomaly, some.location, some.timestamp_ms) == (True, None, moment)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"timestamp_ms": 5}, Metadata(timestamp_ms=5)),
        ({"timestamp": "1970-01-01T08:00:00.007+08:00"}, Metadata(timestamp_ms=7)),
        ({"timestamp": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)}, Metadata(timestamp_ms=1000)),
        ({"location": (1.5, 2.5)}, Metadata(location=Location(1.5, 2.5))),
        ({"location": {"lon": 1.1, "lat": 2.2, "height": 3.3}}, Metadata(location=Location(1.1, 2.2, 3.3))),
        (
            {"location": Location(1.5, 2.5, datum="CGCS2000")},
            Metadata(location=Location(1.5, 2.5, None, "CGCS2000")),
        ),
        ({"sensor_params": {"iso": "100"}}, Metadata(sensor_params={"iso": "100"})),
        ({"device_id": "无人机-7"}, Metadata(device_id="无人机-7")),
    ],
    ids=repr,
)
def test_metadata_as_a_mapping(fields: dict[str, Any], expected: Metadata) -> None:
    found = pgic_core.inspect(pgic_core.encode(GREY, metadata=fields))
    assert found.metadata == expected
    again = pgic_core.encode(GREY, metadata=found.to_dict()["metadata"])  # type: ignore[arg-type]
    assert pgic_core.inspect(again).metadata == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"timestamp": "2026-05-01T08:30:00"},
        {"timestamp": "yesterday"},
        {"timestamp": 5},
        {"timestamp": None, "timestamp_ms": 5},
        {"timestamp_ms": -1},
        {"location": (1,)},
        {"location": (200.0, 0.0)},
        {"location": {"x": 1}},
        {"location": "here"},
        {"sensor_params": [1]},
        {"sensor_params": {"iso": 100}},
        {"anomaly": "yes"},
        {"device_id": 7},
    ],
    ids=repr,
)
def test_wrong_metadata_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(PgiOptionError):
        pgic_core.encode(GREY, metadata=fields)


def test_annotations_are_in_pixels_of_the_upright_picture() -> None:
    upright = {"label": "crack", "box": [0, 0, 100, 150]}
    data = pgic_core.encode(PHOTO, exif=exif_bytes(orientation=6), annotations=[upright])
    assert pgic_core.inspect(data).annotations == (Annotation("crack", Box(0, 0, 100, 150)),)
    with pytest.raises(PgiOptionError, match="beyond"):
        pgic_core.encode(PHOTO, annotations=[upright])


def test_facts_are_json() -> None:
    data = pgic_core.encode(
        PHOTO,
        exif=exif_bytes(),
        annotations=[CRACK],
        dpi=(72, 72),
        extension={"acme.raw": b"123", "acme.deep": {"list": [1, {"nan": float("nan")}]}},
    )
    facts = json.loads(json.dumps(pgic_core.inspect(data).to_dict(), allow_nan=False))
    assert facts["annotations"] == [{"label": "crack", "box": [10, 20, 60, 90], "score": 0.5}]
    assert facts["extension"] == {"acme.raw": "<3 bytes>", "acme.deep": {"list": [1, {"nan": "nan"}]}}
    assert facts["file_bytes"] == len(data) == sum(block["length"] for block in facts["blocks"]) + 30 + 3 * 56
    assert facts["bpp"] == len(data) * 8 / (120 * 160)
    assert facts["metadata"]["device_id"] == "DJI FC3582"
    assert (facts["tile_size"], facts["tiles"], facts["format_version"]) == ([512, 512], 1, "1.0")


def payload(path: Any) -> bytes:
    with PgiReader(path) as reader:
        return reader.read_payload(0, reader.payload_length)


def test_set_metadata_changes_what_is_named_and_no_pixel(tmp_path: Any) -> None:
    path = tmp_path / "photo.pgi"
    options: dict[str, Any] = {"exif": exif_bytes(), "dpi": (300, 300), "xmp": XMP, "icc_profile": ICC}
    pgic_core.encode_to(path, PHOTO, annotations=[CRACK], extension={"acme.a": 1, "acme.b": 2}, **options)
    before, coded = pgic_core.inspect(path), payload(path)
    pgic_core.set_metadata(
        path,
        metadata={"anomaly": True, "sensor_params": {"iso": "200", "camera_make": None}},
        xmp=None,
        dpi=(72, 72),
        extension={"acme.a": None, "acme.c": [3]},
    )
    with pgic_core.open_file(path) as file:
        assert (file.exif, file.icc_profile, file.xmp, file.dpi) == (options["exif"], ICC, None, (72, 72))
        assert file.annotations == (CRACK,)
        assert file.extension == {"acme.b": 2, "acme.c": [3]}
        assert file.metadata.anomaly
        assert file.metadata.location == before.metadata.location
        assert file.metadata.sensor_params["iso"] == "200"
        assert "camera_make" not in file.metadata.sensor_params
    assert payload(path) == coded
    pgic_core.verify(path)
    pgic_core.set_metadata(path, metadata=None, annotations=None, exif=KEEP)
    facts = pgic_core.inspect(path)
    assert (facts.metadata, facts.annotations, facts.exif_bytes) == (Metadata(), (), len(options["exif"]))


def test_annotate_adds_or_replaces(tmp_path: Any) -> None:
    path = tmp_path / "photo.pgi"
    pgic_core.encode_to(path, GREY)
    rust = {"label": "rust", "polygon": [[0, 0], [9, 0], [0, 9]]}
    pgic_core.annotate(path, [CRACK])
    pgic_core.annotate(path, [rust])
    assert [item.label for item in pgic_core.inspect(path).annotations] == ["crack", "rust"]
    pgic_core.annotate(path, [rust], replace=True)
    assert [item.to_map() for item in pgic_core.inspect(path).annotations] == [rust]
    pgic_core.annotate(path, [], replace=True)
    assert pgic_core.inspect(path).annotations == ()


def test_a_failed_change_leaves_the_file(tmp_path: Any) -> None:
    path = tmp_path / "photo.pgi"
    pgic_core.encode_to(path, GREY, annotations=[CRACK])
    before = path.read_bytes()
    for changes in (
        {"metadata": {"device_id": 5}},
        {"annotations": [{"label": "x", "box": [0, 0, 999, 5]}]},
        {"extension": {"noprefix": 1}},
        {"dpi": (-1, 5)},
        {"exif": 7},
    ):
        with pytest.raises(PgiOptionError):
            pgic_core.set_metadata(path, **changes)
    assert path.read_bytes() == before
    path.write_bytes(before[:-3] + bytes([before[-3] ^ 1]) + before[-2:])
    damaged = path.read_bytes()
    with pytest.raises(pgic_core.PgiChecksumError):
        pgic_core.set_metadata(path, metadata={"anomaly": True})
    assert path.read_bytes() == damaged
    assert [item.name for item in tmp_path.iterdir()] == ["photo.pgi"]


def test_annotations_beyond_the_picture_of_a_file_are_an_error() -> None:
    from pgic_core.container import ImageFields, build_file

    with pgic_core.open_file(pgic_core.encode(GREY)) as file:
        coded = file.reader.read_payload(0, file.reader.payload_length)
    fields = ImageFields(0, 160, 120, 8, 2)
    forged = build_file(
        fields, coded, extension={"pgic.annotations": [{"label": "x", "box": [0, 0, 999, 9]}]}
    )
    with pytest.raises(pgic_core.PgiFormatError, match="beyond"):
        pgic_core.verify(forged)
    np.testing.assert_array_equal(pgic_core.decode(forged), GREY)
