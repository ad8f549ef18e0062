"""The small detector of ``train_detector.py``: one class, no anchors, learned from scratch."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import generalized_box_iou_loss, nms

if TYPE_CHECKING:
    from collections.abc import Sequence

    Size = tuple[int, int]

SIZE = (192, 320)
"""Height and width of what the network sees; pictures are scaled to fit in."""
STRIDE = 16
_GREY = 114
_LOG_EVERY = 100


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
    seen = F.pad(pixels[:, y0:y1, x0:x1], margins, value=_GREY)
    # Scaled as bytes, which takes a third of the time.
    seen = F.interpolate(seen[None], size, mode="bilinear", antialias=True)[0].float()
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
        pictures: (3, H, W) uint8 each.
        boxes: (N, 4) of each: left, top, right, bottom in pixels.
        size: height and width of each window.
        seed: of all choices.
    """

    def __init__(self, pictures: Sequence[Tensor], boxes: Sequence[Tensor], size: Size, seed: int) -> None:
        self._pictures, self._boxes, self._size = pictures, boxes, size
        self._random = np.random.default_rng(seed)

    def take(self, count: int) -> tuple[Tensor, list[Tensor]]:
        """(count, 3, H, W) float from 0 to 255, and the boxes of each."""
        images, boxes = zip(*(self._one() for _ in range(count)), strict=True)
        return torch.stack(images), list(boxes)

    def _one(self) -> tuple[Tensor, Tensor]:
        random, size = self._random, self._size
        i = int(random.integers(len(self._pictures)))
        pixels, boxes = self._pictures[i], self._boxes[i]
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


def train(
    pictures: Sequence[Tensor],
    boxes: Sequence[Tensor],
    *,
    seed: int,
    steps: int,
    batch: int,
    rate: float = 4e-3,
) -> Detector:
    """A detector that learned from scratch.

    Args:
        pictures: (3, H, W) uint8 each.
        boxes: (N, 4) of each: left, top, right, bottom in pixels.
        seed: of its weights, and of the windows it sees: the same for any pictures of the same sizes.
        steps: to learn for.
        batch: windows for each step.
        rate: of learning, at its highest.
    """
    torch.manual_seed(seed)
    batches = Batches(pictures, boxes, SIZE, seed)
    net = Detector().train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.15)
    started, shown = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        images, targets = batches.take(batch)
        loss = loss_of(*net(images.contiguous(memory_format=torch.channels_last)), targets, SIZE)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        shown += loss.item() / _LOG_EVERY
        if step % _LOG_EVERY == 0:
            seconds = time.monotonic() - started
            print(f"  step {step} of {steps}: loss {shown:.3f}, {seconds:.0f} s", flush=True)
            shown = 0.0
    return net.eval()


@torch.no_grad()
def detect(net: Detector, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """What a detector finds in a whole picture.

    Args:
        net: the detector.
        pixels: (3, H, W) uint8.

    Returns:
        Scores (N,), best first, and boxes (N, 4) in pixels of the picture.
    """
    window = whole(pixels, SIZE)
    image, _ = placed(pixels, torch.zeros(0, 4), window, SIZE)
    logits, corners = (part[0] for part in net(image[None]))
    best = logits.topk(min(100, len(logits))).indices
    best = best[nms(corners[best], logits[best], 0.5)]
    scale = torch.tensor([window[2] / SIZE[1], window[3] / SIZE[0]] * 2)
    return torch.sigmoid(logits[best]), corners[best] * scale


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1)
