"""JSON, XML and arrays that others wrote, and files that are sound but for what they carry."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest

import pgic_core
from pgic_core.errors import PgiFormatError, PgiInputError
from pgic_core.features import encode_features, features_file
from pgic_core.small_files import parse_json, read_arrays, read_bytes, read_json
from tests.attacks.running import command
from tests.container.forge import EXTENSION, Block, forge, image_block

GREY = np.arange(64 * 48, dtype=np.uint32).astype(np.uint8).reshape(48, 64)


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def npy(header: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = header.encode() + b" " * 20 + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + data


def zipped(content: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return out.getvalue()


def header(shape: str, kind: str = "<f4") -> str:
    return f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}"


def arrays() -> dict[str, bytes]:
    sound = npy(header("(2, 3)"), bytes(24))
    archive = bytearray(zipped({"a.npy": sound}))
    flipped = bytearray(archive)
    flipped[archive.index(bytes(24)) + 3] ^= 1
    encrypted = bytearray(archive)
    encrypted[6] |= 1
    encrypted[archive.rindex(b"PK\x01\x02") + 8] |= 1
    method = bytearray(archive)
    method[8] = 99
    method[archive.rindex(b"PK\x01\x02") + 10] = 99
    return {
        "empty": b"",
        "text": b"hello",
        "a terabyte": npy(header("(1000000, 1000000)")),
        "beyond 64 bits": npy(header(f"({10**15}, {10**15}, {10**15})")),
        "a negative side": npy(header("(-1, 4)"), bytes(16)),
        "no numbers": npy(header("('a',)")),
        "pickled": npy(header("(1,)", "|O"), b"\x80\x04cos\nsystem\n"),
        "too short": npy(header("(2, 3)"), bytes(23)),
        "no header": npy("{", bytes(24)),
        "a header that calls": npy("__import__('os').abort()"),
        "a header of parentheses": npy("(" * 5000),
        "version 9": npy(header("(2, 3)"), bytes(24), b"\x09\x00"),
        "a type of 2 GB": npy(header("(1,)", "|V2000000000")),
        "no archive": b"PK\x03\x04" + bytes(100),
        "cut off": bytes(archive[:-30]),
        "a wrong CRC32": bytes(flipped),
        "encrypted": bytes(encrypted),
        "an unknown method": bytes(method),
        "an archive of text": zipped({"a.npy": b"hello"}),
        "a bomb": zipped({"a.npy": npy(header("(30000000,)"), bytes(120_000_000))}, zipfile.ZIP_DEFLATED),
    }


ARRAYS = arrays()


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_are_none(name: str) -> None:
    Path("a.npz").write_bytes(ARRAYS[name])
    with pytest.raises(PgiInputError, match=r"^a\.npz is not a readable"):
        read_arrays("a.npz")


@pytest.mark.parametrize("name", ["a terabyte", "a bomb", "a header of parentheses", "an unknown method"])
def test_arrays_that_are_none_end_the_command_with_a_sentence(name: str) -> None:
    Path("a.npz").write_bytes(ARRAYS[name])
    done = command("features", "encode", "a.npz", "out.pgi").check(1)
    assert b"a.npz is not a readable .npy or .npz file" in done.stderr
    assert not Path("out.pgi").exists()


def test_sound_arrays_are_read() -> None:
    one, two = np.arange(24, dtype=np.float32).reshape(2, 3, 4), np.asfortranarray(np.eye(5, dtype="<f2"))
    for array in (one, two, one[:0], np.array(3.5)):
        np.save("a.npy", array)
        np.testing.assert_array_equal(read_arrays("a.npy"), array)
    for save in (np.savez, np.savez_compressed):
        save("a.npz", one=one, two=two)
        found = read_arrays("a.npz")
        assert isinstance(found, dict)
        np.testing.assert_array_equal(found["one"], one)
        np.testing.assert_array_equal(found["two"], two)
    found["one"][0] = 1  # writable, as NumPy's own


JSONS = {
    "deep": b"[" * 200_000,
    "deep maps": b'{"a":' * 100_000,
    "infinite": b'[{"label": "x", "box": [0, 0, Infinity, 9]}]',
    "too large a number": b'[{"label": "x", "box": [0, 0, 1e999, 9]}]',
    "no number": b'[{"label": "x", "box": [0, 0, NaN, 9]}]',
    "too many digits": b"[" + b"9" * 10_000 + b"]",
    "no text": b"\xff\xff\xff",
    "cut off": b'[{"label":',
}


@pytest.mark.parametrize("name", JSONS)
def test_json_that_is_none(name: str) -> None:
    with pytest.raises(PgiInputError, match=r"^a list cannot be read as JSON"):
        parse_json(JSONS[name], "a list")
    Path("a.json").write_bytes(JSONS[name])
    pgic_core.encode_to("a.pgi", GREY)
    for arguments in (["meta", "annotate", "a.pgi", "--from"], ["encode", "a.png", "--roi"]):
        done = command(*arguments, "a.json").check(2)
        assert b"a.json cannot be read as JSON" in done.stderr


def test_small_files_are_bounded_and_may_be_pipes() -> None:
    with pytest.raises(PgiInputError, match="too large for a key: it has more than 16 bytes"):
        read_bytes("/dev/zero", "key", 16)
    with pytest.raises(PgiInputError, match="The key cannot be read: Is a directory") as caught:
        read_bytes(".", "key", 16)
    assert caught.value.filename == "."
    os.mkfifo("key")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(Path("key").write_bytes, b"0123456789abcdef")
        assert read_bytes("key", "key", 16) == b"0123456789abcdef"


def test_json_in_a_pipe_or_too_large_is_refused() -> None:
    os.mkfifo("a.json")
    with pytest.raises(PgiInputError, match="not a regular file"):
        read_json("a.json")
    Path("b.json").write_bytes(b"[" + b" " * (17 << 20) + b"]")
    with pytest.raises(PgiInputError, match="larger than"):
        read_json("b.json")
    assert read_json("b.json", most_bytes=None) == []


@pytest.mark.parametrize(
    "xml",
    [
        b"<a>",
        b"<?xml version='1.0' encoding='no-such'?><a/>",
        b"<a><object><name>x</name><bndbox><xmin>inf</xmin><ymin>0</ymin><xmax>1</xmax><ymax>1</ymax></bndbox>"
        b"</object></a>",
        b"<!DOCTYPE a [<!ENTITY b0 'xxxxxxxxxx'>"
        + b"".join(b"<!ENTITY b%d '%s'>" % (n + 1, b"&b%d;" % n * 10) for n in range(9))
        + b"]><a><object><name>&b9;</name></object></a>",
    ],
    ids=["cut off", "encoding", "infinite", "a billion laughs"],
)
def test_voc_files_that_are_none(xml: bytes) -> None:
    pytest.importorskip("torchvision")
    from pgic_plugins.torchvision import PgiDetection

    Path("voc").mkdir()
    Path("voc/a.xml").write_bytes(xml)
    with pytest.raises(PgiInputError, match="cannot be read as a PASCAL VOC file"):
        PgiDetection(".", "voc")


def sealed(extension: dict[str, Any]) -> bytes:
    """A sound picture with extension fields that no writer of ours would write."""
    whole = pgic_core.encode(GREY)
    with pgic_core.open_file(whole) as file:
        payload = file.reader.read_block(file.reader.header.image)[7:]
        fields = file.reader.fields
    block = Block(EXTENSION, cbor2.dumps(extension, canonical=True))
    return forge([block, image_block(payload, fields.to_bytes())])


def feature_stream() -> bytes:
    return bytes(
        encode_features(np.random.default_rng(1).normal(size=(4, 8, 8)).astype(np.float32), codec="pgic")
    )


@pytest.mark.parametrize(
    "extension",
    [
        {"pgic.features": b"no features"},
        {"pgic.features": "text"},
        {"pgic.features": b""},
        {"pgic.features": feature_stream()[:-5]},
        {"pgic.dpi": [1e300, 1e300]},
        {"pgic.dpi": [1e-300, 72]},
        {"pgic.annotations": [{"label": "x", "box": [0, 0, 1000, 1000]}]},
    ],
    ids=["no features", "text", "nothing", "cut off", "dpi", "small dpi", "beyond the picture"],
)
def test_what_reading_would_refuse_is_not_sound(extension: dict[str, Any]) -> None:
    data = sealed(extension)
    with pytest.raises(PgiFormatError):
        pgic_core.verify(data)
    Path("a.pgi").write_bytes(data)
    command("verify", "a.pgi").check(1)


def test_sound_features_are_sound() -> None:
    pgic_core.verify(features_file(feature_stream()))
    assert sealed({"acme.x": 1})
    pgic_core.verify(sealed({"acme.x": 1}))


def test_limits_of_a_field_value_given_as_text() -> None:
    pgic_core.encode_to("a.pgi", GREY)
    for text in ("Infinity", "NaN", "1e999", "[" * 5000):
        command("meta", "set", "a.pgi", "--field", f"acme.x={text}").check(0)
        assert json.loads(command("info", "--json", "a.pgi").check(0).stdout)["extension"] == {"acme.x": text}
