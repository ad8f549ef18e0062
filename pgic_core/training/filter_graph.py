"""A picture's own filter as an ONNX graph (see :mod:`pgic_core.codec.filter`, beside which it lies).

Nothing of it is trained: its weights are inputs, which come from the file. ``python -m
pgic_core.training.filter_graph`` writes it anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from ..codec.filter import ACTIVITY_STEP, ACTIVITY_STEPS, BLOCK, PATH
from .graph import GraphWriter

if TYPE_CHECKING:
    import onnx

__all__ = ["filter_graph"]


def filter_graph() -> onnx.ModelProto:
    """Pixels ``(1, H + 4, W + 4, 3)`` with the kernels of two rows, to pixels ``(1, H, W, 3)``.

    ``H`` and ``W`` are multiples of 4. All numbers are whole multiples of a power of two, which float32 adds
    up exactly in any order as long as they stay within 24 bits. Two rows at once, because engines first copy
    what each result sees: so they copy 90 numbers for two pixels in place of 150.
    """
    g = GraphWriter("filter")
    picture = g.input("picture", [1, "H", "W", 3], TensorProto.UINT8)
    kernels = g.input("kernels", [14, 3, 6, 5])
    levels = g.channels_first(g.cast(picture, TensorProto.FLOAT))
    results = g.node("Conv", levels, kernels, kernel_shape=[6, 5], strides=[2, 1])
    colours, more, busy = g.split(results, [6, 6, 2], axis=1)
    block = [BLOCK // 2, BLOCK]
    means = g.node("AveragePool", g.node("Abs", busy), kernel_shape=block, strides=block)
    mean = g.node("ReduceMean", means, axes=[1])
    steps = g.node("Floor", g.mul(mean, g.constant(np.float32(1 / ACTIVITY_STEP))))
    activity = g.mul(
        g.node("Min", steps, g.constant(np.float32(ACTIVITY_STEPS))),
        g.constant(np.float32(1 / ACTIVITY_STEPS)),
    )
    activity = g.node(
        "Resize",
        activity,
        "",
        g.constant(np.array([1, 1, *block], np.float32)),
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    one, zero = g.constant(np.float32(1)), g.constant(np.uint8(0))
    rounded = g.node("QuantizeLinear", g.add(colours, g.mul(activity, more)), one, zero)
    rows = [g.channels_last(row) for row in g.split(rounded, [3, 3], axis=1)]
    height, width = g.size(rows[0])
    filtered = g.reshape(g.concat(rows, 2), [1, g.times(height, 2), width, 3])
    g.output("filtered", filtered, [1, "h", "w", 3], TensorProto.UINT8)
    return g.finish()


if __name__ == "__main__":
    PATH.write_bytes(filter_graph().SerializeToString())
