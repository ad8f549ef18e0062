"""Pictures with boxes, from COCO, from VOC, or from what ``.pgi`` files say themselves (A-6.3.1c)."""

from __future__ import annotations

import math
import os
import warnings
from collections import defaultdict
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from xml.etree import ElementTree

from pgic_core.api import open_file
from pgic_core.container import Box
from pgic_core.errors import PgiInputError, PgiOptionError, PgiWarning
from pgic_core.folders import file_inside, files_below
from pgic_core.roi.shape_importance import stored_point
from pgic_core.small_files import read_json

from .other_formats import OTHER_EXTENSIONS, is_other

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgic_core.security.keyring import KeysLike

    Corners = tuple[float, float, float, float]
    Named = list[tuple[str, Corners, "Outline"]]

__all__ = ["Annotated", "Labelled", "Outline", "Pictures", "read_coco", "read_own", "read_voc"]

Outline: TypeAlias = "tuple[tuple[float, ...], ...] | dict[str, Any] | None"
"""Polygons (x, y, x, y, ...), or COCO's run lengths as its file has them, or None for a box alone."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One box.

    Attributes:
        corners: left, top, right, bottom in pixels of the picture.
        label: number of its class.
        crowd: whether it stands for many things of that class, as COCO has it.
        outline: of what the box holds.
        points: of it, each x, y and COCO's mark: 0 for one that is not there, 1 hidden, 2 seen.
    """

    corners: Corners
    label: int
    crowd: bool = False
    outline: Outline = None
    points: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Annotated:
    """One picture and its boxes.

    Attributes:
        path: the file.
        image_id: COCO's, else its place in the dataset.
        boxes: in the order of the source.
    """

    path: Path
    image_id: int
    boxes: tuple[Labelled, ...]


class Pictures:
    """The picture files below a folder, found by name in any case.

    Args:
        root: the folder.
        others: take pictures of other formats where there is no ``.pgi``.

    Attributes:
        left_out: paths of such, where they are not taken.
    """

    def __init__(self, root: Path, *, others: bool) -> None:
        self.root = root
        self._others = others
        self.left_out: list[str] = []
        self._names: dict[Path, dict[str, str]] = {}

    def find(self, name: str) -> Path | None:
        """The picture of a name with any suffix: the ``.pgi``, or else the file itself.

        Args:
            name: relative to the root.

        Returns:
            Its path; that of the ``.pgi`` where there is neither; None where there is only a picture of
            another format, which is not wanted.

        Raises:
            PgiInputError: the name leads out of the folder.
        """
        named = file_inside(self.root, name)
        wanted = named.with_suffix(".pgi")
        names = self._names_in(named.parent)
        if (found := names.get(wanted.name.lower())) is not None:
            return named.parent / found
        found = names.get(named.name.lower())
        if found is None or not is_other(found):
            return wanted
        if self._others:
            return named.parent / found
        self.left_out.append(str(named.parent / found))
        return None

    def find_stem(self, stem: str) -> Path | None:
        """As :meth:`find`, of a name without suffix in the folder itself."""
        names = self._names_in(self.root)
        suffix = next((one for one in (".pgi", *OTHER_EXTENSIONS) if f"{stem.lower()}{one}" in names), ".pgi")
        return self.find(f"{stem}{suffix}")

    def _names_in(self, folder: Path) -> dict[str, str]:
        """Names of files by their lower case."""
        if folder not in self._names:
            try:
                names = sorted(os.listdir(folder), reverse=True)
            except OSError:
                names = []
            self._names[folder] = {name.lower(): name for name in names} | {name: name for name in names}
        return self._names[folder]


def read_coco(
    path: Path,
    pictures: Pictures,
    wanted: Sequence[str] | None,
    *,
    outlines: bool = False,
    points: bool = False,
) -> tuple[list[Annotated], dict[int, str]]:
    """Read a COCO file of object instances.

    Args:
        path: the JSON file.
        pictures: its file names start from their folder.
        wanted: names of the categories to take, or None for all.
        outlines: read segmentations too.
        points: read keypoints too.

    Returns:
        Pictures by id, and names of the categories by their id.

    Raises:
        PgiInputError: it cannot be read, is no such file, or names a picture outside the folder.
        PgiOptionError: it has no category of a name that is wanted.
    """
    content = read_json(path, "a COCO file", most_bytes=None)
    try:
        classes = {_number(item["id"]): str(item["name"]) for item in content["categories"]}
        files = {_number(item["id"]): pictures.find(item["file_name"]) for item in content["images"]}
        boxes: dict[int, list[Labelled]] = defaultdict(list)
        flat = []
        for item in content.get("annotations", ()):
            box = _coco_box(item, outlines, points)
            boxes[_number(item["image_id"])].append(box)
            if not _has_area(box.corners):
                flat.append(f"annotation {item.get('id')}")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise _unreadable(path, "COCO", error) from error
    _tell_flat(path, flat)
    if wanted is not None:
        lacking = sorted(set(wanted) - set(classes.values()))
        if lacking:
            raise PgiOptionError(f"{path} has no category {lacking[0]!r}.")
        classes = {number: name for number, name in classes.items() if name in wanted}
    found = [
        Annotated(file, number, tuple(box for box in boxes[number] if box.label in classes))
        for number, file in sorted(files.items())
        if file is not None
    ]
    return found, classes


def _coco_box(item: dict[str, Any], outlines: bool, points: bool) -> Labelled:
    try:
        left, top, width, height = map(float, item["bbox"])
        if not all(map(math.isfinite, (left, top, width, height))):
            raise ValueError
    except (ValueError, TypeError, KeyError):
        box = item.get("bbox", "none")
        raise ValueError(
            f"annotation {item.get('id')} has the box {str(box)[:40]}, which is not four numbers"
        ) from None
    outline: Outline = None
    if outlines and (found := item.get("segmentation")):
        outline = found if isinstance(found, dict) else tuple(tuple(map(float, part)) for part in found)
    given = list(map(float, item.get("keypoints", ()))) if points else []
    return Labelled(
        (left, top, left + width, top + height),
        _number(item["category_id"]),
        bool(item.get("iscrowd", 0)),
        outline,
        tuple(zip(given[::3], given[1::3], given[2::3], strict=True)),
    )


def read_voc(
    folder: Path, pictures: Pictures, wanted: Sequence[str] | None
) -> tuple[list[Annotated], dict[int, str]]:
    """Read a folder of PASCAL VOC files.

    Args:
        folder: with one ``name.xml`` for each picture.
        pictures: ``name.pgi`` in their folder.
        wanted: names of the classes, which are numbered from 1 in this order; None for all, sorted.

    Returns:
        Pictures by name, and names of the classes by number.

    Raises:
        PgiInputError: a file cannot be read, or is none of these.
    """
    paths = [path for path in sorted(folder.glob("*.xml")) if path.is_file()]
    pairs = [(pictures.find_stem(path.stem), path) for path in paths]
    found = [(picture, path, _voc_boxes(path)) for picture, path in pairs if picture is not None]
    _tell_flat(folder, [path.name for _, path, boxes in found for _, box, _ in boxes if not _has_area(box)])
    return _numbered([(picture, boxes) for picture, _, boxes in found], wanted)


def read_own(
    root: Path, wanted: Sequence[str] | None, *, upright: bool = False, keys: KeysLike | None = None
) -> tuple[list[Annotated], dict[int, str]]:
    """Read the annotations that ``.pgi`` files hold; a polygon gives the box around it.

    Args:
        root: folder that is searched, with all folders in it.
        wanted: as for :func:`read_voc`.
        upright: give them in pixels of the upright picture, instead of the stored one.
        keys: of encrypted files.

    Returns:
        Pictures by path, and names of the classes by number.

    Raises:
        PgiError: a file cannot be read.
    """
    found = sorted(Path(path) for path in files_below(root, {".pgi"}, hidden=True))
    return _numbered([(path, _own_boxes(path, upright, keys)) for path in found], wanted)


def _numbered(
    found: list[tuple[Path, Named]], wanted: Sequence[str] | None
) -> tuple[list[Annotated], dict[int, str]]:
    names = sorted({name for _, boxes in found for name, _, _ in boxes}) if wanted is None else wanted
    number_of = {name: number for number, name in enumerate(names, 1)}
    pictures = [
        Annotated(
            path,
            place,
            tuple(
                Labelled(corners, number_of[name], outline=outline)
                for name, corners, outline in boxes
                if name in number_of
            ),
        )
        for place, (path, boxes) in enumerate(found)
    ]
    return pictures, {number: name for name, number in number_of.items()}


def _voc_boxes(path: Path) -> Named:
    boxes: Named = []
    try:
        for item in ElementTree.parse(path).getroot().iter("object"):
            left, top, right, bottom = (
                float(_text(item, f"bndbox/{name}")) for name in ("xmin", "ymin", "xmax", "ymax")
            )
            if not all(map(math.isfinite, (left, top, right, bottom))):
                raise ValueError("an object has a box without bounds")
            boxes.append((_text(item, "name").strip(), (left, top, right, bottom), None))
    except (OSError, ValueError, LookupError, ElementTree.ParseError) as error:
        raise _unreadable(path, "PASCAL VOC", error) from error
    return boxes


def _has_area(corners: Corners) -> bool:
    left, top, right, bottom = corners
    return left < right and top < bottom


def _tell_flat(path: Path, places: list[str]) -> None:
    """Warn of boxes without area, which no item has.

    Args:
        path: of the annotations.
        places: of each such box.
    """
    if places:
        further = f" and {len(places) - 1} more" if len(places) > 1 else ""
        text = f"{path}: {places[0]}{further} left out, for the box has no area."
        warnings.warn(PgiWarning(text), stacklevel=4)


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


def _own_boxes(path: Path, upright: bool, keys: KeysLike | None) -> Named:
    boxes: Named = []
    with open_file(path, keys=keys) as file:
        orientation = 1 if upright else file.orientation
        for annotation in file.annotations:
            points = [
                stored_point(point, orientation, file.height, file.width) for point in annotation.shape.points
            ]
            across, down = zip(*points, strict=True)
            corners = (min(across), min(down), max(across), max(down))
            polygon = None if isinstance(annotation.shape, Box) else (tuple(chain.from_iterable(points)),)
            boxes.append((annotation.label, corners, polygon))
    return boxes


def _unreadable(path: Path, kind: str, error: Any) -> PgiInputError:
    reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    return PgiInputError(f"{path} cannot be read as a {kind} file: {reason}.")
