"""Regions kept better or exactly: masks, boxes, annotations, models to maps (A-6.4.1b, A-6.4.2b)."""

from .blocks import BLOCK, grid_shape
from .detector import BoxModel, kept_boxes, shipped_box_model
from .drawing import draw_roi
from .exact_regions import ExactLike, exact_boxes, resolve_exact
from .key_cells import RegionsLike, key_cells
from .network import HeatModel, hot_boxes, shipped_heat_model
from .resolve import DEFAULT_STRENGTH, Roi, RoiLike, name_of_regions, resolve_roi
from .saliency import saliency

__all__ = [
    "BLOCK",
    "DEFAULT_STRENGTH",
    "BoxModel",
    "ExactLike",
    "HeatModel",
    "RegionsLike",
    "Roi",
    "RoiLike",
    "draw_roi",
    "exact_boxes",
    "grid_shape",
    "hot_boxes",
    "kept_boxes",
    "key_cells",
    "name_of_regions",
    "resolve_exact",
    "resolve_roi",
    "saliency",
    "shipped_box_model",
    "shipped_heat_model",
]
