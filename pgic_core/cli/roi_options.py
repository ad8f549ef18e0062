"""``--roi`` and what belongs to it, and ``--exact``."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import PgiInputError, PgiOptionError
from ..small_files import read_json
from .command_base import option
from .drawing_output import write_drawing
from .value_types import OUTPUT_FILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

    from ..roi import ExactLike, Roi

__all__ = ["roi_options", "shapes_in", "show_roi_map"]

_GROUP = "Regions of interest"


def roi_options(command: Callable[..., None]) -> Callable[..., None]:
    """``--roi``, its strengths, ``--show-roi`` and ``--exact``.

    ``command`` gets them as ``roi``, ``show_roi`` and ``exact``.
    """

    @functools.wraps(command)
    def bundled(
        *,
        roi: str | None,
        roi_strength: float | None,
        roi_background: float,
        exact: tuple[str, ...],
        **others: Any,
    ) -> None:
        command(roi=_roi_of(roi, roi_strength, roi_background), exact=_exact_of(exact), **others)

    made: Callable[..., None] = bundled
    for decorate in (
        option(
            "--exact",
            multiple=True,
            metavar="X,Y,W,H|FILE.json|NAME",
            group=_GROUP,
            help="Keep parts bit for bit: a box in pixels of the upright picture (may be repeated), the "
            "boxes or annotations in a JSON file (4,096 at most), or what a model finds.",
        ),
        option(
            "--show-roi",
            type=OUTPUT_FILE,
            metavar="PICTURE",
            group=_GROUP,
            help="Write a picture file that shows the parts kept better.",
        ),
        option(
            "--roi-background",
            type=click.FloatRange(-4, 4),
            default=0.0,
            metavar="X",
            group=_GROUP,
            advanced=True,
            help="Quality of all else, -4 to 4 octaves; below 0 is coarser. [default: 0]",
        ),
        option(
            "--roi-strength",
            type=click.FloatRange(0, 4),
            metavar="X",
            group=_GROUP,
            advanced=True,
            help="How much better, 0 to 4 octaves of the quantisation step. [default: 1]",
        ),
        option(
            "--roi",
            metavar="NAME|FILE.json",
            group=_GROUP,
            help="Keep parts better: those that a model of this NAME finds ('pgic plugins' lists models), or "
            "those in a JSON file with a list of boxes [x, y, width, height] or of annotations "
            "(4,096 at most).",
        ),
    ):
        made = decorate(made)
    return made


def _roi_of(roi: str | None, strength: float | None, background: float) -> Roi | None:
    """What the options ask for.

    Args:
        roi: name of a model, or of a JSON file.
        strength: octaves, or None for the usual.
        background: octaves.

    Raises:
        click.UsageError: the file is missing or holds no list, or the other options stand without ``roi``.
    """
    if roi is None:
        if strength is not None or background:
            raise click.UsageError("--roi-strength and --roi-background need --roi.")
        return None
    from ..roi import DEFAULT_STRENGTH, Roi

    source = _shapes_of(Path(roi)) if roi.lower().endswith(".json") else roi
    return Roi(source, DEFAULT_STRENGTH if strength is None else strength, background)


def _exact_of(given: tuple[str, ...]) -> ExactLike | None:
    """What ``--exact`` asks for.

    Args:
        given: boxes as ``X,Y,W,H``, names of JSON files, or the name of a model alone.

    Raises:
        click.UsageError: one is none of these, or a name does not stand alone.
    """
    shapes: list[object] = []
    for text in given:
        if text.lower().endswith(".json"):
            shapes += _shapes_of(Path(text))
        elif "," in text:
            try:
                box = [float(number) for number in text.split(",")]
            except ValueError as error:
                raise click.UsageError(f"--exact {text}: a box is X,Y,WIDTH,HEIGHT in pixels.") from error
            if len(box) != 4:
                raise click.UsageError(f"--exact {text}: a box is X,Y,WIDTH,HEIGHT in pixels.")
            shapes.append(box)
        elif len(given) == 1:
            return text
        else:
            raise click.UsageError(f"--exact {text}: the name of a model stands alone.")
    return shapes or None


def show_roi_map(path: Path, image: Image.Image, coded: bytes) -> None:
    """Draw the map of a coded picture on the photo that it was made from.

    Args:
        path: of the drawing.
        image: the photo.
        coded: the ``.pgi`` file.

    Raises:
        PgiOptionError: the picture has no map, or Pillow cannot write such a file.
        PgiInputError: the file cannot be written.
    """
    from ..api import open_file
    from ..roi import draw_roi

    with open_file(coded) as file:
        roi = file.roi
    if roi is None:
        raise PgiOptionError("There is no ROI map to show: no part of the picture was kept better.")
    write_drawing(path, draw_roi(image, roi))


def _shapes_of(path: Path) -> list[object]:
    try:
        return shapes_in(read_json(path), str(path))
    except PgiInputError as error:
        raise click.UsageError(str(error)) from error


def shapes_in(value: object, name: str) -> list[object]:
    """Boxes or annotations of a JSON file: a list, or the "annotations" of an object.

    Args:
        value: what the file holds.
        name: of the file, for the message.

    Raises:
        click.UsageError: it is neither.
    """
    if isinstance(value, dict):
        value = value.get("annotations")
    if not isinstance(value, list):
        raise click.UsageError(f"{name} holds no list of boxes or annotations.")
    return value
