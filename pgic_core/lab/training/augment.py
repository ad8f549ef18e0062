"""Augmentation of training crops on the device: bad light, and generated patterns in place of a part."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["in_bad_light", "to_device", "with_pattern"]


def to_device(values: NDArray[np.generic], device: torch.device) -> Tensor:
    """An array on the device, without waiting for what the device still has to do."""
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def in_bad_light(crops: Tensor, random: np.random.Generator) -> Tensor:
    """What a camera might have seen of crops at dusk, or against the light.

    Light is dimmed by 1 to 5 stops, or changes by up to 6 along a random direction; the sensor then adds the
    noise of few photons and of its own, and what is too bright is clipped.

    Args:
        crops: ``(N, H, W, 3)`` uint8, sRGB grey levels; not changed.
        random: of all choices; the noise follows from one number that is drawn from it.
    """
    count, height, width = crops.shape[:3]
    device = crops.device
    dim = np.where(random.random(count) < 0.5, random.uniform(-5, -1, count), 0.0)
    angle, stops = random.uniform(0, 2 * math.pi, count), random.uniform(2, 6, count) * (dim == 0)
    photons, dark = 2 ** random.uniform(8, 12, count), 2 ** random.uniform(-10, -7, count)
    chosen = np.stack([dim, stops * np.sin(angle), stops * np.cos(angle), photons, dark]).astype(np.float32)
    dimmed, down, right, most, own = to_device(chosen, device)[..., None, None, None]
    y = torch.linspace(-0.5, 0.5, height, device=device)[:, None, None]
    x = torch.linspace(-0.5, 0.5, width, device=device)[None, :, None]
    light = (crops.float() / 255) ** 2.2 * torch.exp2(dimmed + down * y + right * x)
    noise = torch.Generator(device).manual_seed(int(random.integers(2**62)))
    spread = torch.sqrt(light / most + own**2)
    light = light + spread * torch.randn(light.shape, device=device, generator=noise)
    return torch.round(255 * light.clamp(0, 1) ** (1 / 2.2)).to(torch.uint8)


def with_pattern(crops: Tensor, patterns: Tensor, random: np.random.Generator) -> Tensor:
    """Patterns in place of crops, or of a rectangle of them, as a plate or a screen in a photo is.

    Patterns come with their colours in any order, and inverted half of the time.

    Args:
        crops: ``(N, side, side, 3)`` uint8; not changed.
        patterns: likewise.
        random: of all choices.
    """
    count, side = crops.shape[:2]
    device = crops.device
    whole = random.random(count) < 0.5
    size = np.where(whole, side, random.integers(side // 8, side, (2, count)))
    first = np.floor(random.random((2, count)) * (side - size + 1)).astype(np.int64)
    box = to_device(np.stack([*first, *(first + size)]), device)
    top, left, bottom, right = box[..., None, None, None]
    n = torch.arange(side, device=device)
    y, x = n[None, :, None, None], n[None, None, :, None]
    inside = (y >= top) & (y < bottom) & (x >= left) & (x < right)
    order = random.permuted(np.tile(np.arange(3), (count, 1)), axis=1)
    colours = to_device(order, device)[:, None, None, :].expand(count, side, side, 3)
    shown = torch.gather(patterns, 3, colours)
    inverted = to_device(random.random(count) < 0.5, device)[:, None, None, None]
    return torch.where(inside, torch.where(inverted, 255 - shown, shown), crops)
