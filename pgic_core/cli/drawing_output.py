"""Writing a drawing as whatever Pillow writes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ..errors import PgiOptionError

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

__all__ = ["write_drawing"]


def write_drawing(path: Path, drawing: Image.Image) -> None:
    """Write a drawing to a file, in one step.

    Args:
        path: whose suffix says what to write.
        drawing: what to write.

    Raises:
        PgiOptionError: Pillow writes no such file.
        PgiInputError: the file cannot be written.
    """
    from PIL import Image

    from ..container import atomic_write

    out = io.BytesIO()
    try:
        Image.init()
        drawing.save(out, Image.registered_extensions()[path.suffix.lower()])
    except (KeyError, ValueError, OSError) as error:
        raise PgiOptionError(f"{path} cannot be drawn: Pillow writes no such picture.") from error
    atomic_write(path, out.getbuffer())
