"""Preprocessing steps and recognisers, as ``encode`` and ``pgic encode`` call them."""

from __future__ import annotations

import io
import json
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image, ImageOps

import pgic_core
from pgic_core.cli import app
from pgic_core.hooks import PgiPluginWarning, find_roi, hookimpl, preprocess_image
from pgic_plugins import builtin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pgic_core.hooks import PluginSet

Picture = NDArray[np.uint8]


class Vendor:
    """Steps that can be told apart, and a recogniser that finds the one bright spot."""

    @hookimpl
    def offers(self) -> object:
        return {
            "preprocess": {"invert": "Negative.", "halve": "Darker.", "fail": "Fails."},
            "recognise": {"spot": "A bright spot.", "fail": "Fails.", "beyond": "Boxes that are none."},
        }

    @hookimpl
    def preprocess(self, name: str, image: Picture) -> object:
        return 255 - image if name == "invert" else image // 2 if name == "halve" else 1 / 0

    @hookimpl
    def recognise(self, name: str, image: Picture) -> object:
        if name == "beyond":
            return [{"label": "x", "box": [0, 0, 9999, 9999]}]
        if name == "fail":
            raise RuntimeError("no licence")
        rows, columns = np.nonzero(image.max(2) > 200)
        if not len(rows):
            return []
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return [{"label": "spot", "box": [float(edge) for edge in box], "score": 0.5}]


@pytest.fixture
def vendor(plugins: PluginSet) -> PluginSet:
    plugins.register(Vendor(), "acme")
    return plugins


@pytest.fixture
def spot() -> Picture:
    picture = np.zeros((96, 130, 3), np.uint8)
    picture[10:20, 100:125] = 255
    return picture


def test_steps_run_in_order(vendor: PluginSet, picture: Picture) -> None:
    data = pgic_core.encode(picture, preprocess=["invert", "halve"], lossless=True)
    assert np.array_equal(pgic_core.decode(data), (255 - picture) // 2)
    data = pgic_core.encode(picture, preprocess="invert")
    assert np.array_equal(pgic_core.decode(data), pgic_core.decode(pgic_core.encode(255 - picture)))


def test_steps_are_named_in_the_file(vendor: PluginSet, picture: Picture, tmp_path: Path) -> None:
    path = tmp_path / "x.pgi"
    with pytest.warns(PgiPluginWarning):
        pgic_core.encode_to(path, picture, preprocess=["invert", "fail", "halve", "invert"])
    pgic_core.set_metadata(path, metadata={"device_id": "D7"}, annotations=None)
    info = pgic_core.inspect(path)
    assert info.preprocess == ("invert", "halve", "invert")
    assert info.to_dict()["preprocess"] == ["invert", "halve", "invert"]
    assert info.extension == {}
    for command in ("info", "meta show"):
        done = CliRunner().invoke(app, [*command.split(), str(path)])
        assert "  preprocess    invert, halve, invert\n" in done.output
    shown = CliRunner().invoke(app, ["meta", "show", "--json", str(path)])
    assert json.loads(shown.output)["preprocess"] == ["invert", "halve", "invert"]
    with pytest.warns(PgiPluginWarning):
        assert pgic_core.encode(picture, preprocess=["fail"]) == pgic_core.encode(picture)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_steps_leave_alpha_alone(vendor: PluginSet, channels: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, channels), np.uint8)
    wanted = 255 - picture
    if channels != 1:
        wanted[:, :, -1] = picture[:, :, -1]
    data = pgic_core.encode(picture, preprocess="invert", lossless=True)
    assert np.array_equal(pgic_core.decode(data), wanted.squeeze())


def test_a_step_that_fails_or_is_unknown(vendor: PluginSet, picture: Picture) -> None:
    with (
        pytest.warns(PgiPluginWarning, match="hook preprocess of the plugin acme .* ZeroDivisionError"),
        pytest.warns(PgiPluginWarning, match="'fail' left the picture as it is"),
    ):
        data = pgic_core.encode(picture, preprocess=["fail", "halve"], lossless=True)
    assert np.array_equal(pgic_core.decode(data), picture // 2)
    with pytest.raises(pgic_core.PgiOptionError, match="no preprocessing step 'blur'; there are: fail"):
        pgic_core.encode(picture, preprocess="blur")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_recognisers_see_the_picture_upright(vendor: PluginSet, spot: Picture, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(spot).save(file, "PNG", exif=exif)
    with Image.open(file) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
        data = pgic_core.encode(image, annotations="spot", roi="annotations", codec="learned")
    rows, columns = np.nonzero(upright.max(2))
    (found,) = pgic_core.inspect(data).annotations
    assert found.to_map()["box"] == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    with pgic_core.open_file(data) as opened:
        assert opened.roi is not None
        assert opened.roi.tolist() == [[0, 8, 0], [0, 0, 0]]


def test_recognisers_see_what_is_coded(vendor: PluginSet, spot: Picture) -> None:
    data = pgic_core.encode(spot, preprocess="halve", annotations="spot")
    assert pgic_core.inspect(data).annotations == ()


@pytest.mark.parametrize(("name", "reason"), [("fail", "no licence"), ("beyond", "beyond the picture")])
def test_a_recogniser_that_fails(vendor: PluginSet, spot: Picture, name: str, reason: str) -> None:
    with pytest.warns(PgiPluginWarning, match=f"hook recognise of the plugin acme .* {reason}"):
        data = pgic_core.encode(spot, annotations=name)
    assert data == pgic_core.encode(spot)


@pytest.mark.parametrize("orientation", [1, 6])
def test_recognisers_see_files_that_are_there(
    vendor: PluginSet, spot: Picture, tmp_path: Path, orientation: int
) -> None:
    path = tmp_path / "x.pgi"
    exif = Image.Exif()
    exif[0x0112] = orientation
    pgic_core.encode_to(
        path, spot, lossless=True, exif=exif, annotations=[{"label": "old", "box": [0, 0, 9, 9]}]
    )
    pgic_core.annotate(path, "spot")
    old, found = pgic_core.inspect(path).annotations
    assert old.label == "old"
    with_name = pgic_core.inspect(pgic_core.encode(spot, lossless=True, exif=exif, annotations="spot"))
    assert with_name.annotations == (found,)
    for name, warned in (("fail", "no licence"), ("beyond", "beyond the picture")):
        with pytest.warns(PgiPluginWarning, match=warned):
            pgic_core.annotate(path, name, replace=True)
        assert pgic_core.inspect(path).annotations == (old, found)
    done = CliRunner().invoke(app, ["meta", "annotate", str(path), "--replace", "--recognise", "spot"])
    assert done.exit_code == 0, done.output
    assert pgic_core.inspect(path).annotations == (found,)
    with pytest.raises(pgic_core.PgiOptionError, match="no recogniser 'net'"):
        pgic_core.annotate(path, "net")
    box = ["--box", "x", "0", "0", "9", "9"]
    assert (
        CliRunner().invoke(app, ["meta", "annotate", str(path), "--recognise", "spot", *box]).exit_code == 2
    )
    assert pgic_core.inspect(path).annotations == (found,)


def test_recognisers_take_8_bits(vendor: PluginSet, spot: Picture) -> None:
    data = pgic_core.encode(spot[:, :, 0], annotations="spot")
    assert len(pgic_core.inspect(data).annotations) == 1
    with pytest.warns(PgiPluginWarning, match="'spot' was not asked"):
        data = pgic_core.encode(spot[:, :, 0].astype(np.uint16), annotations="spot")
    assert pgic_core.decode(data).dtype == np.uint16
    with pytest.raises(pgic_core.PgiOptionError, match="no recogniser 'net'; there are: beyond"):
        pgic_core.encode(spot, annotations="net")


def test_command(vendor: PluginSet, spot: Picture, tmp_path: Path) -> None:
    Image.fromarray(spot).save(tmp_path / "spot.png")
    options = ["--preprocess", "halve", "--preprocess", "invert", "--recognise", "spot", "--lossless"]
    done = CliRunner().invoke(app, ["encode", *options, str(tmp_path / "spot.png"), str(tmp_path / "s.pgi")])
    assert done.exit_code == 0, done.output
    assert np.array_equal(pgic_core.decode(tmp_path / "s.pgi"), 255 - spot // 2)
    assert [a.label for a in pgic_core.inspect(tmp_path / "s.pgi").annotations] == ["spot"]


def test_own_steps_and_recogniser(plugins: PluginSet, picture: Picture) -> None:
    plugins.register(builtin, "builtin")
    for name in ("denoise", "sharpen", "normalise-light"):
        done = preprocess_image(picture, [name])
        assert (done.shape, done.dtype) == (picture.shape, picture.dtype)
        assert not np.array_equal(done, picture)
    with pytest.warns(PgiPluginWarning, match="'denoise' left the picture as it is"):
        pgic_core.encode(picture[:, :, 0].astype(np.uint16), preprocess="denoise")


@pytest.fixture
def hanging(plugins: PluginSet, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A model and a recogniser that hang until the event is set."""
    release = threading.Event()

    class Hanging:
        @hookimpl
        def offers(self) -> object:
            return {"roi": {"hang": "Hangs."}, "recognise": {"hang": "Hangs."}}

        @hookimpl
        def roi_map(self) -> object:
            release.wait()
            return np.ones((1, 1))

        @hookimpl
        def recognise(self) -> object:
            release.wait()
            return []

    plugins.register(Hanging(), "slow")
    monkeypatch.setenv("PGIC_PLUGIN_TIMEOUT", "0.5")
    yield release
    release.set()


def test_hooks_that_hang_lose_no_picture(hanging: threading.Event, picture: Picture) -> None:
    def warned(hook: str, reason: str) -> pytest.WarningsRecorder:
        return pytest.warns(PgiPluginWarning, match=f"hook {hook} of the plugin slow .* {reason}")

    with (
        pytest.warns(PgiPluginWarning, match="gave no map"),
        warned("roi_map", "no answer within"),
        warned("recognise", "no answer within"),
    ):
        data = pgic_core.encode(picture, roi="hang", annotations="hang")
    assert pgic_core.decode(data).shape == picture.shape
    with pytest.warns(PgiPluginWarning, match="gave no map"), warned("roi_map", "still hangs"):
        assert find_roi("hang", picture) is None


def test_hooks_that_are_slow_are_asked_again(
    hanging: threading.Event, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.warns(PgiPluginWarning, match="no answer within"), pytest.warns(match="gave no map"):
        find_roi("hang", picture)
    hanging.set()
    for thread in threading.enumerate():
        if thread.name == "pgic-hook":
            thread.join()
    monkeypatch.setenv("PGIC_PLUGIN_TIMEOUT", "0")
    assert find_roi("hang", picture) is not None


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf"])
def test_time_limits_that_are_none(
    hanging: threading.Event, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("PGIC_PLUGIN_TIMEOUT", text)
    with pytest.raises(pgic_core.PgiOptionError, match="PGIC_PLUGIN_TIMEOUT must be a number of seconds"):
        find_roi("hang", np.zeros((8, 8, 3), np.uint8))
