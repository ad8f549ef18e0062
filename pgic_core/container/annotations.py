"""Fault annotations 故障标注信息 (A-6.3.1c): boxes and polygons with labels.

Coordinates are pixels of the upright picture, that is after its EXIF orientation is applied: x to the
right, y down, continuous, pixel (0, 0) covering 0 to 1 in both. They live in the extension map under
``pgic.annotations``; the same plain maps are their JSON form.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ..errors import PgiFormatError

__all__ = [
    "Annotation",
    "Box",
    "Polygon",
    "Severity",
    "annotations_from_maps",
    "annotations_to_maps",
    "upright_size",
]


class Severity(StrEnum):
    """Grade of a defect, as grid operators use it."""

    GENERAL = "general"
    """一般缺陷"""
    SERIOUS = "serious"
    """严重缺陷"""
    CRITICAL = "critical"
    """危急缺陷"""


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle, edges in pixels; ``left < right`` and ``top < bottom``."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Two opposite corners."""
        return ((self.left, self.top), (self.right, self.bottom))


@dataclass(frozen=True, slots=True)
class Polygon:
    """A closed outline of three or more (x, y) points in pixels; the last joins the first."""

    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Annotation:
    """One fault or object.

    Attributes:
        label: what it is, not empty.
        shape: where it is.
        score: confidence from 0 to 1, or None.
        severity: grade of the defect, or None.
        attributes: further facts; text keys to text, numbers or booleans.
    """

    label: str
    shape: Box | Polygon
    score: float | None = None
    severity: Severity | None = None
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def validate(self, size: tuple[int, int] | None = None) -> None:
        """Check the annotation.

        Args:
            size: width and height in pixels of the upright picture; if given, the shape must lie inside.

        Raises:
            PgiFormatError: it is not sound; the sentence says why.
        """
        if not isinstance(self.label, str) or not self.label:
            raise PgiFormatError("An annotation needs a label that is not empty.")
        what = f"The annotation {self.label!r}"
        _check_shape(self.shape, what, size)
        if self.score is not None and not (_is_number(self.score) and 0 <= self.score <= 1):
            raise PgiFormatError(f"{what} has the score {self.score!r}; it must be from 0 to 1.")
        if self.severity is not None and self.severity not in list(Severity):
            raise PgiFormatError(
                f"{what} has the severity {self.severity!r}, not one of {', '.join(Severity)}."
            )
        if not isinstance(self.attributes, Mapping):
            raise PgiFormatError(f"{what} has attributes that are not a map.")
        for key, value in self.attributes.items():
            if not isinstance(key, str) or not (isinstance(value, (str, bool)) or _is_number(value)):
                raise PgiFormatError(
                    f"{what} has the attribute {key!r} that is not text, a number or a boolean."
                )

    def to_map(self) -> dict[str, object]:
        """The plain map that CBOR and JSON hold.

        Raises:
            PgiFormatError: the annotation is not sound.
        """
        self.validate()
        result: dict[str, object] = {"label": self.label}
        if isinstance(self.shape, Box):
            box = self.shape
            result["box"] = [box.left, box.top, box.right, box.bottom]
        else:
            result["polygon"] = [list(point) for point in self.shape.points]
        if self.score is not None:
            result["score"] = self.score
        if self.severity is not None:
            result["severity"] = str(self.severity)
        if self.attributes:
            result["attributes"] = dict(self.attributes)
        return result

    @classmethod
    def from_map(cls, value: object, size: tuple[int, int] | None = None) -> Annotation:
        """Read what :meth:`to_map` made; names that are not known here are passed over.

        Raises:
            PgiFormatError: the map is not a sound annotation.
        """
        if not isinstance(value, Mapping):
            raise PgiFormatError("An annotation must be a map.")
        box, polygon = value.get("box"), value.get("polygon")
        if (box is None) == (polygon is None):
            raise PgiFormatError("An annotation must have either a box or a polygon.")
        severity = value.get("severity")
        annotation = cls(
            label=value.get("label", ""),
            shape=_polygon(polygon) if box is None else Box(*_sequence(box, 4, "A box", "four numbers")),
            score=value.get("score"),
            severity=Severity(severity) if severity in list(Severity) else severity,
            attributes=value.get("attributes", {}),
        )
        annotation.validate(size)
        return annotation


def annotations_to_maps(annotations: Iterable[Annotation]) -> list[dict[str, object]]:
    """The value of ``pgic.annotations``.

    Raises:
        PgiFormatError: an annotation is not sound.
    """
    return [annotation.to_map() for annotation in annotations]


def annotations_from_maps(value: object, size: tuple[int, int] | None = None) -> list[Annotation]:
    """Read the value of ``pgic.annotations``.

    Args:
        value: a list of maps.
        size: width and height of the upright picture, to check the coordinates against.

    Raises:
        PgiFormatError: it is not a list of sound annotations.
    """
    if not isinstance(value, (list, tuple)):
        raise PgiFormatError("pgic.annotations must be a list.")
    return [Annotation.from_map(item, size) for item in value]


def upright_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Width and height of the upright picture.

    Args:
        width: of the stored picture, in pixels.
        height: likewise.
        orientation: EXIF tag 274; 5 to 8 swap the sides, anything else does not.
    """
    return (height, width) if 5 <= orientation <= 8 else (width, height)


def _check_shape(shape: object, what: str, size: tuple[int, int] | None) -> None:
    if not isinstance(shape, (Box, Polygon)):
        raise PgiFormatError(f"{what} has a shape that is neither a Box nor a Polygon.")
    for point in shape.points:
        if not all(_is_number(number) for number in point):
            raise PgiFormatError(f"{what} has a coordinate that is not a finite number.")
    if isinstance(shape, Box) and not (shape.left < shape.right and shape.top < shape.bottom):
        raise PgiFormatError(
            f"{what} has a box whose right or bottom edge is not beyond its left or top one."
        )
    if isinstance(shape, Polygon) and len(shape.points) < 3:
        raise PgiFormatError(f"{what} has a polygon of fewer than three points.")
    if size is not None:
        width, height = size
        if not all(0 <= x <= width and 0 <= y <= height for x, y in shape.points):
            raise PgiFormatError(f"{what} reaches beyond the picture of {width} x {height} pixels.")


def _polygon(value: object) -> Polygon:
    if not isinstance(value, (list, tuple)):
        raise PgiFormatError("A polygon must be a list of points.")
    points = (_sequence(point, 2, "A point", "two numbers") for point in value)
    return Polygon(tuple((x, y) for x, y in points))


def _sequence(value: object, length: int, what: str, need: str) -> Sequence[float]:
    if not isinstance(value, (list, tuple)) or len(value) != length:
        raise PgiFormatError(f"{what} of an annotation must be {need}.")
    return value


def _is_number(value: object) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < 2**64
    return isinstance(value, float) and math.isfinite(value)
