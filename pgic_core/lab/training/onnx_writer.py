"""Writing ONNX graphs from the training layers, node by node.

Values are ``(1, height, width, channels)`` like those of the training layers: ONNX Runtime's integer kernels
take that layout, and a 1x1 convolution then is one matrix product over all positions.

A layer whose input range is known (see :mod:`.integer_layers`) becomes an integer one in the standard form of
QuantizeLinear / DequantizeLinear pairs: asymmetric 8-bit inputs, symmetric 8-bit weights per output channel,
32-bit biases (A-6.4.2a). Every engine can run that form; ONNX Runtime fuses it into integer kernels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from .integer_layers import WEIGHT_LEVELS
from .layers import Block, Depthwise, Mix, Pointwise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["GraphWriter", "array"]

_OPSET = 17
_IR_VERSION = 8


class GraphWriter:
    """Collects nodes; every method that adds one returns the name of its output.

    Args:
        name: of the graph.
        ranges: lowest and highest input of each layer that is to be an integer one; others stay float.
    """

    def __init__(self, name: str, ranges: Mapping[nn.Module, tuple[float, float]] | None = None) -> None:
        self._name = name
        self._ranges = ranges or {}
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._count = 0
        self._grids: dict[str, tuple[float, int]] = {}  # 8-bit levels -> their scale and zero point
        self._sizes: dict[str, tuple[str | int, str | int]] = {}  # value -> height and width
        self._shapes: dict[tuple[str | int, ...], str] = {}  # shapes that the graph already holds

    def input(self, name: str, shape: Sequence[int | str], kind: int = TensorProto.FLOAT) -> str:
        """Declare an input; strings in ``shape`` are free dimensions."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def output(
        self, name: str, value: str, shape: Sequence[int | str], kind: int = TensorProto.FLOAT
    ) -> None:
        """Declare ``value`` an output called ``name``."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, list(shape)))

    def constant(self, value: NDArray[Any] | np.generic) -> str:
        """Store an array in the graph."""
        self._count += 1
        name = f"c{self._count}"
        self._constants.append(
            numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)
        )
        return name

    def node(self, operator: str, *inputs: str, **attributes: object) -> str:
        """Add one node with one output."""
        self._count += 1
        out = f"{operator.lower()}{self._count}"
        self._nodes.append(helper.make_node(operator, list(inputs), [out], name=out, **attributes))
        if operator not in ("Reshape", "Slice", "Transpose") and inputs[0] in self._sizes:
            self._sizes[out] = self._sizes[inputs[0]]
        return out

    def split(self, value: str, sizes: Sequence[int], axis: int = -1) -> list[str]:
        """Cut along the channels, or another axis."""
        self._count += 1
        outs = [f"split{self._count}_{i}" for i in range(len(sizes))]
        self._nodes.append(
            helper.make_node("Split", [value, self.constant(np.array(sizes, np.int64))], outs, axis=axis)
        )
        return outs

    def concat(self, values: Sequence[str], axis: int = -1) -> str:
        """Join along the channels."""
        return self.node("Concat", *values, axis=axis)

    def cast(self, value: str, kind: int) -> str:
        """Change the element type."""
        return self.node("Cast", value, to=kind)

    def relu(self, value: str) -> str:
        """Rectify."""
        return self.node("Relu", value)

    def add(self, a: str, b: str) -> str:
        """Sum, with broadcasting."""
        return self.node("Add", a, b)

    def mul(self, a: str, b: str) -> str:
        """Product, with broadcasting."""
        return self.node("Mul", a, b)

    def crop(self, value: str, first: str, beyond: str) -> str:
        """Cut out rows and columns: those of the corner ``first`` up to those before ``beyond``."""
        return self._kept(value, self.node("Slice", value, first, beyond, self.constant(np.array([1, 2]))))

    def channels_last(self, value: str) -> str:
        """From ``(1, C, h, w)``."""
        return self.node("Transpose", value, perm=[0, 2, 3, 1])

    def channels_first(self, value: str) -> str:
        """To ``(1, C, h, w)``."""
        return self.node("Transpose", value, perm=[0, 3, 1, 2])

    def size(self, value: str) -> tuple[str | int, str | int]:
        """Height and width; the graph finds them once and hands them on."""
        if value not in self._sizes:
            self._sizes[value] = self._dimension(value, 1), self._dimension(value, 2)
        return self._sizes[value]

    def times(self, size: str | int, factor: str | int) -> str:
        """A dimension times another or a number."""
        return self.mul(self.number(size), self.number(factor))

    def over(self, size: str | int, factor: int) -> str:
        """A dimension divided by a number."""
        return self.node("Div", self.number(size), self.number(factor))

    def reshape(self, value: str, shape: Sequence[int | str]) -> str:
        """Give a new shape, of numbers and dimensions."""
        key = tuple(shape)
        if key not in self._shapes:
            numbers = [d for d in shape if isinstance(d, int)]
            whole = len(numbers) == len(shape)
            self._shapes[key] = (
                self.constant(np.array(numbers)) if whole else self.concat([self.number(d) for d in shape], 0)
            )
        out = self._kept(value, self.node("Reshape", value, self._shapes[key]))
        if len(shape) == 4:
            self._sizes[out] = shape[1], shape[2]
        return out

    def transpose(self, value: str, order: Sequence[int]) -> str:
        """Change the order of dimensions."""
        return self._kept(value, self.node("Transpose", value, perm=list(order)))

    def space_to_depth(self, value: str, factor: int, channels: int) -> str:
        """As :func:`.layers.space_to_depth`, of a value with this many channels."""
        height, width = (self.over(size, factor) for size in self.size(value))
        value = self.reshape(value, [height, factor, width, factor * channels])
        value = self.transpose(value, [0, 2, 1, 3])
        return self.reshape(value, [1, height, width, factor * factor * channels])

    def depth_to_space(self, value: str, factor: int, channels: int) -> str:
        """As :func:`.layers.depth_to_space`, to a value with this many channels."""
        height, width = self.size(value)
        value = self.reshape(value, [height, width, factor, factor * channels])
        value = self.transpose(value, [0, 2, 1, 3])
        return self.reshape(value, [1, self.times(height, factor), self.times(width, factor), channels])

    def layer(self, value: str, layer: nn.Module, *, exact: bool = False) -> str:
        """Add a training layer; its output is float.

        Args:
            value: its input.
            layer: the layer.
            exact: a float layer's weights must not be stored in 8 bits, even among integer layers.
        """
        if isinstance(layer, Pointwise):
            weight, bias = array(layer.weight).T, array(layer.bias)
            return self.product(value, weight, bias, self._ranges.get(layer), exact=exact)
        if isinstance(layer, Depthwise):
            return self._convolution(value, layer)
        if isinstance(layer, Mix):
            t = self.layer(self.activated(value, layer.a, layer.d), layer.d)
            return self.add(value, self.layer(self.prepared(t, layer.b), layer.b))
        if isinstance(layer, Block):
            if layer.mix is not None:
                value = self.layer(value, layer.mix)
            t = self.activated(value, layer.f1, layer.f2)
            return self.add(value, self.layer(t, layer.f2))
        if isinstance(layer, nn.Sequential):
            for part in layer:
                value = self.layer(value, part)
            return value
        raise TypeError(f"no ONNX form for {type(layer).__name__}")

    def activated(self, value: str, layer: nn.Module, following: nn.Module) -> str:
        """``relu(layer(value))`` as ``following`` takes it.

        An integer layer's input range after a ReLU starts at 0: rounding to it rectifies as well.
        """
        if layer not in self._ranges or following not in self._ranges:
            return self.relu(self.layer(value, layer))
        return self.rounded(self._convolution(value, layer), self._ranges[following])

    def prepared(self, value: str, following: nn.Module) -> str:
        """``value`` as ``following`` takes it: to be moved about as 8-bit levels rather than as floats."""
        if following in self._ranges and value not in self._grids:
            return self.rounded(value, self._ranges[following])
        return value

    def rounded(self, value: str, between: tuple[float, float]) -> str:
        """Round to 256 levels; below and above, clip."""
        low, high = min(between[0], 0.0), max(between[1], 0.0)
        scale = float(np.float32(max(high - low, 1e-6) / 255))
        zero = round(-low / scale)
        return self.on_grid(
            self.node(
                "QuantizeLinear", value, self.constant(np.float32(scale)), self.constant(np.uint8(zero))
            ),
            scale,
            zero,
        )

    def on_grid(self, levels: str, scale: float, zero: int) -> str:
        """Say what 8-bit levels stand for: ``scale * (level - zero)``."""
        self._grids[levels] = scale, zero
        return levels

    def _floats(self, value: str) -> str:
        """What a layer takes: 8-bit levels become the values they stand for."""
        if value not in self._grids:
            return value
        scale, zero = self._grids[value]
        grid = self.constant(np.float32(scale)), self.constant(np.uint8(zero))
        return self.node("DequantizeLinear", value, *grid)

    def product(
        self,
        value: str,
        weight: NDArray[np.float32],
        bias: NDArray[np.float32],
        between: tuple[float, float] | None = None,
        *,
        exact: bool = True,
    ) -> str:
        """A matrix product over the channels: weights ``(in, out)``; an integer one with an input range."""
        height, width = self.size(value)
        if between is not None and value not in self._grids:
            value = self.rounded(value, between)
        rows = self.reshape(value, [-1, weight.shape[0]])
        if between is None:
            stored = self.half(weight) if exact or not self._ranges else self.eight_bits(weight)
            weights = stored, self.constant(bias.astype(np.float32))
        else:
            weights = self._integers(weight, bias, 1, self._grids[rows][0])
        out = self.node("Gemm", self._floats(rows), *weights)
        return self.reshape(out, [1, height, width, weight.shape[1]])

    def _convolution(self, value: str, layer: nn.Module) -> str:
        weight = array(layer.weight)
        side = 3 if isinstance(layer, Depthwise) else 1
        weight = weight.reshape(*weight.shape[:2], side, side)
        groups = len(weight) if isinstance(layer, Depthwise) else 1
        if layer in self._ranges:
            value = self.prepared(value, layer)
            operands = self._integers(weight, array(layer.bias), 0, self._grids[value][0])
        else:
            operands = self.half(weight), self.constant(array(layer.bias))
        size = self.size(value)
        out = self.node(
            "Conv",
            self.node("Transpose", self._floats(value), perm=[0, 3, 1, 2]),
            *operands,
            kernel_shape=[side, side],
            pads=[side // 2] * 4,
            group=groups,
        )
        out = self.channels_last(out)
        self._sizes[out] = size
        return out

    def _integers(
        self, weight: NDArray[np.float32], bias: NDArray[np.float32], axis: int, input_scale: float
    ) -> tuple[str, str]:
        """Weights in 8 bits and bias in 32, one scale per output channel, which ``axis`` counts."""
        rest = tuple(i for i in range(weight.ndim) if i != axis)
        scale = np.abs(weight).max(rest) / WEIGHT_LEVELS
        # Where inputs are almost always zero, it is the bias that must find room in its 32 bits.
        scale = np.maximum(scale, np.abs(bias) / (input_scale * 2.0**30))
        scale = np.maximum(scale, 1e-9).astype(np.float32)
        levels = np.rint(weight / np.expand_dims(scale, rest)).astype(np.int8)
        zeros = np.zeros(len(scale), np.int8)
        weights = self.node(
            "DequantizeLinear",
            self.constant(levels),
            self.constant(scale),
            self.constant(zeros),
            axis=axis,
        )
        scale = (scale * np.float32(input_scale)).astype(np.float32)
        whole = np.rint(bias.astype(np.float64) / scale).astype(np.int32)
        biases = self.node(
            "DequantizeLinear",
            self.constant(whole),
            self.constant(scale),
            self.constant(zeros.astype(np.int32)),
            axis=0,
        )
        return weights, biases

    def number(self, size: str | int) -> str:
        """A dimension or a number, as a value of the graph."""
        return size if isinstance(size, str) else self.constant(np.array([size]))

    def _dimension(self, value: str, axis: int) -> str:
        return self.node("Shape", value, start=axis, end=axis + 1)

    def half(self, weight: NDArray[np.float32]) -> str:
        """Store weights in half precision; the engine widens them once, when it loads the graph."""
        return self.cast(self.constant(weight.astype(np.float16)), TensorProto.FLOAT)

    def eight_bits(self, weight: NDArray[np.float32]) -> str:
        """Store weights ``(in, out)`` in 8 bits with a scale per output; the engine widens them likewise."""
        scale = np.maximum(np.abs(weight).max(0) / 127, 1e-9).astype(np.float32)
        levels = self.constant(np.rint(weight / scale).astype(np.int8))
        return self.mul(self.cast(levels, TensorProto.FLOAT), self.constant(scale))

    def _kept(self, before: str, after: str) -> str:
        """Moving values about leaves what they stand for."""
        return self.on_grid(after, *self._grids[before]) if before in self._grids else after

    def finish(self) -> onnx.ModelProto:
        """The checked model."""
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
            producer_name="pgic",
        )
        onnx.checker.check_model(model)
        return model


def array(parameter: object) -> NDArray[np.float32]:
    """A parameter as float32."""
    return parameter.detach().cpu().float().numpy()  # type: ignore[attr-defined]
