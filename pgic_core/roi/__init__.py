"""Regions of interest: masks, boxes, annotations and models to the map of the stream (A-6.4.1b, A-6.4.2b)."""

from .blocks import BLOCK, grid_shape
from .drawing import draw_roi
from .network import HeatModel, hot_boxes, shipped_heat_model
from .resolve import DEFAULT_STRENGTH, Roi, RoiLike, resolve_roi
from .saliency import saliency

__all__ = [
    "BLOCK",
    "DEFAULT_STRENGTH",
    "HeatModel",
    "Roi",
    "RoiLike",
    "draw_roi",
    "grid_shape",
    "hot_boxes",
    "resolve_roi",
    "saliency",
    "shipped_heat_model",
]
