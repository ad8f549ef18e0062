"""Every codec gives a coded image that can do the same; each is loaded when it is first needed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import skimage.data

import pgic_core
from pgic_core.api.coded_image_opening import open_coded
from pgic_core.codec.base import CodedFacts, CodedImage, Payload
from pgic_core.codec.codec_registry import open_image
from pgic_core.codec.lossless.encoder import encode_lossless
from pgic_core.codec.sample_format import Channels
from pgic_core.container import Compression, ImageFields, PgiReader, build_file
from pgic_core.errors import PgiFormatError, PgiOptionError, PgiUnsupportedError
from pgic_core.limits import DEFAULT_LIMITS
from pgic_core.options import DecodeOptions

RGB = np.ascontiguousarray(skimage.data.astronaut()[:150, :210])
RGBA = np.dstack([RGB, RGB[:, :, 0]])


def raw(pixels: np.ndarray) -> bytes:
    height, width = pixels.shape[:2]
    return build_file(ImageFields(0, width, height, 8, Compression.RAW), encode_lossless(pixels, plain=True))


FILES = {
    "learned": pgic_core.encode(RGB, quality=40, codec="learned"),
    "learned with opacity": pgic_core.encode(RGBA, quality=40, codec="learned"),
    "lossless": pgic_core.encode(RGBA, lossless=True, effort=1),
    "raw": raw(RGB),
}

CHANNELS = {
    "learned": Channels.RGB,
    "learned with opacity": Channels.RGB_ALPHA,
    "lossless": Channels.RGB_ALPHA,
    "raw": Channels.RGB,
}


def opened(data: bytes) -> CodedImage:
    return open_coded(PgiReader(data, DEFAULT_LIMITS), DEFAULT_LIMITS)


@pytest.mark.parametrize("name", FILES)
def test_every_coded_image_does_what_the_protocol_says(name: str) -> None:
    image = opened(FILES[name])
    assert image.codec == name.partition(" ")[0]
    assert image.channels is CHANNELS[name]
    whole, mask = image.decode(DecodeOptions())
    assert (whole.shape, whole.dtype) == ((150, 210, int(image.channels)), image.sample_format.dtype)
    assert mask is None
    assert np.array_equal(np.concatenate(list(image.strips(DecodeOptions(threads=1)))), whole)
    part, mask = image.decode(DecodeOptions(window=(20, 30, 50, 40), on_damage="conceal"))
    assert abs(part.astype(int) - whole[30:70, 20:70]).max() <= 1
    assert mask is not None
    assert not mask.any()
    assert image.decode(DecodeOptions("preview"))[0].shape[:2] == (19, 27)
    with pytest.raises(PgiOptionError, match="The window 200,0 11x1 is not inside the picture of 210x150"):
        image.decode(DecodeOptions(window=(200, 0, 11, 1)))
    image.verify()
    assert image.tiles == 1


@pytest.mark.parametrize("name", FILES)
def test_a_prefix_shows_the_preview(name: str) -> None:
    reader = PgiReader(FILES[name], DEFAULT_LIMITS)
    image = open_coded(reader, DEFAULT_LIMITS)
    data = reader.read_payload(0, image.preview_bytes)
    fields = reader.fields
    payload = Payload(
        read=lambda offset, length: data[offset : offset + length],
        checked=lambda: data,
        length=reader.payload_length,
        width=fields.width,
        height=fields.height,
        limits=DEFAULT_LIMITS,
    )
    options = DecodeOptions("preview")
    shown, _ = open_image(fields.compression_type, payload).decode(options)
    assert np.array_equal(shown, image.decode(options)[0])
    assert (len(data) < reader.payload_length) == name.startswith("learned")


def test_facts_are_those_of_the_learned_codec() -> None:
    facts = opened(pgic_core.encode(RGB, quality=40, codec="learned", exact=[(16, 16, 32, 32)])).facts
    assert facts.quality == 40
    assert facts.exact is not None
    assert facts.exact.shape == (19, 27)
    assert facts.exact_bytes > 0
    assert opened(FILES["learned with opacity"]).facts.model_digest == facts.model_digest
    for name in ("lossless", "raw"):
        assert opened(FILES[name]).facts == CodedFacts()


def test_latents_are_those_of_the_learned_codec() -> None:
    assert opened(FILES["learned with opacity"]).latent((0, 0, 33, 16), 1).shape[1:] == (1, 3)
    for name in ("lossless", "raw"):
        with pytest.raises(PgiUnsupportedError, match=f"The picture has no latent: it is coded {name}"):
            opened(FILES[name]).latent(None, 1)


def test_a_number_without_a_codec_is_refused() -> None:
    data = build_file(ImageFields(0, 210, 150, 8, 99), b"\0" * 9)
    with pytest.raises(PgiUnsupportedError, match="compression_type 99, which is unknown here"):
        opened(data)


def test_the_samples_must_be_those_of_the_container() -> None:
    reader = PgiReader(FILES["raw"], DEFAULT_LIMITS)
    payload = reader.read_payload(0, reader.payload_length)
    data = build_file(replace(reader.fields, color_depth=16), payload)
    with pytest.raises(PgiFormatError, match="color_depth is 16, but the samples are uint8"):
        opened(data)


def test_a_lossless_picture_loads_no_learned_codec() -> None:
    code = (
        "import sys, pgic_core; pgic_core.decode(sys.stdin.buffer.read()); "
        "print([name for name in sys.modules if name.startswith(('pgic_core.codec.learned', 'onnxruntime'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=FILES["lossless"], capture_output=True, check=True
    )
    assert done.stdout.strip() == b"[]"
