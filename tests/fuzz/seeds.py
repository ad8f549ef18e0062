"""Small sound files, at least one for every parser, and what they decode to."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import skimage.data
from PIL import Image

import pgic_core
from pgic_core import SequenceWriter
from pgic_core.codec.lossless.encoder import encode_lossless
from pgic_core.codec.lossless.tile_coders import TileCoder, encode_tile
from pgic_core.codec.sample_format import SampleFormat
from pgic_core.container import (
    Annotation,
    Box,
    Compression,
    ImageFields,
    Location,
    Metadata,
    build_file,
    rewrite,
)
from pgic_core.container.sequence_appending import begin_sequence
from pgic_core.features import decode_features, encode_features
from pgic_core.features.features_in_file import attach_features, features_file, read_features

from .sealing import Region, regions, reseal

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WINDOW", "Seed", "facts_of", "seeds"]

WINDOW = (9, 5, 40, 30)
_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<a xmlns:d="http://www.dji.com/drone-dji/1.0/" d:RtkFlag="50"/></x:xmpmeta>'
)


@dataclass(frozen=True)
class Seed:
    """A sound file.

    Attributes:
        name: for reports.
        data: its bytes.
    """

    name: str
    data: bytes

    @cached_property
    def regions(self) -> list[Region]:
        """Its parts."""
        return regions(self.data)

    @cached_property
    def pixels(self) -> NDArray[Any]:
        """What it decodes to."""
        return pgic_core.decode(self.data, threads=1)

    @cached_property
    def preview(self) -> NDArray[Any]:
        """Its preview."""
        return pgic_core.decode(self.data, level="preview", threads=1)

    @cached_property
    def frames(self) -> list[tuple[NDArray[Any], object]]:
        """Pixels and map of changes of each frame."""
        with pgic_core.open_file(self.data) as file:
            return [
                (file.frame(number).decode(threads=1), file.changes(number).blocks.tolist())
                for number in range(file.n_frames)
            ]

    @cached_property
    def features(self) -> Any:
        """Its feature maps, or None."""
        stream = read_features(self.data)
        return None if stream is None else decode_features(stream)

    @cached_property
    def window(self) -> NDArray[Any]:
        """The pixels of :data:`WINDOW`."""
        return pgic_core.decode(self.data, window=WINDOW, threads=1)

    @cached_property
    def facts(self) -> dict[str, object]:
        """What it says about itself."""
        return facts_of(self.data)

    @cached_property
    def size(self) -> int:
        """Bytes that belong to the file: others behind a sequence are passed over."""
        with pgic_core.open_file(self.data) as file:
            return file.container.size if file.is_sequence else len(self.data)


def facts_of(data: bytes) -> dict[str, object]:
    """What a file says about itself, but for bytes that are passed over."""
    with pgic_core.open_file(data) as file:
        facts = {**file.info().to_dict(), "exif": file.exif, "icc": file.icc_profile, "xmp": file.xmp}
    if isinstance(facts["sequence"], dict):
        del facts["sequence"]["unfinished_bytes"]
    return facts


def _older(pixels: NDArray[Any], coder: TileCoder) -> bytes:
    """A file as earlier versions wrote it: 16 bits as PNG, floats plain."""
    plain = coder is TileCoder.PLAIN
    height, width, _ = pixels.shape
    kind = SampleFormat.of(pixels.dtype)
    fields = ImageFields(0, width, height, kind.bits, Compression.RAW if plain else Compression.LOSSLESS)

    def encode_as(tile: NDArray[Any], _: TileCoder, effort: int) -> tuple[TileCoder, bytes]:
        return encode_tile(tile, coder, effort)

    with mock.patch("pgic_core.codec.lossless.encoder.encode_tile", encode_as):
        return build_file(fields, encode_lossless(pixels, plain=plain))


def _striped(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With two-pixel stripes over the left of it, which no model shows."""
    photo = photo.copy()
    photo[:, :80:2] = 255
    photo[:, 1:80:2] = 0
    return photo


def _sequences(photo: NDArray[np.uint8], grey: bytes) -> dict[str, bytes]:
    """Sequences of each kind of frame."""
    scene = np.ascontiguousarray(photo[:140, :200])
    moved = scene.copy()
    moved[20:60, 30:90] = photo[150:190, 30:90]
    shifted = np.ascontiguousarray(photo[3:143, 5:205])
    pictures = {
        "sequence": [scene, moved, scene, moved],
        "sequence of a moving camera": [scene, shifted, np.ascontiguousarray(photo[9:149, 2:202])],
        "sequence without loss": [photo[:70, :60, 0], photo[2:72, :60, 0]],
    }
    found = {}
    for name, frames in pictures.items():
        made = io.BytesIO()
        with SequenceWriter(made, effort=1, key_distance=2) as writer:
            for number, frame in enumerate(frames):
                exact = [(40, 30, 8, 8)] if name == "sequence" and number == 1 else None
                metadata = {"device_id": "camera", "timestamp_ms": number}
                writer.append(
                    frame, duration=40, metadata=metadata, exact=exact, extension={"acme.a": number}
                )
        found[name] = made.getvalue()
    golden = Path(__file__).parent.parent / "golden" / "sequences"
    # The writer writes one version of change frames, and readers read all.
    found["sequence of older change frames"] = (golden / "passing.pgi").read_bytes()
    found["sequence of differences"] = (golden / "light.pgi").read_bytes()
    found["sequence of one, unfinished"] = b"".join(begin_sequence(grey, key_distance=9)) + b"\x89PGF\0"
    return found


@lru_cache(maxsize=1)
def seeds() -> tuple[Seed, ...]:
    """All of them; the same every time."""
    photo = np.ascontiguousarray(skimage.data.astronaut()[20:, 150:])
    alpha = np.repeat(np.linspace(0, 255, 100).astype(np.uint8)[None, :, None], 70, 0)
    roi = np.array([[0, 8, -4], [2, 0, 0]], np.int8)
    random = np.random.default_rng(5)
    maps = random.normal(0, 1, (1, 3, 9, 11)).astype(np.float32)
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x010F: "ACME", 0x8769: {0x829A: 0.01, 0x9003: "2026:11:21 10:00:00"}})
    metadata = Metadata(
        1_700_000_000_000, "UAV-7 巡检", Location(116.5, 39.75123456, 50.0, "CGCS2000"), {"iso": "100"}, True
    )
    words = {f"acme.field-{i}": ["text", i, {"depth": [1.5, None, True]}] for i in range(12)}
    learned = partial(pgic_core.encode, codec="learned")
    with (
        mock.patch("pgic_core.codec.learned.encoder.TILE", 64),
        mock.patch("pgic_core.codec.lossless.encoder._TILE_SIDE", 64),
    ):
        files = {
            "learned": learned(photo[:70, :100], quality=60),
            "learned large index": learned(photo[:140, :200], quality=30),
            "learned fine": learned(photo[:64, :64], quality=97, effort=1),
            "learned roi": learned(photo[:128, :192], quality=40, roi=roi),
            "learned exact": learned(photo[:70, :200], quality=50, exact=[(20, 3, 110, 40)]),
            "learned exact alpha": learned(
                np.dstack([photo[:70, :100], alpha]), quality=30, exact=[(1, 1, 3, 3)], effort=1
            ),
            "learned near exact": learned(_striped(photo[:70, :200]), quality=50),
            "learned neutral": learned(photo[:70, :70, :1].repeat(3, 2), quality=40),
            "learned alpha": learned(np.dstack([photo[:70, :100], alpha]), quality=50),
            "lossless grey": pgic_core.encode(photo[:90, :130, 0]),
            "lossless rgba": pgic_core.encode(np.dstack([photo[:70, :100], alpha]), lossless=True),
            "lossless 16 bits": pgic_core.encode(photo[:40, :70].astype(np.uint16) * 200, effort=1),
            "lossless 16 bits as PNG": _older(photo[:70, :100].astype(np.uint16) * 200, TileCoder.PNG),
            "lossless int16": pgic_core.encode(photo[:90, :70, 0].astype(np.int16) * 3 - 200),
            "lossless float": pgic_core.encode(photo[:70, :90, :2].astype(np.float64) ** 0.7),
            "lossless float table": pgic_core.encode((photo[:70, :90, 0] // 16).astype(np.float32) / 3),
            "raw float": _older(photo[:36, :56, :1].astype(np.float32), TileCoder.PLAIN),
            "metadata": pgic_core.encode(
                photo[:36, :56, 0],
                metadata=metadata,
                annotations=[Annotation("crack", Box(1, 2, 20, 30)), Annotation("rust", Box(3, 2, 9, 12))],
                exif=exif.tobytes(),
                xmp=_XMP,
                icc_profile=bytes(range(256)),
                dpi=(72, 72.5),
                extension=words,
            ),
            "few words": pgic_core.encode(
                photo[:36, :56, 0], metadata={"device_id": "x"}, extension={"acme.a": 1}
            ),
        }
    for codec in ("pgic", "hevc"):
        for qp in (None, 20):
            stream = encode_features({"conv5": maps, "pool": maps[:, :, :2]}, codec=codec, qp=qp)
            files[f"features {codec} {qp}"] = features_file(stream)
    files["features beside"] = attach_features(
        files["lossless grey"], encode_features([maps, maps], codec="pgic", qp=30)
    )
    files |= _sequences(photo, files["lossless grey"])
    for name in ("metadata", "features hevc None", "features hevc 20"):
        files[f"{name}, plain"] = b"".join(rewrite(files[name], compress_metadata=False))
    for name, data in files.items():
        assert reseal(data) == data, name
    return tuple(Seed(name, data) for name, data in files.items())
