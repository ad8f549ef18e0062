"""Plugins that are broken in every way: each is named, and harms nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.metadata import EntryPoint, PathDistribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pgic_core.container import serialize_extension
from pgic_core.errors import PgiUnsupportedError
from pgic_core.hooks import (
    Field,
    PgiPluginWarning,
    PluginSet,
    collect_extension_fields,
    find_key,
    find_roi,
    hookimpl,
    load_entry,
    preprocess_image,
    read_extension_fields,
    recognise_objects,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Picture = NDArray[np.uint8]
GOOD = """
from pgic_core.hooks import hookimpl

@hookimpl
def offers():
    return {"roi": {"good": "A model."}}

@hookimpl
def roi_map(name, image):
    import numpy as np
    return np.ones((1, 1))
"""


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import no_such_module_at_all", "No module named 'no_such_module_at_all'"),
        ("def (", "SyntaxError"),
        ("from pgic_core.hooks import hookimpl\n@hookimpl\ndef roi_mop(name): ...", "unknown hook 'roi_mop'"),
        ("from pgic_core.hooks import hookimpl\n@hookimpl\ndef roi_map(nome): ...", "nome"),
        (
            "from pgic_core.hooks import hookimpl\n@hookimpl(wrapper=True)\ndef offers():\n    yield",
            "hook wrapper",
        ),
    ],
)
def test_plugin_that_cannot_be_loaded(
    installed: Callable[..., PluginSet], picture: Picture, source: str, reason: str
) -> None:
    plugins = installed(bad=source, good=GOOD)
    bad, good = plugins.plugins()
    assert reason in bad.error
    assert (bad.hooks, good.hooks, good.error) == ((), ("offers", "roi_map"), "")
    assert find_roi("good", picture) is not None


def test_unknown_name_mentions_broken_plugins(installed: Callable[..., PluginSet], picture: Picture) -> None:
    installed(bad="raise RuntimeError('no licence')", good=GOOD)
    with pytest.raises(ValueError, match=r"there are: good\. These plugins could not be loaded: bad"):
        find_roi("theirs", picture)


class Bad:
    """Offers everything, and answers with what it is made with."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def _give(self) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    @hookimpl
    def offers(self) -> object:
        return {kind: {"it": "It."} for kind in ("roi", "preprocess", "recognise")}

    @hookimpl
    def extension_schema(self) -> object:
        return {"acme.temp": Field("Temperature", "float")}

    @hookimpl
    def write_extension(self) -> object:
        return self._give()

    @hookimpl
    def read_extension(self) -> object:
        return self._give()

    @hookimpl
    def validate_extension(self) -> object:
        return self._give()

    @hookimpl
    def roi_map(self) -> object:
        return self._give()

    @hookimpl
    def preprocess(self) -> object:
        return self._give()

    @hookimpl
    def recognise(self) -> object:
        return self._give()

    @hookimpl
    def provide_key(self) -> object:
        return self._give()


WRONG = [RuntimeError("broken\ninside"), SystemExit(2), 7, "text", [1], {1: 2}, np.zeros(3), object()]


@pytest.mark.parametrize("answer", WRONG, ids=repr)
def test_wrong_answers_lose_no_picture(plugins: PluginSet, picture: Picture, answer: object) -> None:
    plugins.register(Bad(answer), "mine")

    def warned(hook: str) -> Any:
        return pytest.warns(PgiPluginWarning, match=f"The hook {hook} of the plugin mine .* passed over")

    with pytest.warns(PgiPluginWarning, match="'it' gave no map"), warned("roi_map"):
        assert find_roi("it", picture) is None
    with pytest.warns(PgiPluginWarning, match="'it' left the picture"), warned("preprocess"):
        assert preprocess_image(picture, ["it"]) is picture
    with warned("recognise"):
        assert recognise_objects("it", picture, lambda maps: None) == []
    with warned("provide_key"):
        assert find_key("decrypt", "x") is None
    with warned("validate_extension"), warned("write_extension"):
        fields = {"acme.temp": 1.0, "other.x": 2}
        assert collect_extension_fields(picture, fields, serialize_extension) == fields
    with warned("validate_extension"), warned("read_extension"):
        assert read_extension_fields({"acme.temp": 1.0})["acme.temp"].text == "1.0"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (np.full((2, 2), 1.5), "between 0 and 1"),
        (np.full((2, 2), np.nan), "between 0 and 1"),
        (np.zeros((2, 2, 1)), "rows and columns"),
        (np.zeros((0, 2)), "rows and columns"),
        (np.zeros((97, 1)), "rows and columns"),
        (np.zeros((2, 2), complex), "array of numbers"),
    ],
)
def test_roi_maps_of_wrong_shape_or_range(
    plugins: PluginSet, picture: Picture, answer: object, reason: str
) -> None:
    plugins.register(Bad(answer), "mine")
    with pytest.warns(PgiPluginWarning, match="no map"), pytest.warns(PgiPluginWarning, match=reason):
        assert find_roi("it", picture) is None


@pytest.mark.parametrize("answer", [np.zeros((96, 130), np.uint8), np.zeros((96, 130, 3), np.float32)])
def test_steps_that_change_shape_or_type(plugins: PluginSet, picture: Picture, answer: object) -> None:
    plugins.register(Bad(answer), "mine")
    reason = r"must return uint8 \(96, 130, 3\)"
    with pytest.warns(PgiPluginWarning, match="'it' left"), pytest.warns(PgiPluginWarning, match=reason):
        assert preprocess_image(picture, ["it"]) is picture


def test_objects_that_no_file_could_hold(plugins: PluginSet, picture: Picture) -> None:
    def refuse(maps: object) -> None:
        raise ValueError("the box reaches beyond the picture")

    plugins.register(Bad([{"label": "x", "box": [0, 0, 999, 999]}]), "mine")
    with pytest.warns(PgiPluginWarning, match="recognise .* beyond the picture"):
        assert recognise_objects("it", picture, refuse) == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"acme.other": 1}, "in no schema"),
        ({"acme.temp": "warm"}, "acme.temp is wrong: It must be of type float"),
        ({"acme.temp": float(2**70), "acme.x": 2}, "in no schema"),
        ({"b.own": 1}, "b.own is not its own"),
    ],
)
def test_fields_that_must_not_be_written(
    plugins: PluginSet, picture: Picture, answer: object, reason: str
) -> None:
    class Other:
        @hookimpl
        def extension_schema(self) -> Mapping[str, Field]:
            return {"b.own": Field("Own", "int")}

    class Writer(Bad):
        @hookimpl
        def validate_extension(self) -> object:
            return None

    plugins.register(Other(), "b")
    plugins.register(Writer(answer), "mine")
    with pytest.warns(PgiPluginWarning, match=f"write_extension of the plugin mine .*{reason}"):
        assert collect_extension_fields(picture, {"c.x": 1}, serialize_extension) == {"c.x": 1}


@pytest.mark.parametrize(
    "schema",
    [{"noprefix": Field("X", "int")}, {"pgic.x": Field("X", "int")}, {"a.b": "int"}, ["a.b"], {1: 2}],
    ids=repr,
)
def test_schemas_that_are_none(plugins: PluginSet, schema: object) -> None:
    class Plugin:
        @hookimpl
        def extension_schema(self) -> object:
            return schema

    plugins.register(Plugin(), "mine")
    with pytest.warns(PgiPluginWarning, match="extension_schema of the plugin mine"):
        assert read_extension_fields({"a.b": 1})["a.b"].text == "1"


def test_a_field_belongs_to_one_plugin(plugins: PluginSet) -> None:
    plugins.register(Bad(None), "one")
    plugins.register(Bad(None), "two")
    with pytest.warns(PgiPluginWarning, match="claims the field acme.temp"):
        read_extension_fields({"acme.temp": 1.0})


def test_picture_cannot_be_changed_by_a_plugin(plugins: PluginSet, picture: Picture) -> None:
    class Plugin(Bad):
        @hookimpl
        def roi_map(self, image: Picture) -> object:
            image[:] = 0
            return None

    before = picture.copy()
    plugins.register(Plugin(None), "mine")
    with pytest.warns(PgiPluginWarning, match="no map"), pytest.warns(PgiPluginWarning, match="read-only"):
        find_roi("it", picture)
    assert np.array_equal(picture, before)


def test_trace_names_calls_and_hides_keys(
    plugins: PluginSet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGIC_TRACE_PLUGINS", "1")
    plugins.register(Bad(b"top secret"), "mine")
    assert find_key("decrypt", "depot") == b"top secret"
    shown = capsys.readouterr().err
    assert "call provide_key of mine" in shown
    assert "<10 bytes>" in shown
    assert "secret" not in shown


def test_a_model_without_an_answer_is_not_silent(plugins: PluginSet, picture: Picture) -> None:
    plugins.register(Bad(None), "mine")
    with pytest.warns(PgiPluginWarning, match="model 'it' gave no map"):
        assert find_roi("it", picture) is None


def test_two_plugins_of_one_name(installed: Callable[..., PluginSet], tmp_path: Path) -> None:
    installed(good=GOOD)
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pgic]\nthermal = plugin_other\n")
    (tmp_path / "plugin_other.py").write_text(GOOD)
    theirs = [*PathDistribution(info).entry_points]
    plugins = PluginSet([EntryPoint("thermal", "plugin_good", "pgic"), *theirs, *theirs])
    assert [(p.name, p.package, p.error) for p in plugins.plugins()] == [
        ("thermal", "", ""),
        ("thermal of acme", "acme", ""),
    ]


def test_registering_again_replaces(plugins: PluginSet) -> None:
    plugins.register(Bad(b"old"), "mine")
    assert not plugins.register(Bad(b"new"), "mine").error
    assert find_key("decrypt", "x") == b"new"
    plugins.unregister("mine")
    assert find_key("decrypt", "x") is None


def test_nothing_is_loaded_before_a_hook_is_needed(installed: Callable[..., PluginSet]) -> None:
    plugins = installed(late=GOOD)
    assert "plugin_late" not in sys.modules
    plugins.plugins()
    assert "plugin_late" in sys.modules


def test_entry_that_is_missing_or_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PgiUnsupportedError, match=r"No installed package brings 'x' in pgic\.codecs"):
        load_entry("pgic.codecs", "x")
    broken = EntryPoint("x", "no_such_module_at_all", "pgic.codecs")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [broken])
    with pytest.raises(PgiUnsupportedError, match="cannot be loaded: ModuleNotFoundError"):
        load_entry("pgic.codecs", "x")


HANGING = """
import sys, threading, numpy as np
from importlib.metadata import EntryPoint
from pgic_core.hooks import PluginSet, calling, find_roi, hookimpl

class Slow:
    @hookimpl
    def offers(self):
        return {"roi": {"it": "It."}}

    @hookimpl
    def roi_map(self):
        print("waiting", flush=True)
        threading.Event().wait()

calling._plugins = PluginSet(())
calling._plugins.register(Slow(), "slow")
find_roi("it", np.zeros((8, 8, 3), np.uint8))
"""


def test_hanging_hook_can_be_interrupted_and_is_named() -> None:
    environment = {**os.environ, "PGIC_TRACE_PLUGINS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path(__file__).parent,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    _, shown = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "pgic plugin: call roi_map of slow" in shown
    assert "interrupted after" in shown
    assert "Interrupted in the hook roi_map of the plugin slow" in shown
