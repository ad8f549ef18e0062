"""Plugins that reach for more than they are given."""

from __future__ import annotations

import functools
import importlib.metadata
import warnings
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import pgic_core
from pgic_core.hooks import (
    PgiPluginWarning,
    PluginSet,
    calling,
    find_roi,
    hookimpl,
    installed,
    load_entry,
    offered,
    preprocess_image,
)
from pgic_core.hooks.specs import Field

if TYPE_CHECKING:
    from collections.abc import Callable

RGB = np.random.default_rng(3).integers(0, 255, (96, 128, 3), dtype=np.uint8)
OFFERS = {"roi": {"mine": "Mine."}, "preprocess": {"mine": "Mine."}, "recognise": {"mine": "Mine."}}


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> PluginSet:
    mine = PluginSet(entry_points=())
    monkeypatch.setattr(calling, "_plugins", mine)
    return mine


class Grabber:
    """Writes to all that it is given, and keeps all that it returns."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.seen: list[bool] = []

    def grab(self, image: Any) -> None:
        self.seen.append(image.flags.writeable)
        image.flags.writeable = True
        image[:] = 0
        base = image
        while isinstance(base := getattr(base, "base", None), np.ndarray):
            base.flags.writeable = True
            base[:] = 0

    @hookimpl
    def offers(self) -> object:
        return OFFERS

    @hookimpl
    def roi_map(self, image: Any, fields: Any) -> object:
        self.grab(image)
        fields.clear()
        self.kept.append(np.full((2, 2), 0.5, np.float32))
        return self.kept[-1]

    @hookimpl
    def preprocess(self, image: Any) -> object:
        answer = image.copy()
        self.grab(image)
        self.kept.append(answer)
        return answer

    @hookimpl
    def recognise(self, image: Any) -> object:
        self.grab(image)
        self.kept.append([{"label": "x", "box": [1, 1, 9, 9]}])
        return self.kept[-1]

    @hookimpl
    def extension_schema(self) -> object:
        return {"acme.list": Field("List", "list")}

    @hookimpl
    def write_extension(self, image: Any, fields: Any) -> object:
        self.grab(image)
        fields["acme.given"]["inner"].append("changed")
        self.kept.append({"acme.list": [1, [2, bytearray(b"x")]]})
        return self.kept[-1]


def test_a_plugin_writes_to_copies_only(plugins: PluginSet) -> None:
    grabber = Grabber()
    plugins.register(grabber, "grabber")
    before = RGB.copy()
    given = {"acme.given": {"inner": ["as it was"]}}
    data = pgic_core.encode(RGB, lossless=True, preprocess="mine", annotations="mine", extension=given)
    np.testing.assert_array_equal(RGB, before)
    np.testing.assert_array_equal(pgic_core.decode(data), before)
    assert given == {"acme.given": {"inner": ["as it was"]}}
    fields = {"acme.x": 1}
    assert find_roi("mine", RGB, fields) is not None
    np.testing.assert_array_equal(RGB, before)
    assert fields == {"acme.x": 1}
    with pgic_core.open_file(data) as file:
        assert file.extension == {"acme.given": {"inner": ["as it was"]}, "acme.list": [1, [2, b"x"]]}
        assert [item.label for item in file.annotations] == ["x"]
    assert len(grabber.seen) == 4
    assert not any(grabber.seen)


def test_a_plugin_cannot_change_what_it_returned(plugins: PluginSet) -> None:
    grabber = Grabber()
    plugins.register(grabber, "grabber")
    step = preprocess_image(RGB, ["mine"])
    roi = find_roi("mine", RGB)
    assert roi is not None
    for kept in grabber.kept:
        kept[:] = 0
    np.testing.assert_array_equal(step, RGB)
    assert (roi == 0.5).all()


class Sly(np.ndarray):
    """An array that says another shape each time."""

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return (1,)


@pytest.mark.parametrize(
    "answer",
    [
        lambda image: image.view(Sly),
        lambda image: [image],
        lambda image: functools.reduce(lambda inner, _: [inner], range(90), []),
        lambda image: 1 / 0,
    ],
    ids=["subclass", "list", "deep", "fails"],
)
def test_answers_are_plain_or_passed_over(answer: Callable[[Any], Any], plugins: PluginSet) -> None:
    class Plugin:
        @hookimpl
        def offers(self) -> object:
            return OFFERS

        @hookimpl
        def preprocess(self, image: Any) -> object:
            return answer(image)

    plugins.register(Plugin(), "sly")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        after = preprocess_image(RGB, ["mine"])
    assert type(after) is np.ndarray
    np.testing.assert_array_equal(after, RGB)


def test_two_plugins_with_one_name_are_named(plugins: PluginSet) -> None:
    from pgic_plugins import builtin

    class Impostor:
        @hookimpl
        def offers(self) -> object:
            return {"roi": {"saliency": "Better, believe me."}}

        @hookimpl
        def roi_map(self) -> object:
            return np.ones((2, 2), np.float32)

    plugins.register(builtin, "builtin")
    plugins.register(Impostor(), "impostor")
    message = r"'saliency': impostor \(impostor\) is asked before builtin \(builtin\)"
    with pytest.warns(PgiPluginWarning, match=message):
        pgic_core.encode(RGB, roi="saliency", effort=1)
    with pytest.warns(PgiPluginWarning, match=message):
        offered("roi")


def test_two_codecs_with_one_number_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("200", f"{name}:decode", "pgic.codecs") for name in ("json", "zlib")]

    def found(*, group: str, name: str | None = None) -> list[EntryPoint]:
        return points

    monkeypatch.setattr(importlib.metadata, "entry_points", found)
    with pytest.warns(PgiPluginWarning, match="200 of 200 .* is hidden by that of"):
        (plugin,) = installed("pgic.codecs")
    assert plugin.target == "json:decode"
    with pytest.raises(pgic_core.errors.PgiUnsupportedError, match="decode"):  # json has none: it was asked
        load_entry("pgic.codecs", "200")
