"""``decode_pgi`` beside ``pgic_core.decode`` and Pillow."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import pgic_core
from pgic_core.errors import PgiFormatError, PgiInputError, PgiOptionError, PgiUnsupportedError
from pgic_core.models import Network
from pgic_plugins.torchvision import decode_pgi, decode_pgi_latent

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image


class ImageReadMode(Enum):
    """torchvision's own, which is deprecated there."""

    GRAY = 1


@pytest.fixture(scope="module")
def data(photo: Image.Image) -> bytes:
    return pgic_core.encode(photo, quality=50)


def pixels_of(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    return tensor.permute(1, 2, 0).numpy()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"level": "preview"},
        {"window": (33, 17, 101, 64)},
        {"level": "preview", "window": (33, 17, 101, 64)},
    ],
)
def test_pixels_are_those_of_the_core(data: bytes, options: dict[str, Any]) -> None:
    tensor = decode_pgi(data, **options)
    assert (tensor.dtype, tensor.shape[0]) == (torch.uint8, 3)
    assert np.array_equal(pixels_of(tensor), pgic_core.decode(data, **options))


def test_sources(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.pgi"
    path.write_bytes(data)
    expected = decode_pgi(data)
    strided = torch.frombuffer(bytearray(data), dtype=torch.uint8).repeat_interleave(2)[::2]
    for source in (path, str(path), strided):
        assert torch.equal(decode_pgi(source), expected)


@pytest.mark.parametrize("stored", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize(
    ("mode", "pillow"), [("GRAY", "L"), ("GRAY_ALPHA", "LA"), ("RGB", "RGB"), ("RGB_ALPHA", "RGBA")]
)
def test_modes_are_those_of_pillow(photo: Image.Image, stored: str, mode: str, pillow: str) -> None:
    image = photo.crop((0, 0, 60, 40))
    if stored.endswith("A"):
        image.putalpha(image.getchannel("G"))
    image = image.convert(stored)
    source = pgic_core.encode(image, lossless=True)
    expected = np.asarray(image.convert(pillow)).reshape(40, 60, -1)
    assert np.array_equal(pixels_of(decode_pgi(source, mode=mode)), expected)
    own = np.asarray(image).reshape(40, 60, -1)
    assert np.array_equal(pixels_of(decode_pgi(source, mode="unchanged")), own)


def test_modes_may_be_an_enumeration(data: bytes) -> None:
    assert torch.equal(decode_pgi(data, mode=ImageReadMode.GRAY), decode_pgi(data, mode="gray"))


def test_sixteen_bits_are_rounded_and_floats_refused() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    tensor = decode_pgi(pgic_core.encode(values), mode="UNCHANGED")
    assert np.array_equal(tensor[0].numpy(), np.rint(values / 257).astype(np.uint8))
    with pytest.raises(PgiUnsupportedError, match="float32 do not fit"):
        decode_pgi(pgic_core.encode(np.zeros((9, 9), np.float32)))


def test_latent_of_a_window_is_that_of_the_whole(data: bytes) -> None:
    whole = decode_pgi_latent(data)
    assert whole.dtype == torch.float32
    assert whole.shape == (pgic_core.default_model().latent, 13, 19)
    part = decode_pgi_latent(data, window=(33, 17, 101, 64))
    assert part.shape == (len(whole), 5, 7)
    torch.testing.assert_close(part, whole[:, 1:6, 2:9], rtol=1e-4, atol=1e-4)


def test_latent_is_what_synthesis_takes(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    run = Network.__call__

    def spy(self: Network, inputs: dict[str, Any], **options: Any) -> Any:
        taken.extend(value for name, value in inputs.items() if name == "latent")
        return run(self, inputs, **options)

    monkeypatch.setattr(Network, "__call__", spy)
    latent = decode_pgi_latent(data)
    assert not taken
    decode_pgi(data)
    assert len(taken) == 1
    assert np.array_equal(taken[0][0, :13, :19].transpose(2, 0, 1), latent.numpy())


def test_latent_of_large_pictures_goes_block_by_block(photo: Image.Image) -> None:
    tile = np.asarray(photo)
    large = np.tile(tile, (10, 6, 1))[:2000, :1700]
    source = pgic_core.encode(large, quality=40, effort=1)
    whole = decode_pgi_latent(source)
    assert whole.shape[1:] == (125, 107)
    part = decode_pgi_latent(source, window=(900, 1000, 320, 320))
    torch.testing.assert_close(part, whole[:, 62:83, 56:77], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"mode": "CMYK"}, PgiOptionError, "mode must be one of UNCHANGED, GRAY"),
        ({"mode": 3}, PgiOptionError, "mode must be one of"),
        ({"level": "latent"}, PgiOptionError, "level must be one of preview, fast"),
        ({"window": (0, 0, 9999, 1)}, PgiOptionError, "not inside the picture"),
        ({"source": torch.zeros(2, 2, dtype=torch.uint8)}, PgiOptionError, r"not uint8 of shape \(2, 2\)"),
        ({"source": torch.zeros(2)}, PgiOptionError, "not float32"),
        ({"source": 7}, PgiOptionError, "not from int"),
        ({"source": "absent.pgi"}, PgiInputError, "cannot be opened"),
        ({"source": b"\x89PNG"}, PgiFormatError, "."),
    ],
)
def test_errors(data: bytes, arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        decode_pgi(**{"source": data, **arguments})


def test_without_a_learned_picture_there_is_no_latent(photo: Image.Image) -> None:
    with pytest.raises(PgiUnsupportedError, match="coded lossless"):
        decode_pgi_latent(pgic_core.encode(photo, lossless=True))
