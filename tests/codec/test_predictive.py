"""The predictive coder of tiles: every bit comes back, in fewer bytes; forged tiles are refused."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pgic_core.codec.lossless.predictive_coder import decode_predictive, encode_predictive
from pgic_core.codec.lossless.tile_coders import TileCoder, decode_tile, encode_tile
from pgic_core.codec.sample_format import SampleFormat
from pgic_core.errors import PgiError, PgiFormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

TYPES = [kind.dtype for kind in SampleFormat if kind is not SampleFormat.UINT8]


def temperatures() -> NDArray[np.float64]:
    """(512, 640) degrees Celsius: a slope, warm discs, the noise and the column pattern of a sensor."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[:512, :640]
    field = 20 + y / 60 + 3 * np.sin(x / 90)
    for _ in range(12):
        column, row, radius = random.integers(0, 640), random.integers(0, 512), random.integers(4, 60)
        field += random.normal(0, 6) * ((x - column) ** 2 + (y - row) ** 2 < radius**2)
    return field + random.normal(0, 0.05, field.shape) + random.normal(0, 0.03, 640)


def back(tile: NDArray[Any], level: int = 6) -> NDArray[Any]:
    return decode_predictive(encode_predictive(tile, level), tile.shape, tile.dtype)


@settings(deadline=None, max_examples=200)
@given(
    tile=hnp.arrays(
        st.sampled_from(TYPES), st.tuples(st.integers(1, 24), st.integers(1, 24), st.integers(1, 4))
    )
)
def test_any_tile_comes_back_bit_for_bit(tile: NDArray[Any]) -> None:
    decoded = back(tile)
    assert (decoded.dtype, decoded.shape) == (tile.dtype, tile.shape)
    assert decoded.tobytes() == tile.tobytes()


@pytest.mark.parametrize("dtype", TYPES)
def test_extremes_come_back(dtype: np.dtype[Any]) -> None:
    if dtype.kind == "f":
        special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-7, -2.5], dtype)
        # NaN with another payload and sign.
        odd = np.array([-1], f"i{dtype.itemsize}").view(dtype)
        values = np.concatenate([special, odd, [np.finfo(dtype).max, np.finfo(dtype).min]])
    else:
        bounds = np.iinfo(dtype)
        values = np.array([bounds.min, bounds.max, 0, 1, bounds.max // 2], dtype)
    for shape in ((len(values), 1, 1), (1, len(values), 1), (1, 1, len(values))):
        tile = values.astype(dtype).reshape(shape)
        assert back(tile).tobytes() == tile.tobytes()
    many = np.tile(values.astype(dtype), 60).reshape(-1, len(values), 1)  # with a table
    assert back(many).tobytes() == many.tobytes()


def tiff_bytes(raster: NDArray[Any]) -> int:
    """As TIFF with deflate and, for whole numbers, horizontal differences."""
    file = io.BytesIO()
    predictor = None if raster.dtype.kind == "f" else 2
    tifffile.imwrite(file, raster, compression="zlib", predictor=predictor)
    return len(file.getvalue())


@pytest.mark.parametrize(
    ("name", "share"),
    [("int16 hundredths", 0.85), ("uint16 of 14 bits", 0.85), ("int32 thousandths", 0.75)],
)
def test_temperatures_take_fewer_bytes_than_in_tiff(name: str, share: float) -> None:
    celsius = temperatures()
    raster = {
        "int16 hundredths": np.rint(celsius * 100).astype(np.int16),
        "uint16 of 14 bits": np.rint((celsius + 40) * 50).astype(np.uint16),
        "int32 thousandths": np.rint(celsius * 1000).astype(np.int32),
    }[name]
    coded = encode_predictive(raster[:, :, None], 6)
    assert len(coded) < share * tiff_bytes(raster)
    assert len(coded) < raster.nbytes / 2


def test_floats_that_were_computed_from_few_values_are_stored_as_those() -> None:
    whole = np.rint(temperatures() * 10).astype(np.int16)
    floats = (whole / np.float32(10)).astype(np.float32)
    coded = encode_predictive(floats[:, :, None], 6)
    assert len(coded) < 1.03 * len(encode_predictive(whole[:, :, None], 6))
    assert struct.unpack_from("<BI", coded)[1] == len(np.unique(floats))
    assert back(floats[:, :, None]).tobytes() == floats.tobytes()


def test_noise_of_all_bits_is_stored_plain() -> None:
    noise = np.random.default_rng(2).integers(0, 2**32, (64, 64, 1), dtype=np.uint32)
    coder, data = encode_tile(noise, TileCoder.PREDICTIVE, 2)
    assert (coder, len(data)) == (TileCoder.PLAIN, noise.nbytes)


def test_the_bytes_are_those_of_the_specification() -> None:
    """A tile built by hand from STREAM.md."""
    # -3.0, -0.5; -1.0, 2.0 as float16: bits C200 B800; BC00 4000 -> ordered numbers below.
    tile = np.array([[-3.0, -0.5], [-1.0, 2.0]], np.float16)[:, :, None]
    numbers = np.array([[0x3DFF, 0x47FF], [0x43FF, 0xC000]])
    differences = [
        numbers[0, 0],
        numbers[0, 1] - numbers[0, 0],
        numbers[1, 0] - numbers[0, 0],
        (numbers[1, 1] - numbers[0, 1]) - (numbers[1, 0] - numbers[0, 0]),
    ]
    coded = [
        2 * d if d < 1 << 15 else (1 << 17) - 2 * d - 1 for d in (int(v) % (1 << 16) for v in differences)
    ]
    planes = [bytes(v >> 8 for v in coded), bytes(v & 255 for v in coded)]
    data = struct.pack("<BI", 3, 0) + b"".join(map(zlib.compress, planes))
    assert decode_predictive(data, tile.shape, tile.dtype).tobytes() == tile.tobytes()
    # With a table: places 0, 2; 1, 3, and no differences.
    steps = np.diff(np.sort(numbers.ravel()), prepend=0)
    table = [
        zlib.compress(bytes(int(v) >> 8 for v in steps)),
        zlib.compress(bytes(int(v) & 255 for v in steps)),
    ]
    places = zlib.compress(bytes([0, 4, 2, 6]))
    data = struct.pack("<BI", 0, 4) + b"".join(table) + places
    assert decode_predictive(data, tile.shape, tile.dtype).tobytes() == tile.tobytes()


def test_forged_tiles_are_refused() -> None:
    shape, dtype = (2, 2, 1), np.dtype(np.int16)
    four, zeros = zlib.compress(b"\1\2\3\4"), zlib.compress(bytes(4))
    for data, message in (
        (b"", "header"),
        (struct.pack("<BI", 4, 0) + zeros + four, "kind 4"),
        (struct.pack("<BI", 0, 65537) + zeros + four, "65537 values"),
        (struct.pack("<BI", 0, 0) + zeros, "decompress"),
        (struct.pack("<BI", 0, 0) + zeros + four[:-1], "decompress"),
        (struct.pack("<BI", 0, 0) + zeros + b"x" + four, "decompress"),
        (struct.pack("<BI", 0, 0) + zeros + zlib.compress(bytes(3)), "decompress"),
        (struct.pack("<BI", 0, 0) + zeros + zlib.compress(bytes(100_000_000)), "decompress"),
        (struct.pack("<BI", 0, 0) + zeros + four + b"x", "after its last plane"),
        (
            struct.pack("<BI", 0, 2) + zlib.compress(bytes(2)) * 2 + zlib.compress(b"\0\2\2\4"),
            "beyond its table",
        ),
    ):
        with pytest.raises(PgiFormatError, match=message):
            decode_predictive(data, shape, dtype)
    with pytest.raises(PgiFormatError, match="uint8"):
        decode_tile(struct.pack("<BI", 0, 0) + four, TileCoder.PREDICTIVE, shape, np.dtype(np.uint8))


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_changed_bytes_raise_or_give_a_tile_of_the_right_kind(data: st.DataObject) -> None:
    tile = np.rint(temperatures()[:20, :30, None] * data.draw(st.sampled_from([10, 1000]))).astype(np.float32)
    stream = bytearray(encode_predictive(tile, 6))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decoded = decode_predictive(bytes(stream), tile.shape, tile.dtype)
    except PgiError:
        return
    assert (decoded.shape, decoded.dtype) == (tile.shape, tile.dtype)
