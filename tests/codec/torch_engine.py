"""Runs an exported graph in torch, operator by operator: a second engine with its own float arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pgic_core.models import Network

_KINDS = {
    TensorProto.FLOAT: torch.float32,
    TensorProto.FLOAT16: torch.float16,
    TensorProto.UINT8: torch.uint8,
    TensorProto.INT8: torch.int8,
    TensorProto.INT16: torch.int16,
    TensorProto.INT32: torch.int32,
    TensorProto.INT64: torch.int64,
}


def _conv(x: Tensor, w: Tensor, b: Tensor | None = None, **a: Any) -> Tensor:
    return F.conv2d(x, w, b, stride=a["strides"], padding=a["pads"][:2], groups=a["group"])


def _space_to_depth(x: Tensor, blocksize: int) -> Tensor:
    n, c, h, w = x.shape
    s = blocksize
    return x.reshape(n, c, h // s, s, w // s, s).permute(0, 3, 5, 1, 2, 4).reshape(n, -1, h // s, w // s)


def _depth_to_space(x: Tensor, blocksize: int, mode: bytes = b"DCR") -> Tensor:
    assert mode == b"DCR"
    n, _, h, w = x.shape
    s = blocksize
    return x.reshape(n, s, s, -1, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, -1, h * s, w * s)


def _along(x: Tensor, values: Tensor, axis: int) -> Tensor:
    """Per-channel scales, shaped to broadcast."""
    return values if values.ndim == 0 else values.reshape([-1 if i == axis else 1 for i in range(x.ndim)])


def _quantise(x: Tensor, scale: Tensor, zero: Tensor, axis: int = 1, **_: Any) -> Tensor:
    bounds = torch.iinfo(zero.dtype)
    q = torch.round(x / _along(x, scale, axis)) + _along(x, zero, axis).float()
    return q.clamp(bounds.min, bounds.max).to(zero.dtype)


def _dequantise(x: Tensor, scale: Tensor, zero: Tensor | None = None, axis: int = 1, **_: Any) -> Tensor:
    offset = 0.0 if zero is None else _along(x, zero, axis).float()
    return (x.float() - offset) * _along(x, scale, axis)


def _gemm(a: Tensor, b: Tensor, c: Tensor | None = None, **given: Any) -> Tensor:
    assert given.get("alpha", 1.0) == 1.0
    assert given.get("beta", 1.0) == 1.0
    a = a.T if given.get("transA") else a
    out = a @ (b.T if given.get("transB") else b)
    return out if c is None else out + c


def _slice(x: Tensor, starts: Tensor, ends: Tensor, axes: Tensor) -> Tensor:
    for start, end, axis in zip(starts.tolist(), ends.tolist(), axes.tolist(), strict=True):
        x = x.narrow(axis, start, end - start)
    return x


def _resize(x: Tensor, _: None, scales: Tensor, **given: Any) -> Tensor:
    assert given["mode"] == b"nearest"
    for axis, scale in enumerate(scales.tolist()):
        x = x.repeat_interleave(int(scale), axis)
    return x


def _divide(a: Tensor, b: Tensor) -> Tensor:
    return a // b if not a.is_floating_point() else a / b


_OPERATORS: dict[str, Any] = {
    "Abs": torch.abs,
    "Add": torch.add,
    "AveragePool": lambda x, size, strides: F.avg_pool2d(x, size, strides),
    "Cast": lambda x, to, **_: x.to(_KINDS[to]),
    "Clip": lambda x, low=None, high=None: torch.clamp(x, low, high),
    "Concat": lambda *x, axis: torch.cat(x, axis),
    "Conv": _conv,
    "DepthToSpace": _depth_to_space,
    "DequantizeLinear": _dequantise,
    "Div": _divide,
    "Floor": torch.floor,
    "Gather": lambda x, i, axis=0: torch.index_select(x, axis, i),
    "Gemm": _gemm,
    "GreaterOrEqual": torch.ge,
    "Identity": lambda x: x,
    "Min": torch.minimum,
    "Mul": torch.mul,
    "QuantizeLinear": _quantise,
    "ReduceMean": lambda x, axes: x.mean(axes, keepdim=True),
    "Relu": torch.relu,
    "Reshape": lambda x, shape, **_: x.reshape(
        [x.shape[i] if s == 0 else int(s) for i, s in enumerate(shape.tolist())]
    ),
    "Resize": _resize,
    "Round": torch.round,
    "Shape": lambda x, start=0, end=None: torch.tensor(x.shape[start:end]),
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": lambda x, sizes, axis: torch.split(x, sizes.tolist(), axis),
    "Sub": torch.sub,
    "Transpose": lambda x, perm: x.permute(perm),
}


def run(
    network: Network,
    inputs: Mapping[str, np.ndarray[Any, Any]],
    outputs: Sequence[str] | None = None,
    **_: Any,
) -> list[np.ndarray[Any, Any]]:
    """Stands in for ``Network.run``."""
    graph = onnx.load(str(network._path)).graph
    values = _values(graph, inputs)
    return [values[name].numpy() for name in outputs or [output.name for output in graph.output]]


def all_finite(path: Path, inputs: Mapping[str, np.ndarray[Any, Any]]) -> bool:
    """Whether no value inside a graph is infinite or not a number."""
    values = _values(onnx.load(str(path)).graph, inputs).values()
    return all(bool(torch.isfinite(value).all()) for value in values if value.is_floating_point())


def _values(graph: onnx.GraphProto, inputs: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Tensor]:
    values = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    values |= {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in inputs.items()}
    for node in graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        given = [values[name] if name else None for name in node.input]
        if node.op_type == "Conv":
            attributes.setdefault("group", 1)
            attributes.setdefault("pads", [0, 0, 0, 0])
            attributes.setdefault("strides", [1, 1])
        if node.op_type == "AveragePool":
            attributes["size"] = attributes["kernel_shape"]
        for ignored in ("kernel_shape", "dilations", "auto_pad"):
            attributes.pop(ignored, None)
        out = _OPERATORS[node.op_type](*given, **attributes)
        outs = out if isinstance(out, tuple) else (out,)
        values.update(zip(node.output, outs, strict=True))
    return values
