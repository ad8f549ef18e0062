"""Pixels as tensors, turned and converted where they are, on whatever device."""

from __future__ import annotations

import torch

__all__ = ["converted", "upright_tensor"]

_LUMA = (19595, 38470, 7471)
"""Weights of Pillow's "L", in 65536ths."""


def converted(pixels: torch.Tensor, mode: str) -> torch.Tensor:
    """Pixels with the channels of a mode.

    Args:
        pixels: uint8 (C, H, W), grey or three colours, with or without opacity.
        mode: "UNCHANGED", "GRAY", "GRAY_ALPHA", "RGB" or "RGB_ALPHA".
    """
    if mode == "UNCHANGED":
        return pixels
    count = 3 if len(pixels) >= 3 else 1
    colours, opacity = pixels[:count], pixels[count:]
    if mode.startswith("GRAY") and count == 3:
        # With the rounding of Pillow, too.
        weighted = sum(plane.to(torch.int32) * weight for plane, weight in zip(colours, _LUMA, strict=True))
        colours = ((weighted + 0x8000) >> 16).to(torch.uint8)[None]
    elif mode.startswith("RGB") and count == 1:
        colours = colours.repeat(3, 1, 1)
    if mode.endswith("ALPHA"):
        if not len(opacity):
            opacity = torch.full_like(colours[:1], 255)
        return torch.cat([colours, opacity])
    return colours


def upright_tensor(pixels: torch.Tensor, orientation: int) -> torch.Tensor:
    """A stored picture (C, H, W) as people see it: see :func:`pgic_core.codec.orientation.upright_pixels`."""
    if orientation in (2, 3, 7, 8):
        pixels = pixels.flip(2)
    if orientation in (3, 4, 6, 7):
        pixels = pixels.flip(1)
    return pixels.transpose(1, 2).contiguous() if orientation in (5, 6, 7, 8) else pixels
