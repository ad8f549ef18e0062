"""pgic's own hooks: ROI models, preprocessing steps (A-6.2.1), a recogniser, a folder of keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgic_core.hooks import hookimpl
from pgic_core.small_files import MOST_KEY, read_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["offers", "preprocess", "provide_key", "recognise", "roi_map"]

_KEY_FOLDER = "PGIC_KEY_FOLDER"


@hookimpl
def offers() -> dict[str, dict[str, str]]:
    """What there is by name."""
    return {
        "roi": {
            "saliency": "Lines and equipment by their straight edges, without a trained network.",
            "insulator": "Insulators and their faults, by a small network.",
            "panel": "Plates, meters and gauges, and the text on them, by a small network.",
        },
        "preprocess": {
            "denoise": "Median of 3 x 3 pixels.",
            "sharpen": "Unsharp mask of 2 pixels, 80 %.",
            "normalise-light": "Stretch the grey levels that all channels share to the whole range.",
        },
        "recognise": {
            "insulator": "Boxes around insulators and their faults, by the network of the region model.",
            "insulator-detector": "Boxes around insulators, by a small detector.",
        },
    }


@hookimpl
def roi_map(name: str, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Importance maps of the built-in models."""
    from pgic_core.roi import saliency, shipped_heat_model

    return saliency(image) if name == "saliency" else shipped_heat_model(name).importance(image)


@hookimpl
def preprocess(name: str, image: NDArray[Any]) -> NDArray[Any] | None:
    """The built-in steps, for 8-bit grey and RGB pictures; others are left as they are."""
    import numpy as np
    from PIL import Image, ImageFilter, ImageOps

    if image.dtype != np.uint8 or not (image.ndim == 2 or image.shape[2:] == (3,)):
        return None
    picture = Image.fromarray(image)
    if name == "denoise":
        return np.asarray(picture.filter(ImageFilter.MedianFilter(3)))
    if name == "sharpen":
        return np.asarray(picture.filter(ImageFilter.UnsharpMask(2, 80, 2)))
    return np.asarray(ImageOps.autocontrast(picture, 0.5, preserve_tone=True))


@hookimpl
def recognise(name: str, image: NDArray[np.uint8]) -> list[dict[str, object]]:
    """Boxes of the detector, or around connected hot cells of the region model."""
    from pgic_core.roi import hot_boxes, shipped_box_model, shipped_heat_model

    if name == "insulator-detector":
        return shipped_box_model("insulator").find(image)
    return hot_boxes(shipped_heat_model(name), image)


@hookimpl
def provide_key(purpose: str, key_id: str) -> bytes | None:
    """The file ``<key_id>.<purpose>.key`` or ``<key_id>.key`` of the folder in ``PGIC_KEY_FOLDER``."""
    folder = os.environ.get(_KEY_FOLDER)
    if not folder or Path(key_id).name != key_id or key_id.startswith("."):
        return None
    for name in (f"{key_id}.{purpose}.key", f"{key_id}.key"):
        path = Path(folder) / name
        if path.is_file():
            return read_bytes(path, "key", MOST_KEY)
    return None
