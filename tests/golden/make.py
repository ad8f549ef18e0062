"""Writes golden files that are lacking: ``python -m tests.golden.make``.

Each file shows one codec, level or feature. The model is released, and files that were made decode for ever.
So a run never writes a file anew, nor pixels, unless another renderer draws them now: those of all levels but
``fast`` may be replaced by better ones.
"""

from __future__ import annotations

import json
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import skimage.data

import pgic_core
from pgic_core.codec.learned.decoder import LearnedImage
from pgic_core.container import PgiReader
from pgic_core.features import encode_features
from pgic_core.features.features_in_file import attach_features
from pgic_core.limits import Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = Path(__file__).parent
FACTS = FOLDER / "facts.json"
DECODINGS: dict[str, dict[str, Any]] = {"fast": {}, "preview": {"level": "preview"}}
"""Name to options of ``decode``, for every file."""
FURTHER: dict[str, dict[str, Any]] = {
    "half": {"scale": 2},
    "quarter": {"scale": 4},
    "preview-quarter": {"level": "preview", "scale": 4},
    "fine": {"level": "fine"},
    "adaptive": {"level": "adaptive", "regions": [(40, 24, 56, 48)]},
    "perceptual": {"level": "perceptual"},
}
"""Likewise, for the files of :data:`SHOWN_FURTHER`."""
SHOWN_FURTHER = ("learned", "learned-exact", "learned-alpha", "lossless-rgb")


def pictures() -> dict[str, bytes]:
    """Name to the bytes of a file."""
    photo = skimage.data.astronaut()[60:188, 150:310]
    learned = partial(pgic_core.encode, photo, codec="learned")
    ramp = np.linspace(0, 65535, 64 * 72).reshape(64, 72)
    alpha = np.linspace(0, 255, photo.shape[0] * photo.shape[1]).reshape(photo.shape[:2]).astype(np.uint8)
    maps = np.maximum(np.random.default_rng(1).standard_normal((8, 14, 14)).astype(np.float32), 0)
    return {
        "learned": learned(quality=50),
        "learned-fine": learned(quality=95),
        "learned-odd": pgic_core.encode(photo[:97, :131], quality=5, codec="learned"),
        "learned-no-filter": learned(quality=30, effort=1),
        "learned-roi": learned(quality=30, roi=[(64, 32, 60, 50)]),
        "learned-exact": learned(quality=40, exact=[(20, 30, 50, 20)]),
        "learned-neutral": pgic_core.encode(photo[..., :1].repeat(3, 2), quality=40, codec="learned"),
        "learned-alpha": pgic_core.encode(np.dstack([photo, alpha]), quality=40, codec="learned"),
        "lossless-grey": pgic_core.encode(photo[:64, :72, 1], lossless=True),
        "lossless-rgb": pgic_core.encode(photo[:64, :72], lossless=True),
        "lossless-16": pgic_core.encode(ramp.astype(np.uint16), lossless=True),
        "lossless-int16": pgic_core.encode((ramp - 32768).astype(np.int16), lossless=True),
        "lossless-float": pgic_core.encode((ramp / 7).astype(np.float32), lossless=True),
        "annotated": pgic_core.encode(
            photo[:64, :72],
            lossless=True,
            annotations=[{"label": "crack", "box": [3, 4, 20, 30], "score": 0.5}],
            metadata={
                "device_id": "UAV-7",
                "timestamp_ms": 1_700_000_000_000,
                "location": (116.5, 39.75, 50),
            },
        ),
        "features": attach_features(
            pgic_core.encode(photo[:64, :72], lossless=True), encode_features(maps, codec="pgic")
        ),
    }


def symbols_of(data: bytes) -> str | None:
    """SHA-256 of the symbols of a learned picture, in hex; None of another one."""
    with PgiReader(data) as reader:
        if reader.fields.compression_type != 1:
            return None
        payload = reader.read_block(reader.header.image)[7:]
        start = 4 + int.from_bytes(payload[:4], "little")
        limits = Limits()
        image = LearnedImage(
            lambda offset, length: payload[start + offset : start + offset + length],
            len(payload) - start,
            reader.fields.width,
            reader.fields.height,
            limits,
        )
    tiles, area = image.reader(raise_damage=True), image.grid.padded
    parts = tiles.z(area).astype(np.int16), tiles.base(area), tiles.detail(area)
    return sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def decodings(name: str) -> dict[str, dict[str, Any]]:
    """The ways in which a file is decoded, by name."""
    return DECODINGS | FURTHER if name in SHOWN_FURTHER else DECODINGS


def renderers() -> dict[str, str]:
    """Way of decoding to the digests of what draws it, as one text."""
    model = pgic_core.default_model()
    drawn = {}
    for way, options in (DECODINGS | FURTHER).items():
        level, scale = options.get("level", "fast"), options.get("scale", 1)
        names = ("fast", "fine") if level == "adaptive" else (level,)
        drawn[way] = " ".join(model.renderer(name, scale).digest for name in names)
    return drawn


def main() -> None:
    """Write files that are lacking, what they decode to, and what stands in them."""
    before = json.loads(FACTS.read_text(encoding="utf-8"))
    drawn, facts = renderers(), {}
    for name, made in pictures().items():
        path, pixels = FOLDER / f"{name}.pgi", FOLDER / f"{name}.npz"
        data = path.read_bytes() if path.exists() else made
        path.write_bytes(data)
        facts[name] = {"sha256": sha256(data).hexdigest(), "symbols": symbols_of(data)}
        shown: dict[str, NDArray[Any]] = {}
        if pixels.exists():
            with np.load(pixels) as stored:
                shown = {way: stored[way] for way in stored if before["renderers"].get(way) == drawn[way]}
        lacking = {way: options for way, options in decodings(name).items() if way not in shown}
        if lacking:
            shown |= {way: pgic_core.decode(data, **options) for way, options in lacking.items()}
            np.savez_compressed(pixels, **shown)
    written = {"renderers": drawn, "files": facts}
    FACTS.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
