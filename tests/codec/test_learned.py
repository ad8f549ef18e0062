"""The learned codec with the shipped model, on real photos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from pgic_core.codec.learned.decoder import LearnedImage
from pgic_core.codec.learned.encoder import Encoder, RateTarget, encode_learned
from pgic_core.codec.learned.symbols.entropy_coding import SegmentReader
from pgic_core.codec.learned.symbols.hyper_prediction import HyperPrediction
from pgic_core.errors import PgiError, PgiFormatError, PgiModelError, PgiOptionError, PgiTruncatedError
from pgic_core.limits import DEFAULT_LIMITS
from pgic_core.models import Network, default_model
from pgic_core.options import DecodeOptions

from . import torch_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

MODEL = default_model()


def coded(rgb: NDArray[np.uint8], **options: Any) -> bytes:
    return b"".join(encode_learned(rgb, model=MODEL, **options))


def opened(data: bytes, rgb: NDArray[np.uint8]) -> LearnedImage:
    def read(offset: int, length: int) -> bytes:
        if offset + length > len(data):
            raise PgiTruncatedError("The data ends early.")
        return data[offset : offset + length]

    return LearnedImage(read, len(data), rgb.shape[1], rgb.shape[0], DEFAULT_LIMITS)


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    error = np.square(a.astype(float) - b).mean()
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    """A photo of six tiles, none of them square: 1120 x 640."""
    coffee = skimage.data.coffee()[:, :, :3]
    return np.ascontiguousarray(np.tile(coffee, (2, 2, 1))[60:700, 30:1150])


@pytest.fixture(scope="module")
def stream(photo: NDArray[np.uint8]) -> bytes:
    return coded(photo, quality=60)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (63, 65), (64, 64), (129, 513)])
def test_any_size_comes_back(size: tuple[int, int]) -> None:
    rgb = skimage.data.astronaut()
    rgb = np.ascontiguousarray(np.pad(rgb, ((0, 0), (0, 60), (0, 0)), "reflect")[: size[0], : size[1]])
    picture, mask = opened(coded(rgb, quality=90), rgb).decode()
    assert picture.shape == rgb.shape
    assert mask is None
    assert psnr(picture, rgb) > 39  # as quality 90 promises; a single pixel is often exact


def test_quality_buys_bytes_and_fidelity() -> None:
    rgb = skimage.data.chelsea()
    streams = [coded(rgb, quality=q) for q in (5, 30, 60, 90)]
    sizes = [len(s) for s in streams]
    fidelity = [psnr(opened(s, rgb).decode()[0], rgb) for s in streams]
    assert sizes == sorted(sizes)
    assert fidelity == sorted(fidelity)
    assert fidelity[-1] > 41


def test_the_same_picture_gives_the_same_bytes_under_any_number_of_threads(
    photo: NDArray[np.uint8], stream: bytes
) -> None:
    assert coded(photo, quality=60) == stream
    assert coded(photo, quality=60, threads=1) == stream
    assert coded(photo, quality=60, threads=3) == stream


class Spy:
    """Notes every symbol and row that a decoder reads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[bytes, bytes]] = []
        real = SegmentReader.read

        def read(reader: SegmentReader, rows: NDArray[np.uint8]) -> NDArray[np.int32]:
            symbols = real(reader, rows)
            self.seen.append((rows.tobytes(), symbols.tobytes()))
            return symbols

        monkeypatch.setattr(SegmentReader, "read", read)

    def take(self) -> list[tuple[bytes, bytes]]:
        seen, self.seen = sorted(self.seen), []
        return seen


def noisy(output: NDArray[Any], name: str) -> NDArray[Any]:
    random = np.random.default_rng(len(name))
    if output.dtype == np.uint8:
        return output
    return np.asarray(output + random.normal(0, 1e-3, output.shape), output.dtype)


def test_symbols_and_rows_do_not_depend_on_threads_engine_or_float_noise(
    photo: NDArray[np.uint8], stream: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(monkeypatch)
    plain, _ = opened(stream, photo).decode(DecodeOptions(threads=1))
    expected = spy.take()
    assert len(expected) == 3 * opened(stream, photo).grid.count + 1  # the filter
    assert sum(len(symbols) for _, symbols in expected) > 10_000

    threaded, _ = opened(stream, photo).decode(DecodeOptions(threads=4))
    assert spy.take() == expected
    np.testing.assert_array_equal(threaded, plain)

    real = Network.run

    def with_noise(
        network: Network, inputs: Mapping[str, NDArray[Any]], *outputs: Any, **options: Any
    ) -> list[NDArray[Any]]:
        given = real(network, inputs, *outputs, **options)
        return [noisy(output, network._path.name) for output in given]

    # This noise, hundreds of times what engines differ by, tips 8-bit levels of all layers over.
    for engine, largest, beyond_one in ((with_noise, 6, 8e-2), (torch_engine.run, 4, 3e-3)):
        monkeypatch.setattr(Network, "run", engine)
        other, _ = opened(stream, photo).decode()
        assert spy.take() == expected
        difference = np.abs(other.astype(int) - plain)
        assert difference.max() <= largest
        assert np.mean(difference > 1) < beyond_one  # the filter makes more of what differs


def test_one_engine_reads_what_another_wrote(
    photo: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    rgb = photo[:200, :300]
    with monkeypatch.context() as patch:
        patch.setattr(Network, "run", torch_engine.run)
        written = coded(rgb, quality=60)
        there, _ = opened(written, rgb).decode()
    here, _ = opened(written, rgb).decode()
    # Rounded differently in the last place, a value may become the next of the 256 levels between two layers.
    difference = np.abs(here.astype(int) - there)
    assert difference.max() <= 6
    assert (difference > 1).mean() < 0.02


@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_a_window_shows_what_the_whole_picture_shows_there(data: st.DataObject) -> None:
    rgb, whole, image = _decoded()
    height, width = rgb.shape[:2]
    x = data.draw(st.integers(0, width - 1))
    y = data.draw(st.integers(0, height - 1))
    w = data.draw(st.integers(1, width - x))
    h = data.draw(st.integers(1, height - y))
    part, _ = image.decode(DecodeOptions(window=(x, y, w, h)))
    assert np.abs(part.astype(int) - whole[y : y + h, x : x + w]).max() <= 1


_cache: list[Any] = []


def _decoded() -> tuple[NDArray[np.uint8], NDArray[np.uint8], LearnedImage]:
    if not _cache:
        rgb = np.ascontiguousarray(np.tile(skimage.data.rocket(), (2, 2, 1))[:800, :1200])
        image = opened(coded(rgb, quality=50), rgb)
        _cache.append((rgb, image.decode()[0], image))
    return _cache[0]  # type: ignore[no-any-return]


def test_a_picture_decoded_in_blocks_equals_one_decoded_at_once(
    photo: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    rgb = np.ascontiguousarray(photo[:600, :700])
    data = coded(rgb, quality=50)
    at_once, _ = opened(data, rgb).decode()
    monkeypatch.setattr("pgic_core.codec.block_cutting._BLOCK_PIXELS", 1)
    in_blocks, _ = opened(data, rgb).decode()
    assert np.abs(in_blocks.astype(int) - at_once).max() <= 1
    with monkeypatch.context() as patch:
        patch.setattr("pgic_core.codec.block_cutting._BLOCK_PIXELS", 1 << 21)
        plain = coded(rgb, quality=50, effort=1)
    again = coded(rgb, quality=50, effort=1)  # whose filter would be found from other parts of the picture
    assert abs(len(again) - len(plain)) <= 0.001 * len(plain)
    decoded = [opened(data, rgb).decode()[0] for data in (again, plain)]
    assert psnr(decoded[0], rgb) == pytest.approx(psnr(decoded[1], rgb), abs=0.02)


def test_the_preview_is_the_picture_made_small(photo: NDArray[np.uint8], stream: bytes) -> None:
    preview, _ = opened(stream, photo).decode(DecodeOptions("preview"))
    small = photo.reshape(80, 8, 140, 8, 3).mean((1, 3))
    assert preview.shape == small.shape
    assert psnr(preview, small) > 37
    part, _ = opened(stream, photo).decode(DecodeOptions("preview", window=(400, 100, 333, 222)))
    assert np.abs(part.astype(int) - preview[12:41, 50:92]).max() <= 1


def test_the_coder_knows_its_context(photo: NDArray[np.uint8], stream: bytes) -> None:
    """Symbols take far fewer bytes than with the best fixed distribution of each channel (A-6.4.2d)."""
    image = opened(stream, photo)
    tiles, area = image.reader(raise_damage=True), image.grid.padded
    tiles.z(area)
    symbols = np.concatenate([tiles.base(area), tiles.detail(area)], axis=-1)
    bits = 0.0
    for channel in symbols.reshape(-1, symbols.shape[-1]).astype(int).T:
        counts = np.bincount(channel - channel.min())
        shares = counts[counts > 0] / channel.size
        bits -= channel.size * float((shares * np.log2(shares)).sum())
    assert len(stream) < 0.85 * bits / 8


@pytest.fixture(scope="module")
def tall(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate([photo, photo[::-1]])


def test_damage_low_in_a_preview_is_shown_with_any_threads(tall: NDArray[np.uint8]) -> None:
    data = coded(tall, quality=40, effort=1)
    clean, _ = opened(data, tall).decode(DecodeOptions("preview"))
    bad = damaged(data, tall, "preview", opened(data, tall).grid.count - 1)
    (one, mask), (two, other) = (
        opened(bad, tall).decode(DecodeOptions("preview", on_damage="conceal", threads=threads))
        for threads in (1, 2)
    )
    assert mask is not None
    assert 0 < mask.mean() < 0.5
    np.testing.assert_array_equal(mask, other)
    np.testing.assert_array_equal(one[~mask], clean[~mask])
    np.testing.assert_array_equal(two[~mask], clean[~mask])


def test_a_prefix_shows_the_preview(photo: NDArray[np.uint8], stream: bytes) -> None:
    whole = opened(stream, photo)
    assert whole.preview_bytes < len(stream) / 2
    prefix = stream[: whole.preview_bytes]

    def read(offset: int, length: int) -> bytes:
        if offset + length > len(prefix):
            raise PgiTruncatedError("The data ends early.")
        return prefix[offset : offset + length]

    image = LearnedImage(read, len(stream), photo.shape[1], photo.shape[0], DEFAULT_LIMITS)
    preview, _ = image.decode(DecodeOptions("preview"))
    np.testing.assert_array_equal(preview, whole.decode(DecodeOptions("preview"))[0])
    with pytest.raises(PgiTruncatedError):
        image.decode()


def test_max_bytes_is_kept_and_used(photo: NDArray[np.uint8]) -> None:
    rgb = photo[:256, :384]
    data = coded(rgb, target=RateTarget(max_bytes=9000))
    quality = opened(data, rgb).header.quality
    assert len(data) <= 9000
    assert len(coded(rgb, quality=quality + 1)) > 9000
    with pytest.raises(PgiOptionError, match="Even quality 1"):
        coded(rgb, target=RateTarget(max_bytes=50))


def test_min_psnr_is_reached_at_the_smallest_quality(photo: NDArray[np.uint8]) -> None:
    rgb = photo[:256, :384]
    data = coded(rgb, target=RateTarget(min_psnr=33))
    quality = opened(data, rgb).header.quality
    assert psnr(opened(data, rgb).decode()[0], rgb) >= 33
    below = coded(rgb, quality=quality - 1)
    assert psnr(opened(below, rgb).decode()[0], rgb) < 33
    with pytest.raises(PgiOptionError, match="Even quality 100"):
        coded(rgb, target=RateTarget(min_psnr=90))


def test_a_roi_map_moves_fidelity_to_where_it_is_wanted(photo: NDArray[np.uint8]) -> None:
    roi = np.zeros((10, 18), np.int8)
    roi[3:6, 5:10] = 12
    plain, _ = opened(coded(photo, quality=40), photo).decode()
    data = coded(photo, quality=40, roi=roi)
    np.testing.assert_array_equal(opened(data, photo).header.roi_map, roi)
    kept, _ = opened(data, photo).decode()
    inside = np.s_[3 * 64 : 6 * 64, 5 * 64 : 10 * 64]
    assert psnr(kept[inside], photo[inside]) > psnr(plain[inside], photo[inside]) + 1.5
    window, _ = opened(data, photo).decode(DecodeOptions(window=(300, 150, 99, 201)))
    assert np.abs(window.astype(int) - kept[150:351, 300:399]).max() <= 1


def damaged(stream: bytes, photo: NDArray[np.uint8], layer: str, tile: int) -> bytes:
    part = opened(stream, photo).index.parts[layer][tile]
    raw = bytearray(stream)
    raw[part.offset + part.length // 2] ^= 0x10
    return bytes(raw)


@pytest.mark.parametrize("layer", ["preview", "detail"])
def test_damage_is_an_error_or_is_concealed_and_shown(
    photo: NDArray[np.uint8], stream: bytes, layer: str
) -> None:
    tall = np.ascontiguousarray(np.tile(photo, (6, 1, 1))[:3600, :500])  # eight tiles
    data = coded(tall, quality=40)
    clean, _ = opened(data, tall).decode()
    bad = damaged(data, tall, layer, 0)
    with pytest.raises(PgiFormatError, match="damaged"):
        opened(bad, tall).decode()
    with pytest.raises(PgiFormatError):
        opened(bad, tall).verify()
    picture, mask = opened(bad, tall).decode(DecodeOptions(on_damage="conceal"))
    assert mask is not None
    assert mask[:512].all()
    assert not mask[700:].any()
    np.testing.assert_array_equal(picture[~mask], clean[~mask])


def test_a_hyper_latent_beyond_its_bound_is_concealed_as_any_damage(
    photo: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = HyperPrediction.residual

    def wrong(prediction: HyperPrediction, z: NDArray[np.int16]) -> NDArray[np.int16]:
        residual = right(prediction, z)
        return np.where(residual == 0, residual, np.int16(1000))

    small = np.ascontiguousarray(photo[:256, :256])
    damage = damaged(coded(small, quality=40, effort=1), small, "preview", 0)
    monkeypatch.setattr(HyperPrediction, "residual", wrong)
    forged = coded(small, quality=40, effort=1)
    with pytest.raises(PgiFormatError, match="hyper-latent beyond its bound"):
        opened(forged, small).decode()
    shown = [opened(data, small).decode(DecodeOptions(on_damage="conceal"))[0] for data in (forged, damage)]
    np.testing.assert_array_equal(*shown)


def test_a_truncated_picture_keeps_what_is_there(photo: NDArray[np.uint8]) -> None:
    tall = np.ascontiguousarray(np.tile(photo, (9, 1, 1))[:5600, :500])  # eleven tiles
    data = coded(tall, quality=40)
    clean, _ = opened(data, tall).decode()
    index = opened(data, tall).index
    cut = data[: index.parts["detail"][9].offset]

    def read(offset: int, length: int) -> bytes:
        if offset + length > len(cut):
            raise PgiTruncatedError("The data ends early.")
        return cut[offset : offset + length]

    image = LearnedImage(read, len(data), 500, 5600, DEFAULT_LIMITS)
    picture, mask = image.decode(DecodeOptions(on_damage="conceal"))
    assert mask is not None
    assert not mask[:4400].any()
    assert mask[4608:].all()
    np.testing.assert_array_equal(picture[~mask], clean[~mask])
    # The preview layer is whole, so what is concealed still shows the scene.
    assert psnr(picture[mask], tall[mask]) > 20


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: coded(np.zeros((4, 4), np.uint8)), "8-bit RGB"),
        (lambda: coded(np.zeros((4, 4, 3), np.uint16)), "8-bit RGB"),
        (lambda: coded(np.zeros((0, 4, 3), np.uint8)), "8-bit RGB"),
        (lambda: coded(np.zeros((4, 4, 3), np.uint8), quality=0), "quality must be"),
        (lambda: coded(np.zeros((4, 4, 3), np.uint8), quality=101), "quality must be"),
        (lambda: coded(np.zeros((4, 4, 3), np.uint8), effort=0), "effort must be"),
        (lambda: coded(np.zeros((4, 4, 3), np.uint8), roi=np.zeros((2, 2), np.int8)), "ROI map"),
    ],
)
def test_wrong_arguments_are_named(call: Callable[[], bytes], message: str) -> None:
    with pytest.raises(PgiOptionError, match=message):
        call()


@pytest.mark.parametrize("window", [(-1, 0, 5, 5), (0, 0, 0, 5), (0, 0, 2000, 5), (1119, 639, 2, 1)])
def test_a_window_outside_the_picture_is_refused(
    photo: NDArray[np.uint8], stream: bytes, window: tuple[int, int, int, int]
) -> None:
    with pytest.raises(PgiOptionError, match="not inside the picture"):
        opened(stream, photo).decode(DecodeOptions(window=window))


def test_an_unknown_model_is_named(photo: NDArray[np.uint8], stream: bytes) -> None:
    import zlib

    raw = bytearray(stream)
    raw[3:19] = bytes(16)
    end = 24 + int.from_bytes(raw[20:24], "little")
    raw[end : end + 4] = zlib.crc32(bytes(raw[:end])).to_bytes(4, "little")
    image = opened(bytes(raw), photo)
    with pytest.raises(PgiModelError, match="00000000000000000000000000000000 is not installed"):
        image.decode()


def test_symbols_that_no_encoder_writes_never_do_worse_than_an_error(
    photo: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random payload bytes under sound checksums reach the entropy decoder and the networks."""
    from pgic_core.codec.learned.payload.header import StreamHeader, serialise

    rgb = photo[:300, :600]
    grid = Encoder(rgb, MODEL, 1, None, 1, lambda share: None).grid
    outcomes = set()
    for seed in range(12):
        random = np.random.default_rng(seed)
        layers = [[random.bytes(4 * int(random.integers(1, 4000))) for _ in range(grid.count)] for _ in "ab"]
        header = StreamHeader(MODEL.digest, int(random.integers(1, 101)), grid, None)
        image = opened(b"".join(serialise(header, layers)), rgb)
        try:
            picture, _ = image.decode()
            outcomes.add(picture.shape)
        except PgiError as error:
            outcomes.add(type(error).__name__)
        picture, mask = image.decode(DecodeOptions(on_damage="conceal"))
        assert picture.shape == rgb.shape
        assert mask is not None
    assert "PgiFormatError" in outcomes
