"""Arguments of everything that decodes here: sources, modes, engines, precision."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
import torch

from pgic_core.errors import PgiOptionError

if TYPE_CHECKING:
    from typing import BinaryIO

    from numpy.typing import NDArray

__all__ = [
    "ENGINES",
    "MODES",
    "Engine",
    "PgiSource",
    "engine_for",
    "mode_name",
    "precision",
    "source_of",
]

PgiSource: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | torch.Tensor | NDArray[np.uint8] | BinaryIO"
)
"""A path, the bytes of a file or what holds them in one piece, or a binary file object."""

Engine: TypeAlias = Literal["onnxruntime", "torch"]
"""What runs the networks."""
ENGINES: tuple[Engine, ...] = get_args(Engine)

MODES = ("UNCHANGED", "GRAY", "GRAY_ALPHA", "RGB", "RGB_ALPHA")
"""Names of ``torchvision.io.ImageReadMode``, which itself is deprecated."""


def source_of(source: Any) -> Any:
    """What :func:`pgic_core.open_file` takes: a path, bytes, a memoryview or a binary file object.

    Raises:
        PgiOptionError: it is nothing that this module decodes.
    """
    if isinstance(source, (torch.Tensor, np.ndarray)):
        kind = str(source.dtype).removeprefix("torch.")
        if kind != "uint8" or source.ndim != 1:
            raise PgiOptionError(
                "A tensor or array with a .pgi file in it must be uint8 of one dimension, "
                f"not {kind} of shape {tuple(source.shape)}."
            )
        array = source.cpu().numpy() if isinstance(source, torch.Tensor) else source
        return np.ascontiguousarray(array).data
    if isinstance(source, (bytearray, memoryview)):
        view = memoryview(source)
        return (view if view.c_contiguous else memoryview(view.tobytes())).cast("B")
    if isinstance(source, (str, os.PathLike, bytes)) or hasattr(source, "read"):
        return source
    raise PgiOptionError(
        "A .pgi file is decoded from a path, bytes, a uint8 tensor or array, or a binary file object, "
        f"not from {type(source).__name__}."
    )


def precision(half: bool) -> torch.dtype:
    """What synthesis computes in."""
    return torch.float16 if half else torch.float32


def engine_for(engine: Engine | None, device: torch.device, half: bool) -> Engine:
    """The engine to use.

    Raises:
        PgiOptionError: there is none of that name, or it does not compute in float16.
    """
    if engine is None:
        engine = "onnxruntime" if device.type == "cpu" and not half else "torch"
    if engine not in ENGINES:
        raise PgiOptionError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}.")
    if half and engine != "torch":
        raise PgiOptionError("half needs the engine 'torch'.")
    return engine


def mode_name(mode: object) -> str:
    """A name of :data:`MODES` for one in any case, or for torchvision's enumeration.

    Raises:
        PgiOptionError: it is neither.
    """
    name = getattr(mode, "name", mode)
    if not isinstance(name, str) or name.upper() not in MODES:
        raise PgiOptionError(f"mode must be one of {', '.join(MODES)}, not {mode!r}.")
    return name.upper()
