"""Writing ONNX graphs from the training layers, node by node.

The exported graphs use ``(N, C, H, W)``, which is what ONNX convolutions take; a :class:`Pointwise` layer
becomes a 1x1 convolution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from .layers import Block, Depthwise, Mix, Pointwise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["GraphWriter"]

_OPSET = 17
_IR_VERSION = 8


class GraphWriter:
    """Collects nodes; every method that adds one returns the name of its output.

    Args:
        name: of the graph.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._count = 0

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

    def constant(self, value: NDArray[np.generic]) -> str:
        """Store an array in the graph."""
        self._count += 1
        name = f"c{self._count}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: object) -> str:
        """Add one node with one output."""
        self._count += 1
        out = f"{operator.lower()}{self._count}"
        self._nodes.append(helper.make_node(operator, list(inputs), [out], name=out, **attributes))
        return out

    def split(self, value: str, sizes: Sequence[int], axis: int = 1) -> list[str]:
        """Cut along an axis."""
        self._count += 1
        outs = [f"split{self._count}_{i}" for i in range(len(sizes))]
        self._nodes.append(
            helper.make_node("Split", [value, self.constant(np.array(sizes, np.int64))], outs, axis=axis)
        )
        return outs

    def concat(self, values: Sequence[str], axis: int = 1) -> str:
        """Join along an axis."""
        return self.node("Concat", *values, axis=axis)

    def gather(self, value: str, indices: Sequence[int] | NDArray[np.int64], axis: int = 1) -> str:
        """Pick channels."""
        return self.node("Gather", value, self.constant(np.asarray(indices, np.int64)), axis=axis)

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

    def space_to_depth(self, value: str, factor: int) -> str:
        """As :func:`.layers.space_to_depth`."""
        return self.node("SpaceToDepth", value, blocksize=factor)

    def depth_to_space(self, value: str, factor: int) -> str:
        """As :func:`.layers.depth_to_space`."""
        return self.node("DepthToSpace", value, blocksize=factor, mode="DCR")

    def convolution(
        self,
        value: str,
        weight: NDArray[np.float32],
        bias: NDArray[np.float32],
        *,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
    ) -> str:
        """A convolution with weights ``(out, in / groups, k, k)``."""
        return self.node(
            "Conv",
            value,
            self._half(weight),
            self.constant(bias.astype(np.float32)),
            kernel_shape=list(weight.shape[2:]),
            strides=[stride, stride],
            pads=[padding] * 4,
            group=groups,
        )

    def _half(self, weight: NDArray[np.float32]) -> str:
        """Store weights in half precision; the engine widens them once, when it loads the graph."""
        return self.cast(self.constant(weight.astype(np.float16)), TensorProto.FLOAT)

    def layer(self, value: str, layer: nn.Module) -> str:
        """Add a training layer."""
        if isinstance(layer, Pointwise):
            return self.convolution(value, array(layer.weight)[:, :, None, None], array(layer.bias))
        if isinstance(layer, Depthwise):
            channels = layer.weight.shape[0]
            return self.convolution(value, array(layer.weight), array(layer.bias), padding=1, groups=channels)
        if isinstance(layer, Mix):
            t = self.relu(self.layer(value, layer.a))
            t = self.relu(self.layer(t, layer.d))
            return self.add(value, self.layer(t, layer.b))
        if isinstance(layer, Block):
            if layer.mix is not None:
                value = self.layer(value, layer.mix)
            t = self.relu(self.layer(value, layer.f1))
            return self.add(value, self.layer(t, layer.f2))
        if isinstance(layer, nn.Sequential):
            for part in layer:
                value = self.layer(value, part)
            return value
        raise TypeError(f"no ONNX form for {type(layer).__name__}")

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
    return parameter.detach().cpu().float().numpy()  # type: ignore[attr-defined, no-any-return]
