"""Codecs of other packages, by the number in ``compression_type``."""

from __future__ import annotations

import sys
import zlib
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner

import pgic_core
from pgic_core.cli import app
from pgic_core.container import ImageFields, build_file

if TYPE_CHECKING:
    from collections.abc import Callable

PHOTO = skimage.data.astronaut()[:90, :130]


def deflated(data: bytes, width: int, height: int) -> Any:
    """A codec: zlib."""
    return np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, width, -1)


@pytest.fixture
def codec(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Installs a function as the codec of compression_type 200."""

    def install(decode: Any) -> None:
        module = ModuleType("acme_codec")
        if decode is not None:
            module.decode = decode  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "acme_codec", module)
        mine = [EntryPoint("200", "acme_codec:decode", "pgic.codecs")]

        def found(**wanted: str) -> Any:
            if wanted.get("group") != "pgic.codecs":
                return entry_points(**wanted)
            return [point for point in mine if wanted.get("name", "200") == point.name]

        monkeypatch.setattr("importlib.metadata.entry_points", found)

    return install


def coded(pixels: np.ndarray[Any, Any] = PHOTO, width: int = 130, depth: int = 8) -> bytes:
    return build_file(ImageFields(0, width, 90, depth, 200), zlib.compress(pixels.tobytes()))


def test_pictures_of_another_codec(codec: Callable[[Any], None]) -> None:
    codec(deflated)
    data = coded()
    assert np.array_equal(pgic_core.decode(data), PHOTO)
    assert np.array_equal(pgic_core.decode(data, window=(20, 10, 50, 40)), PHOTO[10:50, 20:70])
    assert pgic_core.decode(data, level="preview").shape == (12, 17, 3)
    assert pgic_core.decode(data, level="fine", scale=2).shape == (45, 65, 3)
    with pgic_core.open_file(data) as file:
        assert np.array_equal(np.concatenate(list(file.strips())), PHOTO)
    pgic_core.verify(data)
    facts = pgic_core.inspect(data)
    assert (facts.codec, facts.channels, facts.quality) == ("200", "rgb", None)
    grey = coded(PHOTO[:, :, 0])
    assert np.array_equal(pgic_core.decode(grey), PHOTO[:, :, 0])


def test_without_its_package() -> None:
    with pgic_core.open_file(coded()) as file:
        assert (file.width, file.height) == (130, 90)
        with pytest.raises(
            pgic_core.PgiUnsupportedError, match="compression_type 200, which is unknown here"
        ):
            file.decode()
        with pytest.raises(pgic_core.PgiUnsupportedError, match="compression_type 200"):
            file.verify()


def test_a_file_without_its_codec_says_what_it_holds() -> None:
    facts = pgic_core.inspect(coded())
    assert (facts.width, facts.height, facts.codec) == (130, 90, "unknown (compression_type 200)")
    assert [block.name for block in facts.blocks] == ["image data block"]
    shown = CliRunner().invoke(app, ["info", "-"], input=coded())
    assert shown.exit_code == 0
    assert "130 x 90" in shown.output
    assert "unknown (compression_type 200)" in shown.output


def fails(data: bytes, width: int, height: int) -> Any:
    raise RuntimeError("no licence")


def leaves(data: bytes, width: int, height: int) -> Any:
    sys.exit(3)


@pytest.mark.parametrize(
    ("decode", "reason"),
    [
        (fails, "RuntimeError: no licence"),
        (leaves, "SystemExit: 3"),
        (lambda *_: None, "it must return an array, not NoneType"),
        (lambda *_: PHOTO[:50], "gave a picture of 130 x 50 pixels"),
        (lambda *_: PHOTO.astype(complex), "Samples must be"),
        (lambda *_: PHOTO.astype(np.uint16), "color_depth is 8, but the samples are uint16"),
        (lambda *_: np.zeros((90, 130, 7), np.uint8), "An array must be"),
    ],
)
def test_codecs_that_fail(codec: Callable[[Any], None], decode: Any, reason: str) -> None:
    codec(decode)
    with pytest.raises(pgic_core.PgiFormatError, match=reason):
        pgic_core.decode(coded())


def test_a_codec_that_cannot_be_loaded(codec: Callable[[Any], None]) -> None:
    codec(None)
    with pytest.raises(pgic_core.PgiUnsupportedError, match="200 of the package 200 cannot be loaded"):
        pgic_core.decode(coded())


def test_damage_does_not_reach_the_codec(codec: Callable[[Any], None]) -> None:
    codec(fails)
    data = bytearray(coded())
    data[-1] ^= 1
    with pytest.raises(pgic_core.PgiChecksumError):
        pgic_core.decode(bytes(data))
