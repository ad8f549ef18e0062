"""Running networks: models on disk, where they are found, and the engine that runs them."""

from ..options import default_threads
from .entropy_coder_tables import PRECISION, ROWS, ROWS_PER_OCTAVE, Tables
from .levels import Renderer
from .model import Model
from .model_lookup import DIGEST_BYTES, PgiModelWarning, available_models, default_model, find_model
from .onnx_sessions import Network, default_providers, engine_description

__all__ = [
    "DIGEST_BYTES",
    "PRECISION",
    "ROWS",
    "ROWS_PER_OCTAVE",
    "Model",
    "Network",
    "PgiModelWarning",
    "Renderer",
    "Tables",
    "available_models",
    "default_model",
    "default_providers",
    "default_threads",
    "engine_description",
    "find_model",
]
