"""The exported graphs compute what the trained networks compute."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from skimage import data

from pgic_core.codec.learned.rendering.post_filter import PATH
from pgic_core.codec.learned.symbols.hyper_prediction import HyperPrediction
from pgic_core.lab.training.codec_graphs import GRAPHS, large_preview_graph, preview_graph, symbol_channels
from pgic_core.lab.training.coding_order import neighbours
from pgic_core.lab.training.export import tables_of
from pgic_core.lab.training.integer_layers import Grid, calibrate, equalise, input_ranges, round_in_training
from pgic_core.lab.training.klt_start import start_from_klt
from pgic_core.lab.training.layers import depth_to_space, space_to_depth
from pgic_core.lab.training.networks import Codec
from pgic_core.lab.training.post_filter_graph import filter_graph
from pgic_core.lab.training.preview_fit import fit_large_preview, fit_preview, linear_preview

from .architectures import SMALL

if TYPE_CHECKING:
    from pathlib import Path

RATE = torch.tensor([1.0])


@pytest.fixture(scope="module")
def crop() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[:128, 64:256])


@pytest.fixture(scope="module")
def codec(crop: np.ndarray) -> Codec:
    """Random weights that halves hold exactly, with every branch loud enough to be heard."""
    torch.manual_seed(1)
    codec = Codec(SMALL).eval()
    start_from_klt(codec, torch.from_numpy(np.stack([crop[:64, :64]] * 2)).float() / 256 - 0.5)
    with torch.no_grad():
        for name, parameter in codec.named_parameters():
            if name.endswith("bias") or parameter.std() < 0.05:
                parameter.add_(torch.randn_like(parameter) * 0.05)
            parameter.copy_(parameter.half().float())
        for part in (codec.analysis, codec.synthesis):  # by which halves divide exactly
            part.deviation.copy_(torch.exp2(part.deviation.log2().round()))
    return codec


def first(x: torch.Tensor) -> np.ndarray:
    return np.ascontiguousarray(x.detach().numpy().transpose(0, 3, 1, 2))


def preview(codec: Codec, ranges: Any) -> onnx.ModelProto:
    return preview_graph(codec, ranges, *linear_preview(codec))


ALL = {**GRAPHS, "preview": preview}


def run_all(
    codec: Codec, name: str, feeds: dict[str, np.ndarray], ranges: dict | None = None
) -> list[np.ndarray]:
    model = ALL[name](codec, ranges or {})
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def run(codec: Codec, name: str, feeds: dict[str, np.ndarray], ranges: dict | None = None) -> np.ndarray:
    return run_all(codec, name, feeds, ranges)[0]


def coded_order(y: torch.Tensor) -> np.ndarray:
    return space_to_depth(y, 2).detach().numpy()[..., symbol_channels(SMALL)]


class Case:
    """One picture through the trained networks, plainly rounded; offsets vary over it."""

    def __init__(self, codec: Codec, crop: np.ndarray) -> None:
        with torch.no_grad():
            picture = (torch.from_numpy(crop).float()[None] - 128) / 256
            offsets = torch.linspace(-0.5, 0.5, 6).reshape(1, 2, 3, 1)
            e = codec.embedding(RATE, offsets)
            step = torch.exp2(codec.interpolate(codec.log_step, RATE) - offsets)  # per block of 64 pixels
            self.latent = codec.analysis(picture)
            self.z = codec.hyper_analysis(self.latent, e)
            z_hat = torch.round(self.z)
            each = step.repeat_interleave(4, 1).repeat_interleave(4, 2)
            self.values, residual = codec.means(self.latent, z_hat, e, each)
            self.symbols = coded_order(torch.round(residual)).astype(np.int16)
            embedded = codec.embed_synthesis(e).repeat_interleave(4, 1).repeat_interleave(4, 2)
            picture = codec.synthesis(self.values, embedded)
            self.picture = (picture * 256 + 128).round().clamp(0, 255).numpy().astype(np.uint8)
        cells = {
            "means": first(codec.embed_hs(e).repeat_interleave(2, 1).repeat_interleave(2, 2)),
            "hyper_analysis": first(codec.embed_ha(e).repeat_interleave(2, 1).repeat_interleave(2, 2)),
        }
        latent = {"latent": self.latent.numpy()}
        step = first(step.repeat_interleave(2, 1).repeat_interleave(2, 2))
        of_z = {"z": first(z_hat), "embedding": cells["means"]}
        cut = 4 * SMALL.base
        state = run(codec, "state", of_z)
        base = {"state": state, "base": self.symbols[..., :cut], "step": step[:, : SMALL.base]}
        whole = np.array([0, 0, *state.shape[1:3]])
        context_feeds = {**base, "inside": whole}
        known, context = run_all(codec, "context", context_feeds)
        self.feeds = {
            "analysis": {"picture": crop[None]},
            "hyper_analysis": {**latent, "embedding": cells["hyper_analysis"]},
            "code": {
                **latent,
                **of_z,
                "step": step,
                "threshold": np.full(self.symbols.shape, 0.5, np.float16),
            },
            "state": of_z,
            "context": context_feeds,
            "means": {
                "known": known,
                "context": context,
                "detail": self.symbols[..., cut:],
                "step": step[:, SMALL.base :],
            },
            "synthesis": {
                "latent": self.values.numpy(),
                "shown": self.values.numpy(),
                "inside": np.array([0, 0, *self.values.shape[1:3]]),
                "embedding": first(embedded),
            },
            "preview": base,
        }
        self.feeds["change"] = {**self.feeds["code"], "reference": np.zeros_like(self.symbols)}


@pytest.fixture(scope="module")
def case(codec: Codec, crop: np.ndarray) -> Case:
    return Case(codec, crop)


def test_analysis(codec: Codec, case: Case) -> None:
    np.testing.assert_allclose(run(codec, "analysis", case.feeds["analysis"]), case.latent, atol=2e-5)


def test_hyper_analysis(codec: Codec, case: Case) -> None:
    z = run(codec, "hyper_analysis", case.feeds["hyper_analysis"])
    assert np.abs(z).max() > 1
    np.testing.assert_allclose(z, first(case.z), rtol=1e-4, atol=1e-3)


def test_z_is_predicted_as_in_training(codec: Codec) -> None:
    codec = deepcopy(codec)
    z = torch.randint(-9, 10, (1, 5, 6, SMALL.hyper)).float()
    with torch.no_grad():  # Weights that whole numbers hold exactly, and no sum beside a half.
        codec.z_mean.weight.copy_(torch.randint(-60, 61, codec.z_mean.weight.shape) / 64)
        codec.z_mean.bias.copy_((torch.randint(-60, 61, codec.z_mean.bias.shape) + 0.5) / 64)
        expected = z - torch.round(codec.z_mean(neighbours(z)))
    prediction = HyperPrediction(tables_of(codec), np.ones(SMALL.hyper, np.uint8))
    assert np.array_equal(prediction.residual(first(z)[0].astype(np.int16)), first(expected)[0])


def test_code(codec: Codec, case: Case) -> None:
    symbols = run(codec, "code", case.feeds["code"])
    assert np.abs(symbols).max() > 1
    # A residual next to a half may be rounded either way.
    assert np.mean(symbols != case.symbols) < 1e-3


def test_a_context_of_some_cells_is_that_part_of_the_whole(codec: Codec, case: Case) -> None:
    feeds = case.feeds["context"]
    rows, columns = feeds["inside"][2:]
    for top, left, bottom, right in ((0, 0, rows - 1, columns - 2), (1, 2, rows, columns), (2, 2, 3, 4)):
        part = run_all(codec, "context", feeds | {"inside": np.array([top, left, bottom, right])})
        for some, all_of_it in zip(part, run_all(codec, "context", feeds), strict=True):
            assert some.shape[1:3] == (bottom - top, right - left)
            np.testing.assert_allclose(some, all_of_it[:, top:bottom, left:right], rtol=1e-5, atol=1e-5)


def decode(codec: Codec, case: Case, symbols: np.ndarray, step: np.ndarray) -> np.ndarray:
    """What decoders make of a cell's symbols."""
    base, detail = np.split(symbols, [4 * SMALL.base], axis=-1)
    feeds = case.feeds["context"] | {"base": base, "step": step[:, : SMALL.base]}
    known, context = run_all(codec, "context", feeds)
    feeds = {"known": known, "context": context, "detail": detail, "step": step[:, SMALL.base :]}
    return run(codec, "means", feeds)


def test_code_decodes_as_decoders_do(codec: Codec, case: Case) -> None:
    symbols, decoded = run_all(codec, "code", case.feeds["code"])
    means = decode(codec, case, symbols, case.feeds["code"]["step"])
    np.testing.assert_allclose(decoded, means, rtol=1e-5, atol=1e-5)


def test_code_decodes_as_decoders_do_what_is_beyond_all_bounds(codec: Codec, case: Case) -> None:
    fine = case.feeds["code"]["step"] * np.float32(1e-6)
    symbols, decoded = run_all(codec, "code", case.feeds["code"] | {"step": fine})
    assert np.abs(symbols).max() == 32767
    means = decode(codec, case, symbols, fine)
    np.testing.assert_allclose(decoded, means, rtol=1e-5, atol=1e-5)


def test_code_zeroes_what_is_below_its_threshold(codec: Codec, case: Case) -> None:
    feeds = dict(case.feeds["code"])
    feeds["threshold"] = np.full(case.symbols.shape, np.inf, np.float16)
    assert not run(codec, "code", feeds).any()


def test_change_without_a_reference_codes_as_code_does(codec: Codec, case: Case) -> None:
    for there, here in zip(
        run_all(codec, "code", case.feeds["code"]),
        run_all(codec, "change", case.feeds["change"]),
        strict=True,
    ):
        np.testing.assert_allclose(there, here, rtol=1e-6, atol=1e-6)


def test_change_keeps_the_symbols_of_its_reference_below_the_threshold(codec: Codec, case: Case) -> None:
    reference = np.random.default_rng(3).integers(-9, 10, case.symbols.shape).astype(np.int16)
    feeds = case.feeds["change"] | {"reference": reference}
    near = run(codec, "change", feeds)
    np.testing.assert_array_equal(near, run(codec, "code", case.feeds["code"]))
    feeds["threshold"] = np.full(case.symbols.shape, np.inf, np.float16)
    np.testing.assert_array_equal(run(codec, "change", feeds), reference)


def test_means(codec: Codec, case: Case) -> None:
    values = run(codec, "means", case.feeds["means"])
    np.testing.assert_allclose(values, case.values, rtol=1e-4, atol=1e-3)


def test_means_of_a_part_need_nothing_around_it(codec: Codec, case: Case) -> None:
    feeds = {name: value[:, 1:3, 2:6] for name, value in case.feeds["means"].items() if name != "step"}
    feeds["step"] = case.feeds["means"]["step"][:, :, 1:3, 2:6]
    values = run(codec, "means", feeds)
    np.testing.assert_allclose(values, case.values[:, 2:6, 4:12], rtol=1e-4, atol=1e-3)


def test_synthesis(codec: Codec, case: Case) -> None:
    picture = run(codec, "synthesis", case.feeds["synthesis"])
    assert picture.dtype == np.uint8
    assert picture.std() > 10
    difference = np.abs(picture.astype(int) - case.picture)
    assert difference.max() <= 1
    assert difference.mean() < 0.01


def test_synthesis_of_a_part_sees_what_lies_around_it(codec: Codec, case: Case) -> None:
    whole = run(codec, "synthesis", case.feeds["synthesis"])
    feeds = dict(case.feeds["synthesis"])
    feeds["inside"] = np.array([2, 3, 6, 11])
    feeds["shown"] = feeds["latent"][:, 2:6, 3:11]
    part = run(codec, "synthesis", feeds)
    assert part.shape == (1, 64, 128, 3)
    # All but what the renderer sees beyond the part.
    difference = np.abs(part.astype(int) - whole[:, 32:96, 48:176])
    assert difference[:, 4:-4, 4:-4].max() <= 1
    assert difference.max() > 1


def test_a_fitted_preview_is_closer_to_the_picture(codec: Codec, crop: np.ndarray) -> None:
    codec = deepcopy(codec)
    with torch.no_grad():  # As if training had left the colours to the nonlinear branch.
        codec.synthesis.linear.bias.add_(0.1)
    crops = np.stack([crop, crop[::-1], crop[:, ::-1]])
    seen: list[torch.Tensor] = []
    codec.watch([codec.synthesis], crops, lambda _, inputs: seen.append(inputs[0]))
    means = (crops.reshape(3, 16, 8, 24, 8, 3).mean((2, 4)) - 128) / 256

    def error(weight: np.ndarray, bias: np.ndarray) -> float:
        base = torch.cat(seen)[..., : SMALL.base].numpy()
        made = (base @ weight.T + bias).reshape(3, 8, 12, 2, 2, 3).transpose(0, 1, 3, 2, 4, 5)
        return float(np.square(made.reshape(means.shape) - means).mean())

    assert error(*fit_preview(codec, crops)) < 0.5 * error(*linear_preview(codec))


def test_preview_is_the_linear_path_of_the_base_group_averaged(codec: Codec, case: Case) -> None:
    base = case.values * codec.synthesis.deviation
    base[..., SMALL.base :] = 0
    with torch.no_grad():
        whole = depth_to_space(depth_to_space(codec.synthesis.linear(base), 2), 8)[0].numpy()
    mean = whole.reshape(16, 8, 24, 8, 3).mean((1, 3)) * 256 + 128
    preview = run(codec, "preview", case.feeds["preview"])[0]
    assert np.abs(preview - mean.round().clip(0, 255)).max() <= 1


def test_a_larger_preview_is_a_linear_map_of_neighbouring_base_groups(codec: Codec, case: Case) -> None:
    random = np.random.default_rng(3)
    weight = random.normal(0, 0.05, (48, 9 * SMALL.base)).astype(np.float32)
    bias = random.normal(0, 0.1, 48).astype(np.float32)
    graph = large_preview_graph(codec, {}, weight, bias)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    shown = session.run(None, case.feeds["preview"])[0][0]
    base = np.pad(case.values[0, ..., : SMALL.base].numpy(), ((1, 1), (1, 1), (0, 0)), "edge")
    rows, columns = base.shape[0] - 2, base.shape[1] - 2
    kernel = weight.reshape(48, SMALL.base, 3, 3)
    expected = np.zeros((rows, columns, 48)) + bias
    for y, x in np.ndindex(3, 3):
        expected += base[y : y + rows, x : x + columns] @ kernel[:, :, y, x].T
    grey = np.clip(np.rint(128 + 256 * expected), 0, 255).reshape(rows, columns, 4, 4, 3)
    grey = grey.transpose(0, 2, 1, 3, 4).reshape(4 * rows, 4 * columns, 3)
    assert grey.std() > 10
    assert np.abs(shown - grey).max() <= 1


def test_a_fitted_larger_preview_is_near_the_decoded_picture(codec: Codec, crop: np.ndarray) -> None:
    crops = np.stack([crop, crop[::-1], crop[:, ::-1]])
    seen: list[Any] = []
    codec.watch([codec.synthesis], crops, lambda _, inputs: seen.append(inputs))
    weight, bias = fit_large_preview(codec, crops)
    errors = {"fitted": 0.0, "alone": 0.0}
    for inputs in seen:
        with torch.no_grad():
            picture = codec.synthesis(*inputs).clamp(-0.5, 127 / 256)[0].numpy()
        rows, columns = picture.shape[0] // 16, picture.shape[1] // 16
        means = picture.reshape(rows, 4, 4, columns, 4, 4, 3).mean((2, 5)).transpose(0, 2, 1, 3, 4)
        base = inputs[0][0, ..., : SMALL.base].numpy()
        padded = np.pad(base, ((1, 1), (1, 1), (0, 0)), "edge")
        near = np.stack([padded[y : y + rows, x : x + columns] for y, x in np.ndindex(3, 3)], 3)
        fitted = near.reshape(rows, columns, -1) @ weight.T + bias
        alone = base @ weight.reshape(48, SMALL.base, 9)[:, :, 4].T + bias
        for kind, made in (("fitted", fitted), ("alone", alone)):
            errors[kind] += float(np.square(made - means.reshape(rows, columns, 48)).mean())
    assert errors["fitted"] < 0.9 * errors["alone"]
    assert errors["fitted"] / len(seen) < float(np.square(means - means.mean()).mean()) / 4


@pytest.fixture(scope="module")
def evened(codec: Codec, crop: np.ndarray) -> tuple[Codec, dict]:
    """The codec with its channels evened out for integer layers, and the ranges of those."""
    grids = calibrate(codec, np.stack([crop] * 3))
    evened = deepcopy(codec)
    equalise(evened, grids)
    return evened, input_ranges(evened, grids)


def test_equalising_changes_weights_and_no_result(
    evened: tuple[Codec, dict], codec: Codec, crop: Any
) -> None:
    before, after = Case(codec, crop), Case(evened[0], crop)
    np.testing.assert_allclose(after.latent, before.latent, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(after.z, before.z, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(after.values, before.values, rtol=1e-4, atol=1e-4)
    assert np.abs(after.picture.astype(int) - before.picture).max() <= 1
    weights = (c.synthesis.body[0].f1.weight for c in (codec, evened[0]))
    assert not torch.equal(*weights)


def test_equalised_channels_reach_equally_far(evened: tuple[Codec, dict], codec: Codec, crop: Any) -> None:
    def unevenness(codec: Codec) -> float:
        seen = []
        layer = codec.synthesis.body[0].mix.b
        hook = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        Case(codec, crop)
        hook.remove()
        reach = seen[0].abs().flatten(0, -2).amax(0)
        return float(reach.max() / reach.min())

    assert unevenness(evened[0]) < 0.5 * unevenness(codec)


@pytest.mark.parametrize("name", sorted(ALL))
def test_integer_graphs_stay_close(evened: tuple[Codec, dict], crop: Any, name: str) -> None:
    codec, ranges = evened
    feeds = Case(codec, crop).feeds[name]
    for exact, rounded in zip(run_all(codec, name, feeds), run_all(codec, name, feeds, ranges), strict=True):
        assert np.std(rounded.astype(float) - exact) < 0.08 * np.std(exact)


def test_training_can_round_as_the_graphs_do(evened: tuple[Codec, dict], codec: Codec, crop: Any) -> None:
    rounding = deepcopy(codec)
    round_in_training(rounding, calibrate(codec, np.stack([crop] * 3)))
    feeds = Case(evened[0], crop).feeds["analysis"]
    linear = evened[0].analysis.linear  # is rounded later, in another way
    ranges = {layer: between for layer, between in evened[1].items() if layer is not linear}
    exported = run(evened[0], "analysis", feeds, ranges)
    picture = (torch.from_numpy(crop).float()[None] - 128) / 256
    trained = rounding.analysis(picture)
    loss = np.std(exported - codec.analysis(picture).detach().numpy())
    assert loss > 0
    assert np.std(exported - trained.detach().numpy()) < 0.3 * loss
    trained.square().sum().backward()
    assert float(rounding.analysis.fine[0].f1.weight.grad.abs().sum()) > 0
    round_in_training(rounding, {})
    assert torch.equal(rounding.analysis(picture), codec.analysis(picture))


def test_no_gradient_where_an_input_leaves_its_grid(codec: Codec) -> None:
    small = deepcopy(codec)
    layer = small.analysis.leave
    grid = Grid(torch.ones(SMALL.encoder_coarse), -1.0, 1.0)
    round_in_training(small, {"analysis.leave": grid})
    value = torch.linspace(-2, 2, SMALL.encoder_coarse)[None, None, None].requires_grad_()
    layer(value).sum().backward()
    assert torch.equal(value.grad != 0, value.detach().abs() <= 1)


@pytest.mark.parametrize("name", ["analysis", "synthesis"])
def test_integer_layers_fuse_into_integer_kernels(
    evened: tuple[Codec, dict], name: str, tmp_path: Path
) -> None:
    codec, ranges = evened
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "fused.onnx")
    options.log_severity_level = 3
    graph = GRAPHS[name](codec, ranges).SerializeToString()
    onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    operators = Counter(node.op_type for node in onnx.load(tmp_path / "fused.onnx").graph.node)
    assert operators["QLinearConv"] + operators["QGemm"] == sum(
        module_name.startswith(name) for module_name, module in codec.named_modules() if module in ranges
    )
    assert "Conv" not in operators


def test_sums_of_two_products_fit_sixteen_bits(evened: tuple[Codec, dict]) -> None:
    """The condition for equal results on processors whose 8-bit products are added in 16 bits."""
    codec, ranges = evened
    for name, build in ALL.items():
        graph = build(codec, ranges).graph
        constants = {c.name: onnx.numpy_helper.to_array(c) for c in graph.initializer}
        weights = [
            constants[node.input[0]]
            for node in graph.node
            if node.op_type == "DequantizeLinear" and node.input[0] in constants
        ]
        assert weights or name == "hyper_analysis"
        for levels in weights:
            if levels.dtype == np.int8:
                assert np.abs(levels.astype(int)).max() * 2 * 255 < 2**15, name


def test_a_layer_whose_inputs_are_all_zero_keeps_its_bias(codec: Codec, case: Case) -> None:
    leave = codec.synthesis.leave
    silent = run(codec, "synthesis", case.feeds["synthesis"], {leave: (0.0, 0.0)}).astype(float)
    weight = leave.weight.detach().clone()
    with torch.no_grad():
        leave.weight.zero_()
        expected = run(codec, "synthesis", case.feeds["synthesis"]).astype(float)
        leave.weight.copy_(weight)
    assert np.abs(silent - expected).max() <= 1


def test_what_is_not_finite_becomes_a_grey_level(codec: Codec, case: Case) -> None:
    feeds = dict(case.feeds["synthesis"])
    feeds["latent"] = feeds["shown"] = np.full_like(feeds["latent"], np.nan)
    assert run(codec, "synthesis", feeds).shape == case.picture.shape


def test_the_shipped_filter_is_that_of_this_version() -> None:
    assert onnx.load(PATH) == filter_graph()
