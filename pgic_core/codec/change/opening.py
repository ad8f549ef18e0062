"""Opening a change frame of a sequence, whether the camera stood still or moved (``STREAM.md``, "Change")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..tiles_and_windows import Grid
from .change_image import ChangeImage, canvas_of

if TYPE_CHECKING:
    from ..base import CodedImage, Payload

__all__ = ["open_change"]


def open_change(payload: Payload, reference: CodedImage) -> CodedImage:
    """Open a change frame.

    Args:
        payload: its image data.
        reference: the frame that it changes.

    Raises:
        PgiFormatError: the payload breaks a rule of the format.
        PgiUnsupportedError: the reference is not coded by the learned codec, or the version is a later one.
        PgiLimitError: it asks for too much.
    """
    canvas = ChangeImage(payload, canvas_of(reference))
    frame = Grid.square(payload.width, payload.height, canvas.grid.tile)
    if canvas.change.corners is None and canvas.grid == frame:
        return canvas
    # Not imported for cameras that stand still.
    from .warped_image import WarpedImage

    return WarpedImage(canvas, frame)
