"""Pixels that a level makes up: files, Pillow and the command say so wherever they show them."""

from __future__ import annotations

import io
import json
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import pgic_core
from pgic_core.camera import xmp_with_synthesised
from pgic_core.cli import app
from pgic_core.errors import PgiUnsupportedError

from ..camera.exiftool import EXIFTOOL

if TYPE_CHECKING:
    from pathlib import Path

    from pgic_core.models import Model

SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
OTHER = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/jpeg"'
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    ' Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"/>'
    "</rdf:RDF></x:xmpmeta>"
)


def pgic(*arguments: Any, status: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="pgic")
    assert result.exit_code == status, result.output
    return result


@pytest.mark.parametrize("packet", [None, b"", OTHER.encode(), ("\ufeff" + OTHER).encode("utf-16-le")])
def test_the_note_in_xmp(packet: bytes | None) -> None:
    noted = xmp_with_synthesised(packet)
    text = noted.decode("utf-16" if noted[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
    assert text.count(SOURCE) == 1
    assert "digitalCapture" not in text
    assert ('dc:format="image/jpeg"' in text) == bool(packet)
    from xml.etree import ElementTree

    tree = ElementTree.fromstring(text.replace("\ufeff", ""))
    name = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
    assert [element.text for element in tree.iter(name)] == [SOURCE]
    assert xmp_with_synthesised(noted).decode(errors="ignore").count("compositeWith") <= 1


@pytest.mark.parametrize("packet", [b"<x:xmpmeta>", b"nothing", b"<!DOCTYPE a []>" + OTHER.encode()])
def test_a_packet_that_is_too_broken(packet: bytes) -> None:
    with pytest.raises(PgiUnsupportedError, match="too broken"):
        xmp_with_synthesised(packet)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp"])
@pytest.mark.parametrize("strip", [False, True])
def test_files_that_the_command_writes(
    larger: Model, data: bytes, tmp_path: Path, suffix: str, strip: bool
) -> None:
    (tmp_path / "a.pgi").write_bytes(data)
    out = tmp_path / f"a.{suffix}"
    flags = ["--strip"] if strip else []
    said = pgic("decode", "--level", "perceptual", *flags, tmp_path / "a.pgi", out).output
    digest = larger.renderer("perceptual").digest[:16]
    assert f"level perceptual by renderer {digest}; its detail is synthesised, never evidence" in said
    assert SOURCE.encode() in out.read_bytes()
    with Image.open(out) as image:
        xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
        assert SOURCE in (xmp.decode() if isinstance(xmp, bytes) else xmp)
    pgic("decode", "--level", "fine", tmp_path / "a.pgi", out)
    assert SOURCE.encode() not in out.read_bytes()


@pytest.mark.skipif(EXIFTOOL is None, reason="exiftool is not installed")
def test_other_tools_read_the_note(larger: Model, photo: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "a.pgi").write_bytes(pgic_core.encode(photo, quality=40, xmp=OTHER.encode()))
    pgic("decode", "--level", "perceptual", tmp_path / "a.pgi", tmp_path / "a.jpg")
    command = [str(EXIFTOOL), "-j", "-n", "-XMP-iptcExt:DigitalSourceType", str(tmp_path / "a.jpg")]
    read = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert read[0]["DigitalSourceType"] == SOURCE


def test_a_format_without_xmp_is_named(larger: Model, data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pgi").write_bytes(data)
    said = pgic("decode", "--level", "perceptual", tmp_path / "a.pgi", tmp_path / "a.bmp").output
    assert "has XMP, which this BMP cannot hold" in said
    for suffix, reason in {
        "ppm": "has XMP, which this PPM",
        "npy": "has pixels that were synthesised",
    }.items():
        out = tmp_path / f"a.{suffix}"
        assert reason in pgic("decode", "--level", "perceptual", tmp_path / "a.pgi", out).output
        assert reason not in pgic("decode", "--level", "fine", tmp_path / "a.pgi", out).output
    pgic("decode", "--strict", "--level", "perceptual", tmp_path / "a.pgi", tmp_path / "b.bmp", status=1)


def test_info_and_verify_name_renderers(larger: Model, data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pgi").write_bytes(data)
    shown = pgic("info", tmp_path / "a.pgi").output
    assert f"perceptual, renderer {larger.renderer('perceptual').digest[:16]}, synthesises detail" in shown
    assert f"fast at 1/4, renderer {larger.renderer('fast', 4).digest[:16]}\n" in shown
    listed = json.loads(pgic("info", "--json", tmp_path / "a.pgi").output)["renderers"]
    assert [r["level"] for r in listed if r["synthesised"]] == ["perceptual"]
    assert {r["digest"] for r in listed} == {r.digest for r in larger.renderers}
    assert (
        f"drawn by renderer {larger.renderer('fast').digest[:16]}"
        in pgic("verify", tmp_path / "a.pgi").output
    )


def test_pillow_says_so(larger: Model, data: bytes) -> None:
    from pgic_plugins import pillow

    try:
        pillow.register_pgi_opener(level="perceptual")
        with Image.open(io.BytesIO(data)) as image:
            assert image.info["synthesised"] is True
            assert SOURCE.encode() in image.info["xmp"]
            assert np.array_equal(np.asarray(image), pgic_core.decode(data, level="perceptual"))
            again = io.BytesIO()
            image.save(again, "PGI", lossless=True)
        assert SOURCE.encode() in (pgic_core.open_file(again.getvalue()).xmp or b"")
        with Image.open(io.BytesIO(data)) as image:
            image.draft(None, (100, 60))  # now it shows what was coded
            assert "synthesised" not in image.info
            assert "xmp" not in image.info
            assert np.array_equal(np.asarray(image), pgic_core.decode(data, scale=8))
        pillow.register_pgi_opener(level="fine")
        with Image.open(io.BytesIO(data)) as image:
            assert "synthesised" not in image.info
            assert np.array_equal(np.asarray(image), pgic_core.decode(data, level="fine"))
    finally:
        pillow.register_pgi_opener()


def test_regions_on_the_command_line(larger: Model, data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pgi").write_bytes(data)
    out = tmp_path / "a.png"
    pgic("decode", "--level", "adaptive", "--region", 200, 150, 40, 50, tmp_path / "a.pgi", out)
    expected = pgic_core.decode(data, level="adaptive", regions=[(200, 150, 40, 50)])
    with Image.open(out) as image:
        assert np.array_equal(np.asarray(image), expected)
    said = pgic("decode", "--region", 200, 150, 40, 50, tmp_path / "a.pgi", out, status=2).output
    assert "--region needs --level adaptive" in said
    pgic("decode", "--scale", 4, tmp_path / "a.pgi", out)
    with Image.open(out) as image:
        assert image.size == (203, 126)
    assert (
        "level must be one of" in pgic("decode", "--level", "sharp", tmp_path / "a.pgi", out, status=2).output
    )
