"""Recognisers cut down to their features, as ONNX files for :mod:`.recognition_tuning`.

``python -m pgic_core.lab.training.recogniser_features FOLDER --recogniser yolox:FILE.onnx`` writes
``FOLDER/yolox.onnx``. Features are what the network holds before each layer that halves the size. The files
take red, green and blue in grey levels, as recognition tuning gives them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from ...errors import PgiError, PgiInputError, PgiOptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["before_halvings", "cut", "main", "yolox_features"]

INPUT = "picture"
_YOLOX, _CLASSES = "yolox:", "efficientnet-lite0"
_FOCUSED = 12  # channels that YOLOX makes of 2 x 2 pixels
_SIDE = 256  # pixels of the example that EfficientNet is traced with


def before_halvings(model: onnx.ModelProto) -> list[str]:
    """Values that convolutions with a stride of two take, in order."""
    return [
        node.input[0]
        for node in model.graph.node
        if node.op_type == "Conv"
        and any(a.name == "strides" and list(a.ints) == [2, 2] for a in node.attribute)
    ]


def cut(model: onnx.ModelProto, outputs: Sequence[str]) -> onnx.ModelProto:
    """A model that gives these values, without the nodes that they do not need."""
    needed, nodes = set(outputs), []
    for node in reversed(model.graph.node):
        if needed & set(node.output):
            nodes.append(node)
            needed |= set(node.input)
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(
        nodes[::-1],
        "features",
        list(model.graph.input),
        values,
        [constant for constant in model.graph.initializer if constant.name in needed],
    )
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def yolox_features(path: Path, further: Sequence[str] = ()) -> onnx.ModelProto:
    """Features of a YOLOX detector (Ge et al. 2021), backbone and path aggregation.

    Its first nodes gather the four pixels of each 2 x 2 in blue, green and red. A convolution does that here.

    Args:
        path: of the ONNX file.
        further: values of it that count as features, too.

    Raises:
        PgiInputError: the file cannot be read, or begins otherwise.
    """
    model = _folded(path)
    nodes = list(model.graph.node)
    first = next((number for number, node in enumerate(nodes) if node.op_type == "Conv"), len(nodes))
    shapes = {constant.name: list(constant.dims) for constant in model.graph.initializer}
    if first == len(nodes) or shapes.get(nodes[first].input[1], [0, 0])[1] != _FOCUSED:
        raise PgiInputError(f"{path} does not begin as a YOLOX detector does.")
    focus = helper.make_node("Conv", [INPUT, "focus"], [nodes[first].input[0]], strides=[2, 2])
    graph = helper.make_graph(
        [focus, *nodes[first:]],
        "yolox",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", 3, "height", "width"])],
        [],
        [*model.graph.initializer, numpy_helper.from_array(_focus(), "focus")],
    )
    whole = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    return cut(whole, [*before_halvings(model), *further])


def _focus() -> NDArray[np.float32]:
    """Upper left, lower left, upper right and lower right of 2 x 2 pixels, each as blue, green, red."""
    kernel = np.zeros((_FOCUSED, 3, 2, 2), np.float32)
    for place, (row, column) in enumerate([(0, 0), (1, 0), (0, 1), (1, 1)]):
        for channel in range(3):
            kernel[3 * place + channel, 2 - channel, row, column] = 1
    return kernel


def efficientnet_features() -> onnx.ModelProto:
    """Features of EfficientNet-Lite0, from the packages that :mod:`..recognition.classifiers` names."""
    import torch

    from ..recognition.classifiers import classifier

    net: Any = classifier()

    class Features(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, ...]:
            t = net._swish(net._bn0(net._conv_stem((picture - 127.0) / 128.0)))
            seen = []
            for block in net._blocks:
                before, t = t, block(t)
                if t.shape[-1] < before.shape[-1]:
                    seen.append(before)
            return (*seen, t)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "traced.onnx"
        axes = {INPUT: {0: "batch", 2: "height", 3: "width"}}
        example = (torch.zeros(1, 3, _SIDE, _SIDE),)
        torch.onnx.export(
            Features(), example, str(path), dynamo=False, input_names=[INPUT], dynamic_axes=axes
        )
        model = _folded(path)
    return cut(model, [output.name for output in model.graph.output])


def _folded(path: Path) -> onnx.ModelProto:
    """A model whose constants are folded, so that mostly layers are left.

    Raises:
        PgiInputError: it cannot be read.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        try:
            onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime has no common base class of its own
            raise PgiInputError(f"{path} is no network that ONNX Runtime can load.") from error
        return onnx.load(options.optimized_model_filepath)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument(
        "--recogniser", action="append", required=True, help=f"{_YOLOX}FILE or {_CLASSES}; may be repeated"
    )
    parser.add_argument(
        "--value", action="append", default=[], help="of a YOLOX file: a value that counts as a feature, too"
    )
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    try:
        for name in given.recogniser:
            if name.startswith(_YOLOX):
                model = yolox_features(Path(name.removeprefix(_YOLOX)), given.value)
            elif name == _CLASSES:
                model = efficientnet_features()
            else:
                raise PgiOptionError(f"There are no features of {name}: give {_YOLOX}FILE or {_CLASSES}.")
            onnx.save(model, str(given.folder / f"{name.partition(':')[0]}.onnx"))
    except PgiError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
