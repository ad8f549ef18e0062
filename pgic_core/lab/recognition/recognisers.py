"""Recognisers by name: those of plugins (hook ``recognise``), detectors from files, text, and classes."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import PgiOptionError, PgiUnsupportedError
from .recognition_scores import Seen, seen_from_maps

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from .onnx_detectors import FastestDetector, YoloxDetector
    from .recognition_scores import Kind

__all__ = ["CLASSES", "FASTEST", "TEXT", "YOLOX", "Recogniser", "find_recogniser"]

TEXT = "rapidocr"
"""Name of the recogniser of text."""
CLASSES = "efficientnet-lite0"
"""Name of the classifier of ImageNet's classes."""
YOLOX = "yolox:"
"""What stands before the path of a YOLOX detector (ONNX)."""
FASTEST = "fastestdet:"
"""What stands before the path of a FastestDet detector (ONNX)."""


@dataclass(frozen=True, slots=True)
class Recogniser:
    """Something that recognises.

    Attributes:
        name: as it was asked for.
        kind: what it sees, which decides how it is scored.
        see: takes ``(H, W, 3)`` uint8, RGB, upright.
    """

    name: str
    kind: Kind
    see: Callable[[NDArray[np.uint8]], list[Seen]]


def find_recogniser(name: str) -> Recogniser:
    """The recogniser of this name.

    Args:
        name: :data:`TEXT`; :data:`CLASSES`; :data:`YOLOX` or :data:`FASTEST` and the path of a detector; or
            one that a plugin offers (``pgic plugins`` lists them).

    Raises:
        PgiUnsupportedError: its package is not installed.
        PgiOptionError: no plugin offers it.
        PgiInputError: the file of a detector cannot be read.
    """
    if name == TEXT:
        if importlib.util.find_spec("rapidocr_onnxruntime") is None:
            raise PgiUnsupportedError("Text is read by RapidOCR: pip install rapidocr-onnxruntime.")
        return Recogniser(name, "text", _read_text)
    if name == CLASSES:
        from .classifiers import classify

        return Recogniser(name, "label", classify)
    if name.startswith((YOLOX, FASTEST)):
        return Recogniser(name.rsplit("/", 1)[-1], "boxes", _detector(name).see)
    from ...hooks import offered

    if name not in (known := offered("recognise")):
        raise PgiOptionError(
            f"No plugin offers the recogniser {name!r}; there are {', '.join((TEXT, CLASSES, *known))}."
        )
    return Recogniser(name, "boxes", lambda picture: _by_plugin(name, picture))


def _by_plugin(name: str, picture: NDArray[np.uint8]) -> list[Seen]:
    from ...hooks import recognise_objects

    return seen_from_maps(recognise_objects(name, picture, lambda maps: maps))


def _read_text(picture: NDArray[np.uint8]) -> list[Seen]:
    found, _ = _reader()(picture[..., ::-1])  # it takes BGR
    seen = []
    for points, text, score in found or []:
        across, down = [float(x) for x, _ in points], [float(y) for _, y in points]
        seen.append(Seen(str(text), (min(across), min(down), max(across), max(down)), float(score)))
    return seen


@cache
def _detector(name: str) -> FastestDetector | YoloxDetector:
    from .onnx_detectors import FastestDetector, YoloxDetector

    kind, path = name.split(":", 1)
    return (YoloxDetector if f"{kind}:" == YOLOX else FastestDetector)(Path(path))


@cache
def _reader() -> Any:
    from rapidocr_onnxruntime import RapidOCR

    return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)
