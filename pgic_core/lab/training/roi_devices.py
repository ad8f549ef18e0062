"""Training the region-of-interest network for plates, meters and gauges (A-7.3a, A-7.3b).

``python -m pgic_core.lab.training.roi_devices CONFIG --photos DIR --out FOLDER`` draws devices in front of
photos, learns where they and their lines of text are, and measures on devices of other seeds in front of
photos that it did not learn from. Everything else is as in :mod:`.roi`.
"""

from __future__ import annotations

import argparse
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from ..bench.bench_pictures import find_samples
from ..recognition.generated_plates import draw_gauge, draw_meter, draw_plate
from ..recognition.generated_scenes import draw_scene
from .roi import evaluate, predict, train, write_model
from .roi_data import BoxedPicture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["boxed_scenes", "close_views", "main"]

_EVERY_FIFTH = 5


def boxed_scenes(photos: Sequence[NDArray[np.uint8]], count: int, seed: int) -> list[BoxedPicture]:
    """Devices in front of photos: boxes of devices, and of their lines of text.

    Args:
        photos: ``(H, W, 3)`` uint8 each, taken in turn.
        count: of pictures.
        seed: of all choices.
    """
    generator = np.random.default_rng(seed)
    scenes = [draw_scene(generator, photos[i % len(photos)], gauges=True) for i in range(count)]
    return [BoxedPicture("", scene.pixels, ([scene.device], list(scene.lines))) for scene in scenes]


def close_views(count: int, seed: int) -> list[BoxedPicture]:
    """Devices that fill the picture."""
    generator = np.random.default_rng(seed)
    drawn = [(draw_plate, draw_meter, draw_gauge)[i % 3](generator) for i in range(count)]
    edges = [(0.0, 0.0, float(d.pixels.shape[1]), float(d.pixels.shape[0])) for d in drawn]
    return [BoxedPicture("", d.pixels, ([edge], list(d.lines))) for d, edge in zip(drawn, edges, strict=True)]


def _photos(folders: Sequence[Path], side: int) -> list[NDArray[np.uint8]]:
    """Each photo with its long side brought to ``side`` pixels."""
    photos = []
    for sample in find_samples(folders):
        if sample.part == "whole":
            image = Image.fromarray(sample.load())
            image.thumbnail((side, side))
            photos.append(np.asarray(image))
    return photos


def main(arguments: list[str] | None = None) -> None:
    """Draw, train, measure and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("config", type=Path)
    parser.add_argument(
        "--photos", type=Path, nargs="+", required=True, help="folders of photos without devices"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    config: dict[str, Any] = tomllib.loads(options.config.read_text(encoding="utf-8"))
    photos = _photos(options.photos, config["long_side"])
    learn_photos = [photo for i, photo in enumerate(photos) if i % _EVERY_FIFTH]
    test_photos = photos[::_EVERY_FIFTH]
    learn = boxed_scenes(learn_photos, config["scenes"], config["seed"])
    learn += close_views(config["close_views"], config["seed"] + 1)
    test = boxed_scenes(test_photos, config["test_scenes"], config["seed"] + 2)
    print(f"{len(learn)} pictures to learn from, {len(test)} to test on")
    started = time.monotonic()
    net = train(config, learn, learn_photos)
    minutes = (time.monotonic() - started) / 60
    figures = evaluate([predict(net, picture) for picture in test], test, config["classes"])
    print(figures)
    sizes = {"pictures": len(learn), "photos": len(learn_photos), "minutes": round(minutes, 1)}
    write_model(options.out, config, net, sizes, {"pictures": len(test), **figures})


if __name__ == "__main__":
    main()
