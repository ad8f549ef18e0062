"""The post-filter as an ONNX graph, stored beside :mod:`pgic_core.codec.learned.rendering.post_filter`.

Nothing of it is trained: its weights are inputs, which come from the file. ``python -m
pgic_core.lab.training.post_filter_graph`` writes it anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from ...codec.learned.rendering.post_filter import ACTIVITY_STEP, ACTIVITY_STEPS, BLOCK, PATH
from .onnx_writer import GraphWriter

if TYPE_CHECKING:
    import onnx

__all__ = ["filter_graph"]


def filter_graph() -> onnx.ModelProto:
    """Pixels ``(1, H + 2, W + 2, 3)`` with the kernels, to pixels ``(1, H, W, 3)``.

    ``H`` and ``W`` are multiples of 4. All numbers are whole multiples of a power of two, which float32 adds
    up exactly in any order as long as they stay within 24 bits.
    """
    g = GraphWriter("filter")
    picture = g.input("picture", [1, "H", "W", 3], TensorProto.UINT8)
    kernels = g.input("kernels", [7, 3, 3, 3])
    levels = g.channels_first(g.cast(picture, TensorProto.FLOAT))
    results = g.node("Conv", levels, kernels, kernel_shape=[3, 3])
    colours, more, busy = g.split(results, [3, 3, 1], axis=1)
    block = [BLOCK, BLOCK]
    mean = g.node("AveragePool", g.node("Abs", busy), kernel_shape=block, strides=block)
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
    g.output("filtered", g.channels_last(rounded), [1, "h", "w", 3], TensorProto.UINT8)
    return g.finish()


if __name__ == "__main__":
    PATH.write_bytes(filter_graph().SerializeToString())
