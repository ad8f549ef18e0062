"""Feature maps of NumPy or torch as float32 (N, C, H, W) arrays, without importing torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pgic_core.errors import PgiOptionError

__all__ = ["DTYPES", "as_float_map", "round_to_bfloat16"]

DTYPES = ("float32", "float16", "bfloat16")

Floats = npt.NDArray[np.float32]


def as_float_map(tensor: Any) -> tuple[Floats, str, bool]:
    """Take a tensor apart.

    Args:
        tensor: NumPy array, torch tensor (any device, with or without gradient) or whatever
            ``numpy.asarray`` takes; (C, H, W) or (N, C, H, W), float32, float16 or bfloat16.

    Returns:
        The values as float32 (N, C, H, W), the name of the type, and whether N was there.

    Raises:
        PgiOptionError: another shape or type, an empty tensor, or values that are not finite.
    """
    if hasattr(tensor, "detach"):  # torch: NumPy has no bfloat16, so go through float32
        name = str(tensor.dtype).removeprefix("torch.")
        _check_dtype(name)
        array = tensor.detach().float().cpu().numpy()
    else:
        array = np.asarray(tensor)
        name = array.dtype.name  # ml_dtypes registers its bfloat16 under that name
        _check_dtype(name)
        array = array.astype(np.float32)
    if array.ndim not in (3, 4):
        raise PgiOptionError(f"A feature map is (C, H, W) or (N, C, H, W), not {array.ndim}-dimensional.")
    if array.size == 0:
        raise PgiOptionError("A feature map must not be empty.")
    if not np.isfinite(array).all():
        raise PgiOptionError("A feature map must not hold infinity or NaN.")
    batched = array.ndim == 4
    return np.ascontiguousarray(array if batched else array[None]), name, batched


def round_to_bfloat16(values: Floats) -> Floats:
    """Round to the nearest bfloat16, ties to even, kept as float32."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) & np.uint32(0xFFFF0000)
    return rounded.view(np.float32)


def _check_dtype(name: str) -> None:
    if name not in DTYPES:
        raise PgiOptionError(f"A feature map is {', '.join(DTYPES)}, not {name}; convert it first.")
