"""A network of a model, read from its ONNX file and run by torch.

Weights are those of the file: what it stores in 8 bits is dequantised once, when it is read. Activations are
rounded and clipped as the file says, which includes the rectifiers, and are kept as the numbers that their
levels stand for. Sums are then the same as those of integer kernels but for rounding.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from pgic_core.errors import PgiModelError, PgiUnsupportedError

from .operators import MOVING, OPERATORS, enlarged, fake_quantised, padded, quantised, zeros

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

__all__ = ["TorchNetwork"]


class _Step(NamedTuple):
    """One node.

    Attributes:
        run: takes the values of ``inputs``.
        inputs: names; "" for one that is not given.
        outputs: names.
        over: names of values that no later node needs.
    """

    run: Callable[..., Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    over: tuple[str, ...] = ()


class TorchNetwork:
    """A network on a device.

    Args:
        data: the ONNX file.
        device: where weights and values are.
        dtype: what is computed in: float32, float16 or bfloat16.

    Attributes:
        input_names: of what it takes.

    Raises:
        PgiUnsupportedError: the package onnx is not installed.
        PgiModelError: the file has an operator that is not known here.
    """

    def __init__(self, data: bytes, device: torch.device, dtype: torch.dtype) -> None:
        try:
            import onnx
        except ImportError as error:
            raise PgiUnsupportedError(
                f"Networks in torch need the package onnx (pip install 'pgic[torch]'): {error}"
            ) from error
        graph = onnx.load_model_from_string(data).graph
        given = {initializer.name for initializer in graph.initializer}
        self.input_names = frozenset(i.name for i in graph.input if i.name not in given)
        self._outputs = [output.name for output in graph.output]
        constants = {
            i.name: torch.from_numpy(onnx.numpy_helper.to_array(i).copy()) for i in graph.initializer
        }
        reader = _Reader(constants, device, dtype)
        self._steps = _with_ends(reader.read(graph.node), [*self._outputs, *reader.constants])
        self._dtype = dtype
        self._constants = {
            name: value
            if value.dtype == torch.int64
            else value.to(device, dtype if value.is_floating_point() else None)
            for name, value in reader.constants.items()
        }

    def __call__(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Run it.

        Args:
            inputs: by name; sizes and places (int64) on the CPU, all else on the device, in any type of
                numbers.

        Returns:
            The outputs, in the order of the file.
        """
        known = self._constants
        values: dict[str, Any] = {
            name: value.to(self._dtype) if value.is_floating_point() else value
            for name, value in inputs.items()
        }
        for step in self._steps:
            given = [values[name] if name in values else known.get(name) for name in step.inputs]
            values.update(zip(step.outputs, _several(step.run(*given)), strict=True))
            for name in step.over:
                values.pop(name, None)
        return tuple(values[name] for name in self._outputs)


class _Reader:
    """Turns nodes into steps; what depends on constants alone is computed here and now, in float32.

    Attributes:
        constants: that steps need, by name, on the CPU.
    """

    def __init__(self, constants: dict[str, Tensor], device: torch.device, dtype: torch.dtype) -> None:
        self.constants = constants
        self._device = device
        self._dtype = dtype
        self._users: dict[str, list[Any]] = {}
        self._numbers: set[str] = set()  # what would be levels, and is kept as the numbers they stand for

    def read(self, nodes: Sequence[Any]) -> list[_Step]:
        """All nodes, in their order."""
        for node in nodes:
            for name in node.input:
                self._users.setdefault(name, []).append(node)
        steps = []
        for node in nodes:
            given = all(name in self.constants for name in node.input)
            run, inputs = self._operator(node, torch.float32 if given else self._dtype)
            if given:
                made = _several(run(*(self.constants[name] for name in inputs)))
                self.constants.update(zip(node.output, made, strict=True))
            else:
                steps.append(_Step(run, inputs, tuple(node.output)))
        needed = {name for step in steps for name in step.inputs}
        self.constants = {name: value for name, value in self.constants.items() if name in needed}
        return steps

    def _operator(self, node: Any, dtype: torch.dtype) -> tuple[Callable[..., Any], tuple[str, ...]]:
        """What to call for a node, and with which of its inputs."""
        from onnx import helper

        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        kind, inputs = node.op_type, tuple(node.input)
        if kind == "Cast":
            return partial(_cast, to=attributes["to"], dtype=dtype), inputs
        if kind in ("ConstantOfShape", "Pad"):
            return self._filler(kind, attributes, inputs, dtype)
        if kind == "Resize":
            down, across = (int(scale) for scale in self.constants[inputs[2]].tolist()[2:])
            return partial(enlarged, down=down, across=across), inputs[:1]
        if kind in MOVING and inputs[0] in self._numbers:
            self._numbers.update(node.output)
        if kind == "QuantizeLinear":
            scale, zero = (self.constants[name] for name in inputs[1:])
            undone = self._is_undone(node.output[0], float(scale), int(zero))
            if undone:
                self._numbers.add(node.output[0])
            function = fake_quantised if undone else quantised
            return partial(function, scale=float(scale), zero=int(zero), kind=zero.dtype), inputs[:1]
        if kind == "DequantizeLinear" and inputs[0] in self._numbers:
            return OPERATORS["Identity"], inputs[:1]
        if kind == "DequantizeLinear":
            attributes["dtype"] = dtype
        if kind not in OPERATORS:
            raise PgiModelError(f"The operator {kind} of the model is not known in torch.")
        return partial(OPERATORS[kind], **attributes), inputs

    def _filler(
        self, kind: str, attributes: dict[str, Any], inputs: tuple[str, ...], dtype: torch.dtype
    ) -> tuple[Callable[..., Any], tuple[str, ...]]:
        """What fills with one number, which is read here: to read it later would wait for the device."""
        if kind == "Pad":
            if attributes.get("mode", b"constant") != b"constant":
                raise PgiModelError("A network of the model pads in a way that is not known in torch.")
            number = float(self.constants[inputs[2]]) if len(inputs) > 2 else 0.0
            return partial(padded, number=number), inputs[:2]
        if "value" in attributes:
            raise PgiModelError("A network of the model has a constant that is not known in torch.")
        return partial(zeros, device=self._device, dtype=dtype), inputs

    def _is_undone(self, name: str, scale: float, zero: int) -> bool:
        """Whether levels of this name do nothing but move until they are dequantised."""
        users = self._users.get(name, [])
        return bool(users) and all(
            node.op_type == "Shape"
            or self._undoes(node, scale, zero)
            or (node.op_type in MOVING and all(self._is_undone(out, scale, zero) for out in node.output))
            for node in users
        )

    def _undoes(self, node: Any, scale: float, zero: int) -> bool:
        if node.op_type != "DequantizeLinear":
            return False
        its_scale, its_zero = (self.constants[name] for name in node.input[1:])
        return its_scale.numel() == 1 and (float(its_scale), int(its_zero)) == (scale, zero)


def _with_ends(steps: Sequence[_Step], kept: Sequence[str]) -> list[_Step]:
    """Note after which step each value can go: at 6 megapixels all of them would take gigabytes."""
    seen = set(kept)
    ended = []
    for step in reversed(steps):
        over = tuple(name for name in dict.fromkeys((*step.inputs, *step.outputs)) if name not in seen)
        seen.update(over)
        ended.append(step._replace(over=over))
    return ended[::-1]


def _cast(value: Tensor, *, to: int, dtype: torch.dtype) -> Tensor:
    from onnx import TensorProto

    if to in (TensorProto.FLOAT, TensorProto.FLOAT16):
        return value.to(dtype)
    if to == TensorProto.INT64:
        return value.to("cpu", torch.int64)
    raise PgiModelError("A network of the model casts to a type that is not known in torch.")


def _several(made: Any) -> tuple[Any, ...]:
    return made if isinstance(made, tuple) else (made,)
