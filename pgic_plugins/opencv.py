"""OpenCV adapter: ``cv2.imread`` and ``cv2.imdecode`` read ``.pgi`` files.

::

    import pgic_plugins.opencv

    pgic_plugins.opencv.install()
    picture = cv2.imread("tower.pgi")            # BGR, upright as EXIF says
    pgic_plugins.opencv.uninstall()

OpenCV has no way to add formats, so :func:`install` puts functions of its own in their place. They look at
the first bytes, decode what is a ``.pgi``, and hand all else to OpenCV's own functions as it came. What took
a function out of the module before (``from cv2 import imread``) keeps OpenCV's.

Flags mean what they mean for other formats: colours come as BGR or with ``IMREAD_COLOR_RGB`` as RGB, pictures
are turned as EXIF says unless ``IMREAD_UNCHANGED`` or ``IMREAD_IGNORE_ORIENTATION`` is given, 16 bits become
8 unless ``IMREAD_ANYDEPTH`` is given, and ``IMREAD_REDUCED_*`` reduces, by 8 from the preview. As with
OpenCV's own formats, a file that cannot be decoded gives None; a :class:`pgic_core.PgiWarning` says why.

Child processes: those of a DataLoader that forks have the functions too. :func:`install` also sets
``PGIC_INSTALL``, at which pgic's start-up hook installs them in processes that start anew.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pgic_core.api import open_file
from pgic_core.codec.average_downscaling import mean_reduce
from pgic_core.codec.orientation import upright_pixels
from pgic_core.errors import PgiError, PgiUnsupportedError, PgiWarning
from pgic_core.magic import MAGIC
from pgic_core.options import FAST, PREVIEW, PREVIEW_FACTOR, DecodeOptions

from ._autoload import ask_children, forget_children
from ._worker_threads import threads_in_worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pgic_core.container.byte_source import SourceLike
    from pgic_core.options import Level
    from pgic_core.security.keyring import KeysLike

__all__ = ["install", "read", "uninstall"]

_NAME = "opencv"
_IGNORE_ORIENTATION = int(cv2.IMREAD_IGNORE_ORIENTATION)
_COLOR_RGB = int(getattr(cv2, "IMREAD_COLOR_RGB", 256))
_REDUCED = {2: 16, 4: 32, 8: 64}
"""The bit of ``IMREAD_REDUCED_*`` for each factor."""

_own: dict[str, Callable[..., Any]] = {}


def install() -> None:
    """Have OpenCV's functions read ``.pgi`` files. Harmless when called again."""
    if not _own:
        for name, function in (
            ("imread", _imread),
            ("imdecode", _imdecode),
            ("haveImageReader", _have_reader),
        ):
            _own[name] = getattr(cv2, name)
            setattr(cv2, name, function)
    ask_children(_NAME)


def uninstall() -> None:
    """Put OpenCV's own functions back, here and in processes that start from now on."""
    for name, function in _own.items():
        setattr(cv2, name, function)
    _own.clear()
    forget_children(_NAME)


def read(source: SourceLike, flags: int = cv2.IMREAD_COLOR, *, keys: KeysLike | None = None) -> NDArray[Any]:
    """Decode a ``.pgi`` file as ``cv2.imread`` decodes other formats.

    Args:
        source: a path, bytes or a binary file object.
        flags: of ``cv2.imread``.
        keys: of an encrypted file, as of :func:`pgic_core.open_file`; ``cv2.imread`` itself looks where
            ``PGIC_KEYS`` says.

    Returns:
        (H, W) grey or (H, W, 3) BGR, uint8; with ``IMREAD_UNCHANGED`` also (H, W, 4) BGRA, and samples of the
        file's own type. Grey with opacity comes as BGRA.

    Raises:
        PgiError: as :func:`pgic_core.decode`; PgiUnsupportedError also for samples that become 8 bits in no
            way that OpenCV knows.
    """
    unchanged = flags == cv2.IMREAD_UNCHANGED
    factor = 1 if unchanged else next((by for by, bit in _REDUCED.items() if flags & bit), 1)
    level: Level = PREVIEW if factor == PREVIEW_FACTOR else FAST
    with open_file(source, keys=keys) as file:
        pixels = file.decode_with(DecodeOptions(level, threads=threads_in_worker()))[0].pixels
        orientation = 1 if unchanged or flags & _IGNORE_ORIENTATION else file.orientation
    if factor in (2, 4):
        pixels = mean_reduce(pixels, factor)
    pixels = upright_pixels(pixels, orientation)
    if unchanged:
        return _in_bgr(pixels)
    if not flags & cv2.IMREAD_ANYDEPTH:
        pixels = _eight_bits(pixels)
    return _of_colours(pixels, flags)


def _of_colours(pixels: NDArray[Any], flags: int) -> NDArray[Any]:
    """(H, W, C) as grey or three colours, by flags; opacity is dropped."""
    colours = pixels[:, :, : 3 if pixels.shape[2] >= 3 else 1]
    grey = not flags & (int(cv2.IMREAD_COLOR) | _COLOR_RGB)
    if flags & int(cv2.IMREAD_ANYCOLOR):
        grey = colours.shape[2] == 1
    if grey:
        if colours.shape[2] == 3:
            return np.asarray(cv2.cvtColor(np.ascontiguousarray(colours), cv2.COLOR_RGB2GRAY))
        return np.ascontiguousarray(colours[:, :, 0])
    if colours.shape[2] == 1:
        return np.repeat(colours, 3, axis=2)
    return np.ascontiguousarray(colours if flags & _COLOR_RGB else colours[:, :, ::-1])


def _in_bgr(pixels: NDArray[Any]) -> NDArray[Any]:
    """All channels, in OpenCV's order."""
    channels = pixels.shape[2]
    if channels == 1:
        return np.ascontiguousarray(pixels[:, :, 0])
    order = {2: [0, 0, 0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    return np.ascontiguousarray(pixels[:, :, order])


def _eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint16:
        return (pixels >> 8).astype(np.uint8)  # as OpenCV reads PNG
    if pixels.dtype != np.uint8:
        raise PgiUnsupportedError(f"Samples of {pixels.dtype.name} need IMREAD_ANYDEPTH or IMREAD_UNCHANGED.")
    return pixels


def _imread(*arguments: Any, **named: Any) -> Any:
    filename: Any = arguments[0] if arguments else named.get("filename")
    try:
        with open(filename, "rb") as file:
            ours = file.read(len(MAGIC)) == MAGIC
    except (OSError, TypeError, ValueError):
        ours = False  # OpenCV says what it says of such names
    return _tried(filename, *arguments[1:], **named) if ours else _own["imread"](*arguments, **named)


def _imdecode(*arguments: Any, **named: Any) -> Any:
    buf = arguments[0] if arguments else named.get("buf")
    data = buf.reshape(-1) if isinstance(buf, np.ndarray) and buf.dtype == np.uint8 else None
    if data is None or data[: len(MAGIC)].tobytes() != MAGIC:
        return _own["imdecode"](*arguments, **named)
    return _tried(np.ascontiguousarray(data).data, *arguments[1:], **named)


def _have_reader(filename: Any) -> bool:
    try:
        with open(filename, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC or bool(_own["haveImageReader"](filename))
    except (OSError, TypeError, ValueError):
        return bool(_own["haveImageReader"](filename))


def _tried(source: Any, *arguments: Any, **named: Any) -> Any:
    """What ``cv2.imread(source, dst, flags)`` or ``cv2.imread(source, flags)`` gives; None for damage."""
    numbers = [value for value in arguments if isinstance(value, int)]
    target = named.get("dst", next((value for value in arguments if isinstance(value, np.ndarray)), None))
    try:
        picture = read(source, int(named.get("flags", numbers[-1] if numbers else cv2.IMREAD_COLOR)))
    except PgiError as error:
        name = f"{os.fsdecode(source)}: " if isinstance(source, (str, os.PathLike)) else ""
        warnings.warn(PgiWarning(f"{name}{error}"), stacklevel=3)
        return None
    if target is not None and target.shape == picture.shape and target.dtype == picture.dtype:
        target[...] = picture
        return target
    return picture
