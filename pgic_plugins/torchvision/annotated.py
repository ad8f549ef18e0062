"""Pictures with boxes, from COCO, from VOC, or from what ``.pgi`` files say themselves (A-6.3.1c)."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from pgic_core.api import open_file
from pgic_core.data_files import read_json
from pgic_core.errors import PgiInputError, PgiOptionError
from pgic_core.folders import file_inside, files_below
from pgic_core.roi.shapes import stored_point

if TYPE_CHECKING:
    from collections.abc import Sequence

    Corners = tuple[float, float, float, float]
    Named = list[tuple[str, Corners]]

__all__ = ["Annotated", "Labelled", "read_coco", "read_own", "read_voc"]


@dataclass(frozen=True, slots=True)
class Labelled:
    """One box.

    Attributes:
        corners: left, top, right, bottom in pixels of the stored picture.
        label: number of its class.
        crowd: whether it stands for many things of that class, as COCO has it.
    """

    corners: Corners
    label: int
    crowd: bool = False


@dataclass(frozen=True, slots=True)
class Annotated:
    """One picture and its boxes.

    Attributes:
        path: the ``.pgi`` file.
        image_id: COCO's, else its place in the dataset.
        boxes: in the order of the source.
    """

    path: Path
    image_id: int
    boxes: tuple[Labelled, ...]


def read_coco(path: Path, root: Path, wanted: Sequence[str] | None) -> tuple[list[Annotated], dict[int, str]]:
    """Read a COCO file of object instances.

    Args:
        path: the JSON file.
        root: folder that its file names start from; whatever their suffix, the picture is the ``.pgi``.
        wanted: names of the categories to take, or None for all.

    Returns:
        Pictures by id, and names of the categories by their id.

    Raises:
        PgiInputError: it cannot be read, is no such file, or names a picture outside ``root``.
        PgiOptionError: it has no category of a name that is wanted.
    """
    content = read_json(path, "a COCO file", most_bytes=None)
    try:
        classes = {_number(item["id"]): str(item["name"]) for item in content["categories"]}
        files = {
            _number(item["id"]): file_inside(root, item["file_name"]).with_suffix(".pgi")
            for item in content["images"]
        }
        boxes: dict[int, list[Labelled]] = defaultdict(list)
        for item in content.get("annotations", ()):
            left, top, width, height = map(float, item["bbox"])
            corners = (left, top, left + width, top + height)
            box = Labelled(corners, _number(item["category_id"]), bool(item.get("iscrowd", 0)))
            boxes[_number(item["image_id"])].append(box)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise _unreadable(path, "COCO", error) from error
    if wanted is not None:
        lacking = sorted(set(wanted) - set(classes.values()))
        if lacking:
            raise PgiOptionError(f"{path} has no category {lacking[0]!r}.")
        classes = {number: name for number, name in classes.items() if name in wanted}
    pictures = [
        Annotated(file, number, tuple(box for box in boxes[number] if box.label in classes))
        for number, file in sorted(files.items())
    ]
    return pictures, classes


def read_voc(
    folder: Path, root: Path, wanted: Sequence[str] | None
) -> tuple[list[Annotated], dict[int, str]]:
    """Read a folder of PASCAL VOC files.

    Args:
        folder: with one ``name.xml`` for each picture.
        root: folder of the pictures ``name.pgi``.
        wanted: names of the classes, which are numbered from 1 in this order; None for all, sorted.

    Returns:
        Pictures by name, and names of the classes by number.

    Raises:
        PgiInputError: a file cannot be read, or is none of these.
    """
    return _numbered(
        [
            (root / f"{path.stem}.pgi", _voc_boxes(path))
            for path in sorted(folder.glob("*.xml"))
            if path.is_file()
        ],
        wanted,
    )


def read_own(root: Path, wanted: Sequence[str] | None) -> tuple[list[Annotated], dict[int, str]]:
    """Read the annotations that ``.pgi`` files hold; a polygon gives the box around it.

    Args:
        root: folder that is searched, with all folders in it.
        wanted: as for :func:`read_voc`.

    Returns:
        Pictures by path, and names of the classes by number.

    Raises:
        PgiError: a file cannot be read.
    """
    found = sorted(Path(path) for path in files_below(root, {".pgi"}, hidden=True))
    return _numbered([(path, _own_boxes(path)) for path in found], wanted)


def _numbered(
    found: list[tuple[Path, Named]], wanted: Sequence[str] | None
) -> tuple[list[Annotated], dict[int, str]]:
    names = sorted({name for _, boxes in found for name, _ in boxes}) if wanted is None else wanted
    number_of = {name: number for number, name in enumerate(names, 1)}
    pictures = [
        Annotated(
            path,
            place,
            tuple(Labelled(corners, number_of[name]) for name, corners in boxes if name in number_of),
        )
        for place, (path, boxes) in enumerate(found)
    ]
    return pictures, {number: name for name, number in number_of.items()}


def _voc_boxes(path: Path) -> Named:
    try:
        boxes = []
        for item in ElementTree.parse(path).getroot().iter("object"):
            left, top, right, bottom = (
                float(_text(item, f"bndbox/{name}")) for name in ("xmin", "ymin", "xmax", "ymax")
            )
            if not all(map(math.isfinite, (left, top, right, bottom))):
                raise ValueError("an object has a box without bounds")
            boxes.append((_text(item, "name").strip(), (left, top, right, bottom)))
    except (OSError, ValueError, LookupError, ElementTree.ParseError) as error:
        raise _unreadable(path, "PASCAL VOC", error) from error
    return boxes


def _number(value: object) -> int:
    number = int(value)  # type: ignore[call-overload]
    if abs(number) >= 1 << 63:  # tensors hold no more
        raise ValueError(f"the number {str(number)[:40]} is too large")
    return int(number)


def _text(item: ElementTree.Element, path: str) -> str:
    text = item.findtext(path)
    if text is None:
        raise ValueError(f"an object has no {path}")
    return text


def _own_boxes(path: Path) -> Named:
    boxes = []
    with open_file(path) as file:
        orientation = file.orientation
        for annotation in file.annotations:
            points = [
                stored_point(point, orientation, file.height, file.width) for point in annotation.shape.points
            ]
            across, down = zip(*points, strict=True)
            boxes.append((annotation.label, (min(across), min(down), max(across), max(down))))
    return boxes


def _unreadable(path: Path, kind: str, error: Any) -> PgiInputError:
    reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    return PgiInputError(f"{path} cannot be read as a {kind} file: {reason}.")
