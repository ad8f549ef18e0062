"""Fault annotations: shapes, their JSON form, and what is refused in words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgic_core.container import (
    Annotation,
    Box,
    Polygon,
    Severity,
    annotations_from_maps,
    annotations_to_maps,
    upright_size,
)
from pgic_core.errors import PgiFormatError

from . import strategies

BOX = {"label": "绝缘子破损", "box": [1, 2, 30, 40.5]}


@given(st.lists(strategies.annotations, max_size=4))
def test_json_form_comes_back(annotations: list[Annotation]) -> None:
    text = json.dumps(annotations_to_maps(annotations), ensure_ascii=False, allow_nan=False)
    assert annotations_from_maps(json.loads(text)) == annotations


def test_map_form() -> None:
    annotation = Annotation(
        "异物", Polygon(((0, 0), (4, 0), (4, 4.5))), 0.9, Severity.CRITICAL, {"inspector": "张", "count": 2}
    )
    assert annotation.to_map() == {
        "label": "异物",
        "polygon": [[0, 0], [4, 0], [4, 4.5]],
        "score": 0.9,
        "severity": "critical",
        "attributes": {"inspector": "张", "count": 2},
    }
    assert Annotation.from_map({**annotation.to_map(), "later": 1}) == annotation


def test_shapes_must_lie_inside_the_picture() -> None:
    for size in ((30, 41), (4000, 3000)):
        Annotation.from_map(BOX, size)
    for size in ((29, 41), (30, 40)):
        with pytest.raises(PgiFormatError, match="reaches beyond the picture"):
            Annotation.from_map(BOX, size)
    with pytest.raises(PgiFormatError, match="reaches beyond"):
        annotations_from_maps([{"label": "x", "polygon": [[-0.5, 0], [1, 1], [0, 1]]}], (9, 9))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": ""}, "label"),
        ({"label": None}, "label"),
        ({"label": 5}, "label"),
        ({"box": None}, "either a box or a polygon"),
        ({"polygon": [[0, 0], [1, 0], [1, 1]]}, "either a box or a polygon"),
        ({"box": [1, 2, 3]}, "four numbers"),
        ({"box": "1234"}, "four numbers"),
        ({"box": [1, 2, 3, "4"]}, "finite number"),
        ({"box": [1, 2, 3, True]}, "finite number"),
        ({"box": [1, 2, 3, float("nan")]}, "finite number"),
        ({"box": [1, 2, 3, float("inf")]}, "finite number"),
        ({"box": [1, 2, 3, 10**400]}, "finite number"),
        ({"box": [3, 2, 3, 4]}, "edge"),
        ({"box": [1, 4, 3, 2]}, "edge"),
        ({"box": None, "polygon": [[0, 0], [1, 1]]}, "three points"),
        ({"box": None, "polygon": [[0, 0], [1, 1], [2]]}, "two numbers"),
        ({"box": None, "polygon": {"x": 1}}, "list of points"),
        ({"box": None, "polygon": [1, 2, 3]}, "two numbers"),
        ({"score": 1.5}, "score"),
        ({"score": -0.1}, "score"),
        ({"score": float("nan")}, "score"),
        ({"score": "high"}, "score"),
        ({"severity": "awful"}, "severity"),
        ({"severity": ["general"]}, "severity"),
        ({"attributes": [1]}, "attributes"),
        ({"attributes": {"a": [1]}}, "attribute"),
        ({"attributes": {"a": float("nan")}}, "attribute"),
        ({"attributes": {1: "a"}}, "attribute"),
    ],
)
def test_unsound_annotations_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(PgiFormatError, match=words):
        annotations_from_maps([BOX | changes])


def test_unsound_annotations_are_not_written() -> None:
    for wrong in (
        Annotation("", Box(0, 0, 1, 1)),
        Annotation("x", Box(0, 0, 0, 1)),
        Annotation("x", (0, 0, 1, 1)),  # type: ignore[arg-type]
        Annotation("x", Polygon(((0, 0),))),
        Annotation("x", Box(0, 0, 1, 1), severity="awful"),  # type: ignore[arg-type]
    ):
        with pytest.raises(PgiFormatError):
            annotations_to_maps([wrong])


@pytest.mark.parametrize("value", [None, {}, "x", 5, [None], [5]])
def test_anything_but_a_list_of_maps_is_refused(value: object) -> None:
    with pytest.raises(PgiFormatError):
        annotations_from_maps(value)


def test_upright_size() -> None:
    assert [upright_size(4, 3, orientation) for orientation in range(10)] == [(4, 3)] * 5 + [(3, 4)] * 4 + [
        (4, 3)
    ]
