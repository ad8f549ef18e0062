"""Pictures of other formats in folders that mix them with ``.pgi``, read through Pillow."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageOps
from torchvision.transforms.v2 import functional as F

from pgic_core.errors import PgiError, PgiInputError, PgiUnsupportedError, PgiWarning
from pgic_core.limits import PHOTO_FORMATS
from pgic_core.options import checked_window, window_within

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from pgic_core.options import Window

__all__ = ["OTHER_EXTENSIONS", "is_other", "open_other", "read_other", "tell_left_out"]

OTHER_EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".tif", ".tiff", ".bmp")
"""Suffixes, in lower case, of what counts as a picture of another format."""

_PLAIN = ("1", "L", "LA", "RGB", "RGBA", "CMYK", "YCbCr")
_MODES = {"GRAY": "L", "GRAY_ALPHA": "LA", "RGB": "RGB", "RGB_ALPHA": "RGBA"}


def is_other(source: object) -> bool:
    """Whether a source is the path of a picture of another format."""
    if not isinstance(source, (str, os.PathLike)):
        return False
    return os.path.splitext(os.fsdecode(source))[1].lower() in OTHER_EXTENSIONS


@contextmanager
def open_other(source: Any, *, upright: bool) -> Iterator[Image.Image]:
    """Open a picture of another format; its pixels are read when they are needed.

    Args:
        source: its path.
        upright: turn it as EXIF says.

    Raises:
        PgiInputError: Pillow cannot read it, here or in the block.
    """
    try:
        with Image.open(source, formats=PHOTO_FORMATS) as image:
            yield ImageOps.exif_transpose(image) if upright else image
    except PgiError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PgiInputError(f"{os.fsdecode(source)} cannot be read as a picture: {error}") from error


def read_other(image: Image.Image, mode: str, factor: int, window: Window | None) -> torch.Tensor:
    """Pixels of an opened picture, uint8 (C, h, w).

    Args:
        image: as :func:`open_other` gives it.
        mode: a name of :data:`.decoding.MODES`.
        factor: 1, or how many pixels to average each way.
        window: x, y, width, height in its pixels; a reduced picture covers it with whole pixels.

    Raises:
        PgiUnsupportedError: its pixels do not fit into uint8.
        PgiOptionError: the window is not inside the picture.
    """
    wanted = _MODES.get(mode, image.mode)
    if wanted not in _PLAIN:
        raise PgiUnsupportedError(f"Pixels of mode {wanted} do not fit into uint8.")
    x, y, width, height = window_within(checked_window(window), *image.size)
    left, top = x // factor * factor, y // factor * factor
    right, bottom = (-(-side // factor) * factor for side in (x + width, y + height))
    image = image.crop((left, top, min(right, image.width), min(bottom, image.height))).convert(wanted)
    return F.pil_to_tensor(image.reduce(factor) if factor > 1 else image)


def tell_left_out(root: str | os.PathLike[str], paths: Sequence[str]) -> None:
    """Warn that a folder holds pictures of other formats that a dataset does not read."""
    if paths:
        kinds = sorted({os.path.splitext(path)[1].lower() for path in paths})
        named = f"({', '.join(kinds)})"
        what = (
            f"1 picture of another format {named} is left out"
            if len(paths) == 1
            else f"{len(paths)} pictures of other formats {named} are left out"
        )
        warnings.warn(
            PgiWarning(f"{os.fsdecode(root)}: {what}; others=True reads these formats too."),
            stacklevel=3,
        )
