"""Regions kept better or exactly: masks, boxes, annotations, models to maps (A-6.4.1b, A-6.4.2b)."""

from .adaptive_cells import RegionsLike, key_cells
from .bounding_box_model import BoxModel, kept_boxes, shipped_box_model
from .exact_regions import ExactLike, exact_boxes, resolve_exact
from .heat_map_model import HeatModel, hot_boxes, shipped_heat_model
from .roi_argument import DEFAULT_STRENGTH, Roi, RoiLike, name_of_regions, resolve_roi
from .roi_drawing import draw_roi
from .roi_grid import BLOCK, grid_shape
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
