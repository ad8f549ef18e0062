"""Codec for deep feature maps (document B): an edge device sends features, the cloud finishes the task.

Two routes: ``codec="hevc"``, prequantisation and repacking around a video codec as the document has it,
and ``codec="pgic"``, an entropy coder of our own. The stream goes by itself or in a ``.pgi``
(:func:`features_file`, :func:`attach_features`). ``.torch`` holds the module to put between the two halves
of a network; nothing else here needs torch.
"""

from __future__ import annotations

from .api import decode_features, encode_features, inspect_features
from .features_in_file import attach_features, features_file, read_features

__all__ = [
    "attach_features",
    "decode_features",
    "encode_features",
    "features_file",
    "inspect_features",
    "read_features",
]
