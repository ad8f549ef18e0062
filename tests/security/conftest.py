from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pytest
import skimage.data
from PIL import Image

import pgic_core
from pgic_core import Passphrase, SecretKey, generate_key
from pgic_core.container import ByteSource, PgiReader
from pgic_core.security import tile_joining
from pgic_core.security.encrypted_file_writing import encrypted
from pgic_core.security.recipients import recipients_of

SEGMENT = b"\xff\xe3\x00\x12raw temperatures"


@dataclass(frozen=True)
class Keys:
    """A key for each tier."""

    full: SecretKey
    regions: SecretKey
    preview: SecretKey
    metadata: SecretKey


def sealed(plain: bytes, *recipients: object, pad: bool = False) -> bytes:
    """An encrypted file of a plain one, both in memory."""
    with PgiReader(plain) as reader:
        return b"".join(encrypted(reader, recipients_of(list(recipients)), pad=pad))


class Counting(ByteSource):
    """Bytes that remember what was read of them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.ranges: list[tuple[int, int]] = []

    def read_up_to(self, offset: int, length: int) -> bytes:
        self.ranges.append((offset, length))
        return self.data[offset : offset + length]

    def size(self) -> int:
        return len(self.data)

    def within(self, start: int, end: int) -> int:
        """Bytes read between two offsets."""
        return sum(length for offset, length in self.ranges if start <= offset < end)


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys(*(generate_key() for _ in range(4)))


def exif_with_thumbnail() -> bytes:
    """EXIF of a small camera: orientation, place, and a thumbnail."""
    small = io.BytesIO()
    Image.fromarray(skimage.data.astronaut()[::8, ::8]).save(small, "JPEG")
    # IFD 0 with the orientation, IFD 1 with the thumbnail behind it.
    thumbnail = small.getvalue()
    first = b"\x01\x00" + b"\x12\x01\x03\x00\x01\x00\x00\x00\x01\x00\x00\x00"
    second_at = 8 + len(first) + 4
    at = second_at + 2 + 3 * 12 + 4
    second = (
        b"\x03\x00"
        + b"\x03\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"
        + b"\x01\x02\x04\x00\x01\x00\x00\x00"
        + at.to_bytes(4, "little")
        + b"\x02\x02\x04\x00\x01\x00\x00\x00"
        + len(thumbnail).to_bytes(4, "little")
    )
    return (
        b"II*\x00\x08\x00\x00\x00" + first + second_at.to_bytes(4, "little") + second + bytes(4) + thumbnail
    )


@pytest.fixture(scope="session")
def learned() -> bytes:
    """A learned picture of several tiles with everything that a tier can hide."""
    pixels = np.tile(skimage.data.astronaut(), (2, 3, 1))[:700, :1100]
    pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    pixels[:60, :60, 3] = 7
    return pgic_core.encode(
        pixels,
        codec="learned",
        roi=[(0, 0, 200, 200)],
        exact=[(600, 100, 64, 32)],
        exif=exif_with_thumbnail(),
        segments=SEGMENT,
        annotations=[{"label": "crack", "box": [1, 2, 30, 40]}],
        metadata={"device_id": "UAV-7", "location": [116.39123, 39.907, 50.5], "anomaly": True},
        extension={"acme.line": "L-7", "acme.raw": b"\x01" * 40, "acme.list": list(range(300))},
    )


@pytest.fixture(scope="session")
def lossless() -> bytes:
    rng = np.random.default_rng(7)
    pixels = rng.integers(0, 65536, (600, 700), dtype=np.uint16)
    return pgic_core.encode(pixels, metadata={"device_id": "IR-1"}, image_type="infrared")


@pytest.fixture(scope="session")
def small() -> bytes:
    """A picture of one tile, for many forgeries."""
    return pgic_core.encode(
        skimage.data.astronaut()[:64, :96],
        codec="learned",
        exif=exif_with_thumbnail(),
        metadata={"device_id": "UAV-7"},
        extension={"acme.line": "L-7", "acme.raw": b"\x01" * 40},
    )


@pytest.fixture(scope="session")
def sealed_learned(learned: bytes, keys: Keys) -> bytes:
    tiers = ("full", "regions", "preview", "metadata")
    return sealed(learned, *((getattr(keys, tier).public, tier) for tier in tiers))


@pytest.fixture(scope="session")
def sealed_apart(learned: bytes, keys: Keys) -> bytes:
    """The same as a writer makes it that puts no tiles together, so with more messages."""
    tiers = ("full", "regions", "preview", "metadata")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tile_joining, "JOINED_BYTES", 0)
        return sealed(learned, *((getattr(keys, tier).public, tier) for tier in tiers))


@pytest.fixture(scope="session")
def words() -> Passphrase:
    return Passphrase("correct horse battery staple")
