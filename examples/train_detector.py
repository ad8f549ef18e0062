"""Does a detector still see on decoded pictures what it sees on the originals (A-B.2d)?

    python examples/train_detector.py FOLDER
    python examples/train_detector.py FOLDER --quality 30 --train-on originals --json result.json

FOLDER holds ``annotations.json`` (COCO) and ``images/``. The pictures are coded twice as ``.pgi``, without
loss and at the quality asked for, and ``pgic_plugins.torchvision.PgiDetection`` reads both. A small
one-class detector learns from scratch, once for each seed. Its average precision at an overlap of one half
(AP50) is taken on the test fifth, on originals and on decoded pictures; a bootstrap over test pictures,
which draws the same pictures for both, bounds what it loses.

All pictures of one scene (the digits that a file name starts with) lie on one side of the split, and scenes
that other measurements of pgic keep for themselves are left out. Needs torch and torchvision (``pip install
'pgic[torch]'``); one training takes some minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import tomllib
import zlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torchvision.ops import box_iou, generalized_box_iou_loss, nms

import pgic_core
from pgic_plugins.torchvision import PgiDetection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Size = tuple[int, int]
    # For each test picture: scores of its detections, whether each hits, and how many boxes there are to hit.
    Found = list[tuple[NDArray[np.float64], NDArray[np.bool_], int]]

CLASS = "insulator"
SIZE = (192, 320)
"""Height and width of what the network sees; pictures are scaled to fit in."""
STRIDE = 16
OVERLAP = 0.5
REPLICATES = 2000
_GREY = 114.0
_LOG_EVERY = 100


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

    def part(self, *, test: bool, without: frozenset[str] = frozenset()) -> Pictures:
        """The test pictures, or those to learn from."""
        chosen = [i for i, s in enumerate(self.scenes) if is_test_scene(s) == test and s not in without]
        return Pictures(*([column[i] for i in chosen] for column in (self.scenes, self.pixels, self.boxes)))


def scene_of(name: str) -> str:
    """What all flips and crops of one photo share: the digits that its name starts with, else its stem."""
    match = re.match(r"\d+", name)
    return match.group() if match else Path(name).stem


def is_test_scene(scene: str) -> bool:
    """Whether a scene belongs to the fixed test fifth."""
    return zlib.crc32(scene.encode()) % 5 == 0


def kept_scenes() -> frozenset[str]:
    """Scenes that other measurements keep for themselves."""
    config = resources.files("pgic_core.training").joinpath("configs", "roi-insulator.toml")
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


def placed(
    pixels: Tensor, boxes: Tensor, window: tuple[int, int, int, int], size: Size
) -> tuple[Tensor, Tensor]:
    """A window of a picture, which may reach beyond it, scaled to a size.

    Args:
        pixels: (3, H, W) uint8.
        boxes: (N, 4); those less than half inside are left out.
        window: left, top, width, height in pixels.
        size: height and width wanted.

    Returns:
        (3, height, width) float from 0 to 255, and boxes in its pixels.
    """
    left, top, w, h = window
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + w, pixels.shape[2]), min(top + h, pixels.shape[1])
    margins = (x0 - left, left + w - x1, y0 - top, top + h - y1)
    seen = F.pad(pixels[:, y0:y1, x0:x1].float(), margins, value=_GREY)
    seen = F.interpolate(seen[None], size, mode="bilinear", antialias=True)[0]
    low, high = torch.tensor([x0, y0] * 2).float(), torch.tensor([x1, y1] * 2).float()
    inside = boxes.maximum(low).minimum(high)
    kept = _area(inside) >= 0.5 * _area(boxes)
    scale = torch.tensor([size[1] / w, size[0] / h] * 2)
    return seen, (inside[kept] - torch.tensor([left, top] * 2)) * scale


def whole(pixels: Tensor, size: Size) -> tuple[int, int, int, int]:
    """The smallest window of the shape of ``size`` that holds a whole picture."""
    height, width = pixels.shape[1:]
    scale = max(height / size[0], width / size[1])
    return 0, 0, round(size[1] * scale), round(size[0] * scale)


class Batches:
    """Random windows of pictures, mirrored and lit differently.

    Args:
        pictures: to take them from.
        size: height and width of each.
        seed: of all choices.
    """

    def __init__(self, pictures: Pictures, size: Size, seed: int) -> None:
        self._pictures, self._size = pictures, size
        self._random = np.random.default_rng(seed)

    def take(self, count: int) -> tuple[Tensor, list[Tensor]]:
        """(count, 3, H, W) float from 0 to 255, and the boxes of each."""
        images, boxes = zip(*(self._one() for _ in range(count)), strict=True)
        return torch.stack(images), list(boxes)

    def _one(self) -> tuple[Tensor, Tensor]:
        random, size = self._random, self._size
        i = int(random.integers(len(self._pictures.pixels)))
        pixels, boxes = self._pictures.pixels[i], self._pictures.boxes[i]
        _, _, width, height = whole(pixels, size)
        width = round(width * np.exp2(random.uniform(-0.8, 0.3)))
        height = round(height * np.exp2(random.uniform(-0.8, 0.3)))
        left = round(random.uniform(*sorted((0, pixels.shape[2] - width))))
        top = round(random.uniform(*sorted((0, pixels.shape[1] - height))))
        image, boxes = placed(pixels, boxes, (left, top, width, height), size)
        for axis, near, far, side in ((2, 0, 2, size[1]), (1, 1, 3, size[0])):
            if random.random() < 0.5:
                image = image.flip(axis)
                boxes[:, [near, far]] = side - boxes[:, [far, near]]
        gains = np.exp2(random.uniform(-0.4, 0.4) + random.uniform(-0.15, 0.15, (3, 1, 1)))
        curve = float(np.exp2(random.uniform(-0.4, 0.4)))
        return ((image / 255) ** curve * torch.from_numpy(gains).float()).clamp(0, 1) * 255, boxes


def _conv(into: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(into, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)
    )


class Down(nn.Sequential):
    """Half the size."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__(_conv(into, into, 3, 2, into), _conv(into, out), nn.ReLU(inplace=True))


class Look(nn.Module):
    """A residual block that looks 7 x 7 positions around."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(channels, channels, 7, groups=channels),
            _conv(channels, 2 * channels),
            nn.ReLU(inplace=True),
            _conv(2 * channels, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return x + self.body(x)


class Detector(nn.Module):
    """One class, no anchors: each 16 x 16 pixels say how well they see a box and how far its edges are."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            _conv(3, 16, 3, 2),
            nn.ReLU(inplace=True),
            Down(16, 32),
            Down(32, 64),
            Down(64, 96),
            Look(96),
            Look(96),
        )
        self.coarse = nn.Sequential(Down(96, 128), Look(128), Look(128), _conv(128, 96))
        self.head = nn.Sequential(Look(96), nn.ReLU(inplace=True), nn.Conv2d(96, 5, 1))
        with torch.no_grad():
            self.head[-1].weight.mul_(0.1)
            self.head[-1].bias.copy_(torch.tensor([-3.0, 0, 0, 0, 0]))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W), 0 to 255, sides multiples of 32, to logits (B, cells) and boxes (B, cells, 4)."""
        fine = self.fine(images / 64 - 2)
        raw = self.head(fine + F.interpolate(self.coarse(fine), scale_factor=2.0, mode="nearest"))
        rows, columns = raw.shape[2:]
        raw = raw.flatten(2).transpose(1, 2)
        centres = cell_centres(rows, columns)
        reach = 4 * STRIDE * torch.exp(raw[..., 1:].clamp(-4, 4))
        return raw[..., 0], torch.cat([centres - reach[..., :2], centres + reach[..., 2:]], -1)


def cell_centres(rows: int, columns: int) -> Tensor:
    """Columns and rows of each cell's centre in pixels, (rows * columns, 2)."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return (torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * STRIDE


def owners(centres: Tensor, boxes: Tensor) -> Tensor:
    """Number of the box that each cell has to find: the smallest around whose middle it lies; -1 for none."""
    if not len(boxes):
        return torch.full((len(centres),), -1)
    middles, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    near = ((centres[:, None] - middles).abs() <= (sides / 4).clamp(min=STRIDE / 2)).all(-1)
    cost = torch.where(near, _area(boxes), torch.inf)
    return torch.where(near.any(1), cost.argmin(1), -1)


def loss_of(logits: Tensor, found: Tensor, boxes: Sequence[Tensor], size: Size) -> Tensor:
    """Quality focal loss of the scores, whose target is the overlap reached, and GIoU loss of the boxes."""
    centres = cell_centres(size[0] // STRIDE, size[1] // STRIDE)
    quality = torch.zeros_like(logits)
    box_loss = logits.new_zeros(())
    count = 0
    for i, truth in enumerate(boxes):
        owner = owners(centres, truth)
        cells = owner >= 0
        if cells.any():
            lost = generalized_box_iou_loss(found[i, cells], truth[owner[cells]])
            quality[i, cells] = (1 - lost.detach()).clamp(0.05, 1)
            box_loss = box_loss + lost.sum()
            count += int(cells.sum())
    wrong = (torch.sigmoid(logits.detach()) - quality).square()
    score_loss = (wrong * F.binary_cross_entropy_with_logits(logits, quality, reduction="none")).sum()
    return (4 * score_loss + box_loss) / max(count, 1)


def train(pictures: Pictures, *, seed: int, steps: int, batch: int, rate: float = 4e-3) -> Detector:
    """A detector that learned from scratch."""
    torch.manual_seed(seed)
    batches = Batches(pictures, SIZE, seed)
    net = Detector().train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.15)
    started, shown = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        images, boxes = batches.take(batch)
        loss = loss_of(*net(images.contiguous(memory_format=torch.channels_last)), boxes, SIZE)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        shown += loss.item() / _LOG_EVERY
        if step % _LOG_EVERY == 0:
            print(
                f"  step {step} of {steps}: loss {shown:.3f}, {time.monotonic() - started:.0f} s", flush=True
            )
            shown = 0.0
    return net.eval()


@torch.no_grad()
def find(net: Detector, pictures: Pictures) -> Found:
    """Detections in whole pictures, and which of them are right."""
    found = []
    for pixels, boxes in zip(pictures.pixels, pictures.boxes, strict=True):
        image, truth = placed(pixels, boxes, whole(pixels, SIZE), SIZE)
        logits, corners = (part[0] for part in net(image[None]))
        best = logits.topk(min(100, len(logits))).indices
        best = best[nms(corners[best], logits[best], OVERLAP)]
        scores = torch.sigmoid(logits[best]).double().numpy()
        found.append((scores, hits(corners[best], truth), len(truth)))
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


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="annotations.json (COCO) and images/")
    parser.add_argument("--quality", type=int, default=50, help="of the codec, 1 to 100 (50)")
    parser.add_argument("--train-on", choices=("decoded", "originals"), default="decoded")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="one training each (1 2 3)")
    parser.add_argument("--steps", type=int, default=1200, help="of one training (1200)")
    parser.add_argument("--batch", type=int, default=16, help="pictures for each step (16)")
    parser.add_argument("--work", type=Path, help="folder that keeps the .pgi files for the next time")
    parser.add_argument("--json", type=Path, help="write the figures")
    given = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="pgic-") as temporary:
        work = given.work or Path(temporary)
        kinds = {
            "originals": load(given.folder, work, None),
            "decoded": load(given.folder, work, given.quality),
        }
    learn = kinds[given.train_on].part(test=False, without=kept_scenes())
    test = {kind: pictures.part(test=True, without=kept_scenes()) for kind, pictures in kinds.items()}
    if not learn.pixels or not test["decoded"].pixels:
        parser.error(f"{given.folder} has too few scenes to learn from some and test on others")
    print(f"{len(learn.pixels)} {given.train_on} to learn from, {len(test['decoded'].pixels)} to test on")
    found: dict[str, list[Found]] = {kind: [] for kind in kinds}
    for seed in given.seeds:
        print(f"seed {seed}")
        net = train(learn, seed=seed, steps=given.steps, batch=given.batch)
        for kind, pictures in test.items():
            found[kind].append(find(net, pictures))
        print("  AP50 " + ", ".join(f"{kind} {average_precision(found[kind][-1]):.4f}" for kind in kinds))
    ap = {kind: [average_precision(run) for run in runs] for kind, runs in found.items()}
    lost, bound = lost_share(found["originals"], found["decoded"])
    for kind, values in ap.items():
        print(
            f"AP50 on {kind}: {np.mean(values):.4f} (of each seed: {', '.join(f'{v:.4f}' for v in values)})"
        )
    print(f"Quality {given.quality} loses {100 * lost:.2f} % of it; upper 95 % bound {100 * bound:.2f} %")
    if given.json:
        figures = {
            "quality": given.quality,
            "train_on": given.train_on,
            "steps": given.steps,
            "seeds": given.seeds,
            "test_pictures": len(test["decoded"].pixels),
            "ap50": ap,
            "lost": lost,
            "lost_upper_95": bound,
        }
        given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
