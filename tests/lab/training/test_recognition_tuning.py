"""Recognition tuning: recognisers cut to their features, what their distance sees, and what learns."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from skimage import data

from pgic_core.errors import PgiInputError, PgiOptionError
from pgic_core.lab.training.config import Schedule
from pgic_core.lab.training.fine_decoder import FineSynthesis
from pgic_core.lab.training.networks import Codec
from pgic_core.lab.training.recogniser_features import before_halvings, cut, main, yolox_features
from pgic_core.lab.training.recognition_tuning import ENCODER, RecogniserFeatures, RecognitionStep

from .architectures import SMALL, SMALL_FINE

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

pytest.importorskip("onnx2torch")


def detector(inputs: int = 12, first: str = "focused") -> onnx.ModelProto:
    """A network that begins as YOLOX does behind its 2 x 2 gathering, and halves twice."""
    random = np.random.default_rng(3)
    channels = [inputs, 6, 8, 5]
    nodes, constants, value = [], [], first
    for number, (a, b) in enumerate(pairwise(channels)):
        kernel = random.normal(0, 1 / 9, (b, a, 3, 3)).astype(np.float32)
        constants.append(numpy_helper.from_array(kernel, f"kernel{number}"))
        strides = [1, 1] if number == 0 else [2, 2]
        nodes += [
            helper.make_node(
                "Conv", [value, f"kernel{number}"], [f"conv{number}"], strides=strides, pads=[1] * 4
            ),
            helper.make_node("Relu", [f"conv{number}"], [f"relu{number}"]),
        ]
        value = f"relu{number}"
    whole = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info(first, TensorProto.FLOAT, ["b", inputs, "h", "w"])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, None)],
        constants,
    )
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def gathering(path: Path) -> None:
    """The same, from a picture in blue, green, red as YOLOX takes it."""
    inner = detector()
    slices, parts = [], []
    constants = [
        numpy_helper.from_array(np.array([2, 2]), "by"),
        numpy_helper.from_array(np.array([2, 3]), "axes"),
    ]
    constants.append(numpy_helper.from_array(np.array([2**31, 2**31]), "end"))
    for row, column in ((0, 0), (1, 0), (0, 1), (1, 1)):
        constants.append(numpy_helper.from_array(np.array([row, column]), f"at{row}{column}"))
        parts.append(f"part{row}{column}")
        slices.append(
            helper.make_node("Slice", ["images", f"at{row}{column}", "end", "axes", "by"], [parts[-1]])
        )
    graph = helper.make_graph(
        [*slices, helper.make_node("Concat", parts, ["focused"], axis=1), *inner.graph.node],
        "yolox",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 64])],
        list(inner.graph.output),
        [*constants, *inner.graph.initializer],
    )
    onnx.save(helper.make_model(graph, opset_imports=inner.opset_import, ir_version=8), str(path))


@pytest.fixture
def features(tmp_path: Path) -> RecogniserFeatures:
    gathering(tmp_path / "whole.onnx")
    onnx.save(yolox_features(tmp_path / "whole.onnx", ["relu2"]), str(tmp_path / "features.onnx"))
    return RecogniserFeatures([tmp_path / "features.onnx"], torch.zeros(2, 3, 64, 64))


def pictures(count: int = 2) -> Tensor:
    crops = data.astronaut()[:64, 100 : 100 + 64 * count].reshape(64, count, 64, 3).transpose(1, 0, 2, 3)
    return torch.from_numpy(crops.copy())


def test_a_detector_is_cut_to_what_comes_before_its_halvings(tmp_path: Path) -> None:
    path = tmp_path / "whole.onnx"
    gathering(path)
    assert before_halvings(onnx.load(str(path))) == ["relu0", "relu1"]
    onnx.save(yolox_features(path), str(tmp_path / "features.onnx"))
    pixels = pictures(1).permute(0, 3, 1, 2).numpy().astype(np.float32)
    found = onnxruntime.InferenceSession(str(tmp_path / "features.onnx")).run(None, {"picture": pixels})
    model = onnx.load(str(path))
    names = ["relu0", "relu1"]
    onnx.save(cut(model, names), str(tmp_path / "cut.onnx"))
    wanted = onnxruntime.InferenceSession(str(tmp_path / "cut.onnx")).run(
        None, {"images": np.ascontiguousarray(pixels[:, ::-1])}
    )
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


def test_a_command_cuts_detectors_and_says_what_it_does_not_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gathering(tmp_path / "whole.onnx")
    main([str(tmp_path / "out"), "--recogniser", f"yolox:{tmp_path / 'whole.onnx'}"])
    assert (tmp_path / "out" / "yolox.onnx").exists()
    with pytest.raises(SystemExit):
        main([str(tmp_path / "out"), "--recogniser", "eyes"])
    assert "There are no features of eyes" in capsys.readouterr().err
    onnx.save(detector(inputs=3, first="images"), str(tmp_path / "other.onnx"))
    with pytest.raises(PgiInputError, match="does not begin as a YOLOX detector does"):
        yolox_features(tmp_path / "other.onnx")
    (tmp_path / "empty.onnx").write_bytes(b"")
    with pytest.raises(PgiInputError, match="no network that ONNX Runtime can load"):
        yolox_features(tmp_path / "empty.onnx")


def test_distance_is_nothing_between_equals_and_grows_with_blur(features: RecogniserFeatures) -> None:
    one = (pictures().float() - 128) / 256
    blurred, more = (
        torch.nn.functional.avg_pool2d(one.permute(0, 3, 1, 2), side, 1, side // 2).permute(0, 2, 3, 1)
        for side in (3, 7)
    )
    wanted = features.of(one)
    assert [tuple(found.shape) for found in wanted[0]] == [(2, 6, 32, 32), (2, 8, 16, 16), (2, 5, 8, 8)]
    assert features.distance(one, wanted).max() == 0
    assert (features.distance(blurred, wanted) > 0).all()
    assert (features.distance(blurred, wanted) < features.distance(more, wanted)).all()


def test_a_step_tunes_encoder_and_fine_decoder_and_nothing_that_decodes(features: RecogniserFeatures) -> None:
    torch.manual_seed(3)
    codec = Codec(SMALL)
    fine = FineSynthesis(SMALL_FINE, SMALL)
    fine.start_from(codec)
    schedule = Schedule(
        batch=2,
        crop=64,
        tune="recognition",
        fine="joint",
        warmup=0,
        learning_rate=1e-2,
        fine_learning_rate=1e-2,
    )
    step = RecognitionStep(codec, fine, features, schedule, torch.device("cpu"))
    before = {name: value.clone() for name, value in codec.state_dict().items()}
    drawn = {name: value.clone() for name, value in fine.state_dict().items()}
    step.run(pictures(), torch.tensor([0.3, 1.5]), torch.zeros(2, 1, 1, 1), fraction=1.0, keep=0.5)
    moved = {name for name, value in codec.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith(ENCODER) for name in moved)
    assert any(not torch.equal(value, drawn[name]) for name, value in fine.state_dict().items())
    seen = step.read()
    assert seen["features"] > 0
    assert seen["fine_features"] == pytest.approx(seen["features"], rel=0.2)  # both began as linear maps


def test_tuning_allows_a_joint_fine_decoder_alone() -> None:
    assert Schedule(tune="recognition", fine="joint").as_files
    assert not Schedule(fine="joint").as_files
    for wrong in ({"tune": "taste"}, {"tune": "recognition", "fine": "frozen"}):
        with pytest.raises(PgiOptionError, match="Tune is one of off, recognition"):
            Schedule(**wrong)  # type: ignore[arg-type]
