"""Figures of recognition, and the interval of their difference."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pgic_core.lab.recognition import Seen, difference_of
from pgic_core.lab.recognition.recognition_scores import edit_distance, seen_from_maps, text_of

BOX = (10.0, 10.0, 50.0, 30.0)
FAR = (100.0, 100.0, 140.0, 130.0)


def seen(label: str, box: tuple[float, float, float, float] = BOX, score: float = 1.0) -> Seen:
    return Seen(label, box, score)


def test_the_same_costs_nothing() -> None:
    pictures = [[seen("insulator", score=0.9)], [seen("insulator", FAR, 0.7)]]
    found = difference_of("boxes", pictures, pictures)
    assert (found.pictures, found.original, found.decoded, found.lost) == (2, 1, 1, 0)
    assert (found.low, found.high) == (0, 0)


def test_average_precision_of_a_worked_example() -> None:
    """Four of five found; in order of score: right, wrong, right, right, wrong, right."""
    places = [(100.0 * i, 0.0, 100.0 * i + 40, 40.0) for i in range(8)]
    truth = [[seen("a", place) for place in places[:5]]]
    order = [0, 6, 1, 2, 7, 3]
    found = [[seen("a", places[p], 0.9 - 0.1 * i) for i, p in enumerate(order)]]
    # Recall in steps of a fifth, at falling precisions of 1, 3/4, 3/4 and 4/6.
    expected = (1 + 0.75 + 0.75 + 4 / 6) / 5
    difference = difference_of("boxes", truth, found, truth)
    assert difference.decoded == pytest.approx(expected)
    assert difference.original == 1


def test_a_second_box_on_the_same_thing_is_wrong_and_labels_count_apart() -> None:
    truth = [[seen("a"), seen("b", FAR)]]
    twice = [[seen("a", score=0.9), seen("a", (11.0, 10.0, 50.0, 30.0), 0.95), seen("b", FAR, 0.5)]]
    assert difference_of("boxes", truth, twice, truth).decoded == 1  # the surer one took it
    wrong = [[seen("b"), seen("a", FAR)]]
    assert difference_of("boxes", truth, wrong, truth).decoded == 0
    assert difference_of("boxes", truth, [[]], truth).lost == 100


def test_what_was_seen_in_the_original_is_the_truth_where_there_is_no_other() -> None:
    original = [[seen("a", score=0.9), seen("a", FAR, 0.2)]]  # the second one is not sure
    assert difference_of("boxes", original, [[seen("a", score=0.4)]]).decoded == 1
    assert difference_of("boxes", original, [[seen("a", FAR, 0.9)]]).decoded == 0


def test_text_by_edit_distance() -> None:
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("", "ab") == 2
    lines = [seen("35", (60, 0, 90, 20)), seen("kV 1", (0, 2, 50, 22)), seen("B2", (0, 40, 40, 60))]
    assert text_of(lines) == "kV135B2"
    found = difference_of("text", [[seen("110kV")]], [[seen("11OkV")]])
    assert found.decoded == pytest.approx(0.8)
    assert found.lost == pytest.approx(20)
    truth = [[seen("110kV")], [seen("T2")]]
    better = difference_of("text", [[seen("118kV")], [seen("T2")]], truth, truth)
    assert better.lost < 0


def test_text_that_has_no_order_is_compared_by_place() -> None:
    numbers = [seen("10", (10, 50, 30, 60)), seen("20", (40, 10, 60, 20)), seen("30", (70, 50, 90, 60))]
    # One of them moves up by half its height, which changes the order of the joined text.
    moved = [seen("10", (10, 50, 30, 60)), seen("20", (40, 10, 60, 20)), seen("30", (70, 45, 90, 55))]
    assert text_of(numbers) != text_of(moved)
    assert difference_of("text", [numbers], [moved]).lost == 0
    halves = [seen("1", (10, 50, 19, 60)), seen("0", (20, 50, 30, 60)), *numbers[1:]]
    assert difference_of("text", [numbers], [halves]).lost == 0
    missing = difference_of("text", [numbers], [numbers[:2]])
    assert missing.lost == pytest.approx(100 / 3)
    more = difference_of("text", [numbers], [[*numbers, seen("xy", (200, 200, 220, 210))]])
    assert more.lost == pytest.approx(100 / 3)  # what is not there is wrong, too


def test_boxes_of_text_may_be_wider_than_the_letters_or_lie_in_each_other() -> None:
    letters, around = seen("110kV", (20, 20, 60, 26)), seen("110kV", (14, 14, 66, 32))
    assert difference_of("text", [[letters]], [[around]]).decoded == 1
    nested = [[seen("OIL", (0, 0, 100, 100)), seen("7", (40, 40, 60, 60))]]
    assert difference_of("text", nested, nested).decoded == 1
    halves = [[seen("12", (0, 1, 50, 20)), seen("34", (50, 0, 100, 19))]]
    assert difference_of("text", [[seen("1234", (0, 0, 100, 20))]], halves).decoded == 1


def test_labels_by_the_first_one() -> None:
    original = [[seen("cat", score=0.6), seen("dog", score=0.3)], [seen("bus")], [seen("car")], [seen("cup")]]
    decoded = [[seen("dog", score=0.5), seen("cat", score=0.4)], [seen("bus")], [], [seen("cup")]]
    assert difference_of("label", original, decoded).decoded == 0.5


def test_the_interval_narrows_with_pictures_and_holds_the_loss() -> None:
    generator = np.random.default_rng(7)
    widths = []
    for count in (40, 640):
        original = [[seen("plate")] for _ in range(count)]
        decoded = [[seen("plate" if generator.random() < 0.9 else "plane")] for _ in range(count)]
        found = difference_of("label", original, decoded)
        assert found.low <= found.lost <= found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2


def test_nothing_to_see_has_no_figure() -> None:
    found = difference_of("text", [[]], [[seen("x")]])
    assert math.isnan(found.lost)
    assert math.isnan(difference_of("boxes", [], []).lost)


def test_maps_of_plugins() -> None:
    maps = [
        {"label": "a", "box": (1, 2, 3, 4), "score": 0.5},
        {"label": "b", "polygon": [(5, 9), (7, 1), (6, 3)]},
    ]
    assert seen_from_maps(maps) == [Seen("a", (1, 2, 3, 4), 0.5), Seen("b", (5, 1, 7, 9), 1.0)]
