"""Does a detector see as well on decoded pictures as on the originals (A-B.2d)?

    python examples/train_detector.py FOLDER
    python examples/train_detector.py FOLDER --quality 30 --json result.json

FOLDER holds ``annotations.json`` (COCO) and ``images/``. The pictures are coded twice as ``.pgi``, without
loss and at the quality asked for, and ``pgic_plugins.torchvision.PgiDetection`` reads both. A small
one-class detector (``detector.py``) learns from scratch, for each seed once from originals and once from
decoded pictures. The average precision at an overlap of one half (AP50) of each is taken on the test fifth,
on originals and on decoded pictures. What decoding loses of it is bounded by a bootstrap over test pictures,
which draws the same pictures for both sides of a comparison; the trainings are not drawn anew, so how far
those of one kind differ stands beside the means.

All pictures of one scene (the digits that a file name starts with) lie on one side of the split, and scenes
that other measurements of pgic keep for themselves are left out. Needs torch and torchvision (``pip install
'pgic[torch]'``); one training takes five to ten minutes on a core.
"""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from detector import Detector, detect, train
from PIL import Image
from torch import Tensor
from torchvision.ops import box_iou

import pgic_core
from pgic_core.lab.training.roi_data import is_test_scene
from pgic_plugins.torchvision import PgiDetection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    # For each test picture: scores of its detections, whether each hits, and how many boxes there are to hit.
    Found = list[tuple[NDArray[np.float64], NDArray[np.bool_], int]]

CLASS = "insulator"
KINDS = ("originals", "decoded")
# What is compared, before and after: the kind trained on and the kind tested on.
COMPARED = {
    "trained and tested on decoded, against originals for both": (
        ("originals", "originals"),
        ("decoded", "decoded"),
    ),
    "trained on decoded, tested on decoded against originals": (
        ("decoded", "originals"),
        ("decoded", "decoded"),
    ),
    "trained on originals, tested on decoded against originals": (
        ("originals", "originals"),
        ("originals", "decoded"),
    ),
}
OVERLAP = 0.5
REPLICATES = 2000


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures of one kind.

    Attributes:
        scenes: of each.
        pixels: (3, H, W) uint8 each.
        boxes: (N, 4) float32 each: left, top, right, bottom in pixels.
    """

    scenes: list[str]
    pixels: list[Tensor]
    boxes: list[Tensor]

    def part(self, *, test: bool) -> Pictures:
        """The test pictures, or those to learn from; without those that other measurements keep."""
        kept = kept_scenes()
        chosen = [i for i, s in enumerate(self.scenes) if is_test_scene(s) == test and s not in kept]
        return Pictures(*([column[i] for i in chosen] for column in (self.scenes, self.pixels, self.boxes)))


def scene_of(name: str) -> str:
    """What all flips and crops of one photo share: the digits that its name starts with, else its stem."""
    match = re.match(r"\d+", name)
    return match.group() if match else Path(name).stem


def kept_scenes() -> frozenset[str]:
    """Scenes that other measurements keep for themselves."""
    config = resources.files("pgic_core.lab.training").joinpath("configs", "roi-insulator.toml")
    return frozenset(tomllib.loads(config.read_text(encoding="utf-8"))["exclude"])


def load(folder: Path, work: Path, quality: int | None) -> Pictures:
    """Code the pictures of a COCO folder as ``.pgi``, and read them back with their boxes.

    Args:
        folder: with ``annotations.json`` and ``images/``.
        work: where the ``.pgi`` files go; what is there already is taken.
        quality: of the codec; None for no loss.
    """
    annotations = folder / "annotations.json"
    coded = work / ("originals" if quality is None else f"quality-{quality}")
    for item in json.loads(annotations.read_text(encoding="utf-8"))["images"]:
        target = (coded / item["file_name"]).with_suffix(".pgi")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(folder / "images" / item["file_name"]) as image:
                pgic_core.encode_to(
                    target, image.convert("RGB"), quality=quality, lossless=quality is None, effort=1
                )
    dataset = PgiDetection(coded, annotations, classes=[CLASS])
    items = [dataset[i] for i in range(len(dataset))]
    return Pictures(
        [scene_of(picture.path.name) for picture in dataset.pictures],
        [image.as_subclass(Tensor) for image, _ in items],
        [target["boxes"].as_subclass(Tensor) for _, target in items],
    )


def find(net: Detector, pictures: Pictures) -> Found:
    """Detections in whole pictures, and which of them are right."""
    found = []
    for pixels, truth in zip(pictures.pixels, pictures.boxes, strict=True):
        scores, boxes = detect(net, pixels)
        found.append((scores.double().numpy(), hits(boxes, truth), len(truth)))
    return found


def hits(corners: Tensor, truth: Tensor) -> NDArray[np.bool_]:
    """Which detections, given best first, are the first to overlap a box by half."""
    right = np.zeros(len(corners), bool)
    overlaps = box_iou(corners, truth).numpy()
    for i, row in enumerate(overlaps):
        if row.size and row.max() >= OVERLAP:
            right[i] = True
            overlaps[:, row.argmax()] = 0  # a box is hit once
    return right


def average_precision(found: Found) -> float:
    """Area under precision over recall, precision made to fall."""
    scores = np.concatenate([scores for scores, _, _ in found])
    right = np.concatenate([right for _, right, _ in found])[np.argsort(-scores, kind="stable")]
    count = sum(truths for _, _, truths in found)
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(falling[right].sum() / max(count, 1))


def lost_share(originals: Sequence[Found], decoded: Sequence[Found], seed: int = 0) -> tuple[float, float]:
    """What decoded pictures cost of the average precision, relative, mean over trainings.

    Args:
        originals: detections of each training on the test pictures.
        decoded: likewise on the same pictures, decoded.
        seed: of the bootstrap.

    Returns:
        The share lost (negative if it is better), and its upper 95 % bound.
    """

    def share(chosen: Sequence[int]) -> float:
        kinds = (
            [average_precision([run[i] for i in chosen]) for run in runs] for runs in (originals, decoded)
        )
        before, after = map(np.mean, kinds)
        return float(1 - after / before) if before else 0.0

    count = len(originals[0])
    random = np.random.default_rng(seed)
    drawn = [share(random.integers(count, size=count).tolist()) for _ in range(REPLICATES)]
    return share(range(count)), float(np.quantile(drawn, 0.95))


def measure(
    kinds: dict[str, Pictures], *, seeds: Sequence[int], steps: int, batch: int
) -> dict[tuple[str, str], list[Found]]:
    """What detectors find, by the kind of pictures that they learned from and the kind of test pictures.

    Args:
        kinds: pictures of each kind, the same ones in the same order.
        seeds: one training of each kind for each.
        steps: of a training.
        batch: windows for each step.
    """
    found: dict[tuple[str, str], list[Found]] = {(learn, test): [] for learn in kinds for test in kinds}
    for seed in seeds:
        for learn, pictures in kinds.items():
            print(f"seed {seed}, trained on {learn}")
            part = pictures.part(test=False)
            net = train(part.pixels, part.boxes, seed=seed, steps=steps, batch=batch)
            for test, seen in kinds.items():
                found[learn, test].append(find(net, seen.part(test=True)))
                print(f"  AP50 on {test}: {average_precision(found[learn, test][-1]):.4f}", flush=True)
    return found


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="annotations.json (COCO) and images/")
    parser.add_argument("--quality", type=int, default=50, help="of the codec, 1 to 100 (50)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="two trainings each (1 2 3)")
    parser.add_argument("--steps", type=int, default=1200, help="of one training (1200)")
    parser.add_argument("--batch", type=int, default=16, help="pictures for each step (16)")
    parser.add_argument("--work", type=Path, help="folder that keeps the .pgi files for the next time")
    parser.add_argument("--json", type=Path, help="write the figures")
    given = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="pgic-") as temporary:
        work = given.work or Path(temporary)
        qualities = dict(zip(KINDS, (None, given.quality), strict=True))
        kinds = {kind: load(given.folder, work, quality) for kind, quality in qualities.items()}
    learn, test = (len(kinds["decoded"].part(test=test).scenes) for test in (False, True))
    if not learn or not test:
        parser.error(f"{given.folder} has too few scenes to learn from some and test on others")
    print(f"{learn} pictures to learn from, {test} to test on")
    found = measure(kinds, seeds=given.seeds, steps=given.steps, batch=given.batch)
    ap = {cell: [average_precision(run) for run in runs] for cell, runs in found.items()}
    lost = {name: lost_share(found[before], found[after]) for name, (before, after) in COMPARED.items()}

    print("AP50, mean (of each seed)")
    for (learned, tested), values in ap.items():
        each = ", ".join(f"{value:.4f}" for value in values)
        print(f"  trained on {learned:9}, tested on {tested:9}: {np.mean(values):.4f} ({each})")
    print(f"Share of AP50 lost at quality {given.quality}, and its upper 95 % bound")
    for name, (share, bound) in lost.items():
        print(f"  {name:57}: {100 * share:6.2f} %, {100 * bound:6.2f} %")
    if given.json:
        figures = {
            "quality": given.quality,
            "steps": given.steps,
            "seeds": given.seeds,
            "learning_pictures": learn,
            "test_pictures": test,
            "ap50": [{"trained_on": a, "tested_on": b, "of_each_seed": ap[a, b]} for a, b in ap],
            "lost": [{"what": n, "share": share, "upper_95": bound} for n, (share, bound) in lost.items()],
        }
        given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
