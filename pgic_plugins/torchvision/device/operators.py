"""The ONNX operators that the models' graphs are made of, in torch.

Each takes the node's inputs and attributes and gives its one output, or a tuple of several. Sizes and places
are int64 tensors on the CPU wherever the pixels are, so that nothing waits for the device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    Operator = Callable[..., Any]

__all__ = ["MOVING", "OPERATORS", "enlarged", "fake_quantised", "padded", "quantised", "zeros"]

MOVING = frozenset({"Concat", "Identity", "Reshape", "Slice", "Split", "Transpose"})
"""Operators that put values elsewhere and leave them as they are."""

_LIMITS: Mapping[torch.dtype, tuple[int, int]] = {torch.uint8: (0, 255), torch.int8: (-128, 127)}


def fake_quantised(x: Tensor, scale: float, zero: int, kind: torch.dtype) -> Tensor:
    """What QuantizeLinear and DequantizeLinear with the same scale and zero point make of ``x`` together."""
    return torch.fake_quantize_per_tensor_affine(x, scale, zero, *_LIMITS[kind])


def quantised(x: Tensor, scale: float, zero: int, kind: torch.dtype) -> Tensor:
    """QuantizeLinear: ``x`` as 8-bit levels."""
    return (x.float() / scale).round_().add_(zero).clamp_(*_LIMITS[kind]).to(kind)


def _dequantise(x: Tensor, scale: Tensor, zero: Tensor, *, dtype: torch.dtype, axis: int = 1) -> Tensor:
    if scale.ndim:
        shape = [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    # 32-bit biases are beyond what float32 holds exactly, 8-bit levels are not.
    return ((x.double() - zero.double()) * scale.double()).to(dtype)


def _shape(x: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    return torch.tensor(x.shape[start:end], dtype=torch.int64)


def _concat(*parts: Tensor, axis: int) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, axis)


def _reshape(x: Tensor, shape: Tensor) -> Tensor:
    sides = [x.shape[i] if side == 0 else side for i, side in enumerate(shape.tolist())]
    return x.reshape(sides)


def _slice(x: Tensor, starts: Tensor, ends: Tensor, axes: Tensor | None = None) -> Tensor:
    along = range(len(starts)) if axes is None else axes.tolist()
    for start, end, axis in zip(starts.tolist(), ends.tolist(), along, strict=True):
        x = x[(slice(None),) * (axis % x.ndim) + (slice(start, end),)]
    return x


def _divide(a: Tensor, b: Tensor) -> Tensor:
    return torch.div(a, b, rounding_mode=None if a.is_floating_point() else "trunc")


def _gemm(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return torch.addmm(c, a, b)


def _conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    kernel_shape: list[int],
    pads: list[int] | tuple[int, ...] = (0, 0, 0, 0),
    strides: list[int] | tuple[int, ...] = (1, 1),
    group: int = 1,
) -> Tensor:
    if kernel_shape == [1, 1] and group == 1 and tuple(strides) == (1, 1):
        # One product of matrices; values lie with their channels last, so that nothing is copied for it.
        return F.linear(x.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)
    top, left, bottom, right = pads
    if (top, left) != (bottom, right):
        x, top, left = F.pad(x, (left, right, top, bottom)), 0, 0
    return F.conv2d(x, weight, bias, stride=tuple(strides), padding=(top, left), groups=group)


def _average_pool(x: Tensor, *, kernel_shape: list[int], strides: list[int]) -> Tensor:
    return F.avg_pool2d(x, kernel_shape, strides)


def enlarged(x: Tensor, *, down: int, across: int) -> Tensor:
    """Resize to whole multiples: each value is repeated."""
    return x.repeat_interleave(down, 2).repeat_interleave(across, 3)


def _reduce_sum(x: Tensor, axes: Tensor, *, keepdims: int = 1) -> Tensor:
    return x.sum(axes.tolist(), keepdim=bool(keepdims))


def zeros(shape: Tensor, *, device: torch.device, dtype: torch.dtype) -> Tensor:
    """ConstantOfShape without a value, where the pixels are."""
    return torch.zeros(shape.tolist(), device=device, dtype=dtype)


def padded(x: Tensor, pads: Tensor, *, number: float) -> Tensor:
    """Pad, mode constant: ``pads`` holds what is added before each axis, then what is added after."""
    before, after = pads.reshape(2, -1).tolist()
    ends = [side for axis in reversed(range(x.ndim)) for side in (before[axis], after[axis])]
    return F.pad(x, ends, value=number)


def _layer_norm(x: Tensor, weight: Tensor, bias: Tensor, *, axis: int = -1, epsilon: float = 1e-5) -> Tensor:
    return F.layer_norm(x, x.shape[axis:], weight, bias, epsilon)


OPERATORS: Mapping[str, Operator] = {
    "Abs": torch.abs,
    "Add": torch.add,
    "AveragePool": _average_pool,
    "Clip": torch.clamp,
    "Concat": _concat,
    "Conv": _conv,
    "DequantizeLinear": _dequantise,
    "Div": _divide,
    "Floor": torch.floor,
    "Gemm": _gemm,
    "Identity": lambda x: x,
    "LayerNormalization": _layer_norm,
    "MatMul": torch.matmul,
    "Max": torch.maximum,
    "Min": torch.minimum,
    "Mod": torch.remainder,
    "Mul": torch.mul,
    "Neg": torch.neg,
    "ReduceSum": _reduce_sum,
    "Relu": torch.relu,
    "Reshape": _reshape,
    "Round": torch.round,
    "Shape": _shape,
    "Sigmoid": torch.sigmoid,
    "Slice": _slice,
    "Softmax": lambda x, *, axis=-1: torch.softmax(x, axis),
    "Split": lambda x, sizes, *, axis=0: torch.split(x, sizes.tolist(), axis),
    "Sub": torch.sub,
    "Tanh": torch.tanh,
    "Transpose": lambda x, *, perm: x.permute(perm),
}
"""By name. Others depend on what surrounds them, or on numbers read once: see :mod:`.torch_network`."""
