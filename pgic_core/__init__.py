"""pgic: the image codec and ``.pgi`` file of power-grid inspection (电力设备巡检图像智能编解码).

    import pgic_core

    data = pgic_core.encode(image, quality=80)
    pixels = pgic_core.decode(data)

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from .api import (
        BlockInfo,
        Decoded,
        EncodeOptions,
        FileInfo,
        PgiFile,
        PngText,
        RendererInfo,
        Repair,
        SideData,
        annotate,
        decode,
        decode_latent,
        decode_many,
        decode_with_mask,
        encode,
        encode_to,
        inspect,
        open_file,
        protect,
        repair,
        replicate,
        set_metadata,
        strip_metadata,
        verify,
    )
    from .container import KEEP, Annotation, Box, ImageType, Location, Metadata, Polygon, Severity
    from .errors import (
        PgiChecksumError,
        PgiError,
        PgiFormatError,
        PgiInputError,
        PgiLimitError,
        PgiModelError,
        PgiOptionError,
        PgiTargetError,
        PgiTruncatedError,
        PgiUnsupportedError,
        PgiWarning,
    )
    from .limits import Limits
    from .models import available_models, default_model, find_model
    from .roi import Roi, draw_roi

__all__ = [
    "KEEP",
    "Annotation",
    "BlockInfo",
    "Box",
    "Decoded",
    "EncodeOptions",
    "FileInfo",
    "ImageType",
    "Limits",
    "Location",
    "Metadata",
    "PgiChecksumError",
    "PgiError",
    "PgiFile",
    "PgiFormatError",
    "PgiInputError",
    "PgiLimitError",
    "PgiModelError",
    "PgiOptionError",
    "PgiTargetError",
    "PgiTruncatedError",
    "PgiUnsupportedError",
    "PgiWarning",
    "PngText",
    "Polygon",
    "RendererInfo",
    "Repair",
    "Roi",
    "Severity",
    "SideData",
    "__version__",
    "annotate",
    "available_models",
    "decode",
    "decode_latent",
    "decode_many",
    "decode_with_mask",
    "default_model",
    "draw_roi",
    "encode",
    "encode_to",
    "find_model",
    "inspect",
    "open_file",
    "protect",
    "repair",
    "replicate",
    "set_metadata",
    "strip_metadata",
    "verify",
]

_HOMES = ("errors", "limits", "container", "models", "api", "roi")


def __getattr__(name: str) -> object:
    if name in __all__:
        for home in _HOMES:
            module = import_module(f".{home}", __name__)
            if name in module.__all__:
                value = globals()[name] = getattr(module, name)
                return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
