"""One test for each hook: what an implementation is given, and what becomes of its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pgic_core.container import serialize_extension
from pgic_core.errors import PgiOptionError
from pgic_core.hooks import (
    Field,
    PgiPluginWarning,
    PluginSet,
    collect_extension_fields,
    extension_schemas,
    find_key,
    find_roi,
    hookimpl,
    offered,
    preprocess_image,
    read_extension_fields,
    recognise_objects,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Picture = NDArray[np.uint8]


class Thermal:
    """Schema of a vendor; tests add hooks to it."""

    @hookimpl
    def extension_schema(self) -> Mapping[str, Field]:
        return {"acme.temp": Field("Temperature", "float", "°C"), "acme.lens": Field("Lens", "str")}


def test_hook_offers(plugins: PluginSet) -> None:
    class Plugin:
        @hookimpl
        def offers(self) -> object:
            return {"roi": {"b": "Second.", "a": "First."}, "recognise": {"c": "Third."}}

    plugins.register(Plugin(), "mine")
    assert list(offered("roi").items()) == [("a", "First."), ("b", "Second.")]
    assert offered("recognise") == {"c": "Third."}
    assert offered("preprocess") == {}


def test_hook_extension_schema(plugins: PluginSet) -> None:
    class Plugin:
        @hookimpl
        def extension_schema(self) -> object:
            return {"acme.temp": Field("Temperature", "float", "°C")}

    plugins.register(Plugin(), "mine")
    assert {key: field.label for key, (_, field) in extension_schemas().items()} == {
        "acme.temp": "Temperature"
    }
    shown = read_extension_fields({"acme.temp": 21.5, "other.x": 1})
    assert (shown["acme.temp"].label, shown["acme.temp"].text) == ("Temperature", "21.5 °C")
    assert (shown["other.x"].label, shown["other.x"].text, shown["other.x"].package) == ("other.x", "1", "")


def test_hook_write_extension(plugins: PluginSet, picture: Picture) -> None:
    class Plugin(Thermal):
        @hookimpl
        def write_extension(self, image: Picture, fields: Mapping[str, object]) -> object:
            assert not image.flags.writeable
            return {"acme.temp": float(image.max()), "acme.lens": f"after {sorted(fields)}"}

    plugins.register(Plugin(), "mine")
    fields = collect_extension_fields(picture, {"other.x": 1}, serialize_extension)
    assert fields == {"other.x": 1, "acme.temp": 255.0, "acme.lens": "after ['other.x']"}
    fields = collect_extension_fields(picture, {"acme.lens": "mine"}, serialize_extension)
    assert fields["acme.lens"] == "mine"


def test_hook_read_extension(plugins: PluginSet) -> None:
    class Plugin(Thermal):
        @hookimpl
        def read_extension(self, fields: Mapping[str, object]) -> object:
            assert set(fields) == {"acme.temp"}
            return {"acme.temp": f"warm: {fields['acme.temp']}"}

    plugins.register(Plugin(), "mine")
    shown = read_extension_fields({"acme.temp": 40, "acme.lens": 7, "other.x": b"ab"})
    assert shown["acme.temp"].text == "warm: 40"
    assert shown["acme.lens"].problems == ("It must be of type str, not 7.",)
    assert shown["other.x"].text == "<2 bytes>"


def test_hook_validate_extension(plugins: PluginSet, picture: Picture) -> None:
    class Plugin(Thermal):
        @hookimpl
        def validate_extension(self, fields: Mapping[str, Any]) -> object:
            return {key: "It is below absolute zero." for key, v in fields.items() if v < -273.15}

    plugins.register(Plugin(), "mine")
    with pytest.raises(PgiOptionError, match=r"acme\.temp is wrong: It is below absolute zero"):
        collect_extension_fields(picture, {"acme.temp": -300}, serialize_extension)
    with pytest.raises(PgiOptionError, match=r"acme\.temp is wrong: It must be of type float"):
        collect_extension_fields(picture, {"acme.temp": "hot"}, serialize_extension)
    shown = read_extension_fields({"acme.temp": -300})
    assert shown["acme.temp"].problems == ("It is below absolute zero.",)
    assert shown["acme.temp"].value == -300


def test_hook_roi_map(plugins: PluginSet, picture: Picture) -> None:
    class First:
        @hookimpl
        def offers(self) -> object:
            return {"roi": {"hot": "Hot parts."}}

        @hookimpl
        def roi_map(self, name: str, image: Picture, fields: Mapping[str, object]) -> object:
            return np.eye(3) * (fields == {"acme.temp": 3}) * (image.shape == (96, 130, 3))

    class Second(First):
        @hookimpl
        def roi_map(self, name: str) -> object:
            return None

    plugins.register(First(), "first")
    plugins.register(Second(), "second")
    with pytest.warns(PgiPluginWarning, match=r"second \(second\) is asked before first \(first\)"):
        values = find_roi("hot", picture, {"acme.temp": 3})
    assert values is not None
    assert values.dtype == np.float32
    assert np.array_equal(values, np.eye(3))
    plugins.unregister("second")
    with pytest.raises(PgiOptionError, match=r"no region-of-interest model 'cold'; there are: hot\."):
        find_roi("cold", picture)


def test_hook_preprocess(plugins: PluginSet, picture: Picture) -> None:
    class Plugin:
        @hookimpl
        def offers(self) -> object:
            return {"preprocess": {"invert": "Negative.", "mirror": "Mirrored.", "nothing": "As it is."}}

        @hookimpl
        def preprocess(self, name: str, image: Picture) -> object:
            return {"invert": 255 - image, "mirror": image[:, ::-1], "nothing": None}[name]

    plugins.register(Plugin(), "mine")
    with pytest.warns(PgiPluginWarning, match="'nothing' left the picture as it is"):
        done = preprocess_image(picture, ["invert", "nothing", "mirror"])
    assert np.array_equal(done, (255 - picture)[:, ::-1])
    with pytest.raises(PgiOptionError, match="no preprocessing step 'x'"):
        preprocess_image(picture, ["x"])


def test_hook_recognise(plugins: PluginSet, picture: Picture) -> None:
    found = [{"label": "insulator", "box": [1, 2, 30, 40], "score": 0.9}]

    class Plugin:
        @hookimpl
        def offers(self) -> object:
            return {"recognise": {"net": "A network."}}

        @hookimpl
        def recognise(self, name: str, image: Picture) -> object:
            return found

    plugins.register(Plugin(), "mine")
    seen: list[object] = []
    assert recognise_objects("net", picture, seen.append) == found
    assert seen == [found]


def test_hook_provide_key(plugins: PluginSet) -> None:
    class Plugin:
        @hookimpl
        def provide_key(self, purpose: str, key_id: str) -> object:
            return b"secret" if (purpose, key_id) == ("decrypt", "depot 7") else None

    plugins.register(Plugin(), "mine")
    assert find_key("decrypt", "depot 7") == b"secret"
    assert find_key("decrypt", "depot 8") is None
