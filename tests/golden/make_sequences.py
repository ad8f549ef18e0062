"""Writes golden sequences that are lacking: ``python -m tests.golden.make_sequences``.

As :mod:`.make`: a sequence that was made decodes for ever, so a run never writes one anew.
"""

from __future__ import annotations

import io
import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import skimage.data

import pgic_core
from pgic_core.codec.learned.decoder import LearnedImage

from .make import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from pgic_core.codec.base import CodedImage

SEQUENCES = FOLDER / "sequences"
FACTS = SEQUENCES / "facts.json"


def _camera() -> Callable[..., NDArray[np.uint8]]:
    """What takes a picture of the scene, with noise: where it looks, and where a thing is."""
    photo = skimage.data.astronaut()[40:260, 100:360]
    noise = np.random.default_rng(4)

    def taken(
        left: int = 0, top: int = 0, thing: int | None = None, size: tuple[int, int] = (128, 144)
    ) -> NDArray[np.uint8]:
        pixels = photo[top : top + size[0], left : left + size[1]].astype(np.float32)
        if thing is not None:
            pixels[40:70, thing : thing + 30] = (220, 190, 40)
        return (pixels + noise.normal(0, 1.5, pixels.shape)).clip(0, 255).astype(np.uint8)

    return taken


def _squares() -> Iterator[NDArray[np.uint8]]:
    """Squares of 16 pixels in full colours that change a little everywhere: they have the largest indexes."""
    random = np.random.default_rng(1)
    pixels = np.kron(random.integers(0, 2, (12, 16, 3)) * 150 + 50, np.ones((16, 16, 1)))
    pixels = pixels + random.normal(0, 1, pixels.shape)
    for step in (7, -6, 7, 0):
        yield pixels.clip(0, 255).astype(np.uint8)
        pixels = pixels + step + random.normal(0, 0.5, pixels.shape)


def sequences() -> dict[str, bytes]:
    """Name to the bytes of a sequence."""
    taken, later = _camera(), _camera()
    still = [taken(), taken(thing=10), taken(thing=80), taken(thing=80)]
    passing = [taken(), taken(thing=10), taken(thing=80), taken()]
    lit = [later() for _ in range(2)]
    light = np.linspace(0.7, 1.05, 144)[:, None]
    lit.append((lit[0] * light).astype(np.uint8))
    lit.append((later(thing=50) * light).astype(np.uint8))
    lit.append(lit[0])
    moving = [taken(size=(192, 224)), taken(9, 4, thing=80, size=(192, 224))]
    made: dict[str, tuple[list[NDArray[np.uint8]], dict[str, Any]]] = {
        "still": (still, {"quality": 50, "key_distance": 2}),
        "passing": (passing, {"quality": 40}),
        "exact": (still[1:3], {"quality": 30, "exact": [(80, 40, 24, 16)], "roi": [(64, 64, 64, 64)]}),
        "moving": (moving, {"quality": 40}),
        "light": (lit, {"quality": 60}),
        # Written by version 2, whose indexes end at that of the last CDF after the shift of a mode.
        "squares": (list(_squares()), {"quality": 100, "codec": "learned", "roi": [(0, 0, 256, 192)]}),
        "lossless": ([picture[:64, :72, 1] for picture in still[:2]], {"lossless": True}),
    }
    found = {}
    for name, (pictures, options) in made.items():
        file = io.BytesIO()
        with pgic_core.SequenceWriter(file, metadata={"device_id": "camera"}, **options) as writer:
            for picture in pictures:
                writer.append(picture, duration=100)
        found[name] = file.getvalue()
    return found


def symbols_of(coded: CodedImage) -> str | None:
    """SHA-256 of the symbols of a frame's canvas, in hex; None of one without symbols."""
    image = getattr(coded, "canvas", coded)
    if not isinstance(image, LearnedImage):
        return None
    tiles, area = image.reader(raise_damage=True), image.grid.padded
    parts = tiles.z(area).astype(np.int16), tiles.base(area), tiles.detail(area)
    return sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def facts_of(data: bytes) -> tuple[dict[str, Any], NDArray[np.uint8]]:
    """What a sequence says and holds, and the pixels of its frames."""
    with pgic_core.open_file(data) as file:
        facts = {
            "sha256": sha256(data).hexdigest(),
            "symbols": [symbols_of(frame.coded) for frame in file.frames()],
            "changes": [file.changes(number).blocks.tolist() for number in range(file.n_frames)],
        }
        return facts, np.stack([frame.decode() for frame in file.frames()])


def main() -> None:
    """Write sequences that are lacking, what they decode to, and what stands in them."""
    facts: dict[str, Any] = json.loads(FACTS.read_text(encoding="utf-8")) if FACTS.exists() else {}
    for name, data in sequences().items():
        path = SEQUENCES / f"{name}.pgi"
        if path.exists():
            continue
        path.write_bytes(data)
        facts[name], pixels = facts_of(data)
        np.savez_compressed(path.with_suffix(".npz"), pixels)
    FACTS.write_text(json.dumps(facts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
