"""Training: schedules by steps and by time, stages, and going on where a run was stopped."""

from __future__ import annotations

import csv
import itertools
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from skimage import data

import pgic_core
from pgic_core.errors import PgiInputError, PgiOptionError
from pgic_core.lab.training import crop_sampling as crop_data
from pgic_core.lab.training import train
from pgic_core.lab.training import training_stage as stage_module
from pgic_core.lab.training.checkpoint import load_weights
from pgic_core.lab.training.config import Schedule, Stage, TrainingConfig, load_config, with_values
from pgic_core.lab.training.export import load_codec
from pgic_core.lab.training.layers import hidden_layers
from pgic_core.lab.training.networks import Codec
from pgic_core.lab.training.training_step import Learner, TrainingStep

from .architectures import SMALL, SMALL_FINE

CPU = torch.device("cpu")
SCHEDULE = Schedule(
    steps=6,
    batch=2,
    crop=64,
    integer=0.5,
    drop=0.7,
    generated=0.3,
    harsh=0.3,
    roi=0.5,
    scales=(0.5,),
    warmup=2,
)
CONFIG = TrainingConfig("small", SMALL, SCHEDULE, {"photos": 1.0}, fine=SMALL_FINE)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(crop_data, "_PATTERNS", 4)
    folder = tmp_path / "data" / "photos"
    folder.mkdir(parents=True)
    Image.fromarray(data.astronaut()).save(folder / "a.png")
    Image.fromarray(data.coffee()).save(folder / "b.png")
    # Calibration takes crops of 512 pixels.
    Image.fromarray(data.astronaut()).resize((768, 640)).save(folder / "c.png")
    return tmp_path / "data"


def averages(path: Path) -> dict[str, torch.Tensor]:
    state: dict[str, Any] = torch.load(path, weights_only=True)
    fine = {f"fine.{name}": value for name, value in state.get("fine", {"average": {}})["average"].items()}
    return state["average"] | fine


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    assert one.keys() == other.keys()
    return all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.fixture
def few_calibration_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "CALIBRATION_CROPS", 2)
    monkeypatch.setattr(stage_module, "CALIBRATION_SIDE", 128)
    monkeypatch.setattr(stage_module, "pattern_crops", lambda config: None)


@pytest.mark.usefixtures("few_calibration_crops")
@pytest.mark.parametrize(("fine", "stops"), [("off", (2,)), ("joint", (4, 5))])
def test_going_on_gives_the_same_as_not_stopping(
    root: Path, tmp_path: Path, fine: str, stops: tuple[int, ...]
) -> None:
    """Before and after symbols are dropped (from step 2) and layers round (from step 3)."""
    job = [train.Job(0, Stage(replace(SCHEDULE, fine=fine)), None)]
    assert train.train(CONFIG, root, tmp_path / "whole", job)
    done = 0
    for at in stops:
        count = itertools.count(done)
        assert not train.train(CONFIG, root, tmp_path / "parts", job, stop=lambda: next(count) >= at)  # noqa: B023
        assert (tmp_path / "parts" / "checkpoint.resume.pt").exists()
        done = at
    assert train.train(CONFIG, root, tmp_path / "parts", job)
    assert not (tmp_path / "parts" / "checkpoint.resume.pt").exists()
    whole, parts = (averages(tmp_path / name / "checkpoint.pt") for name in ("whole", "parts"))
    assert same(whole, parts)
    assert any(name.startswith("fine.") for name in whole) == (fine == "joint")
    assert len(load_weights(tmp_path / "whole" / "checkpoint.pt").grids) > 50
    assert train.train(CONFIG, root, tmp_path / "parts", job)  # done, so nothing happens
    assert same(whole, averages(tmp_path / "parts" / "checkpoint.pt"))


@pytest.mark.usefixtures("few_calibration_crops")
def test_a_frozen_codec_stays_as_files_need_it(root: Path, tmp_path: Path) -> None:
    train.train(CONFIG, root, tmp_path / "first", [train.Job(0, Stage(SCHEDULE), None)])
    start = tmp_path / "first" / "checkpoint.pt"
    job = [train.Job(0, Stage(replace(SCHEDULE, fine="frozen", drop=0.0)), start)]
    train.train(CONFIG, root, tmp_path / "second", job)
    before, after = averages(start), averages(tmp_path / "second" / "checkpoint.pt")
    assert same(before, {name: value for name, value in after.items() if not name.startswith("fine.")})
    grids = [load_weights(path).grids for path in (start, tmp_path / "second" / "checkpoint.pt")]
    assert grids[0].keys() == grids[1].keys()
    assert all(grids[1][name].low == grid.low for name, grid in grids[0].items())
    # What it has learned, the next training starts with.
    third = replace(SCHEDULE, fine="frozen", steps=1, learning_rate=0.0, fine_learning_rate=0.0, ema=0.0)
    train.train(
        CONFIG, root, tmp_path / "third", [train.Job(0, Stage(third), tmp_path / "second" / "checkpoint.pt")]
    )
    assert same(after, averages(tmp_path / "third" / "checkpoint.pt"))
    with pytest.raises(PgiOptionError, match="new networks"):
        train.train(
            CONFIG, root, tmp_path / "none", [train.Job(0, Stage(replace(SCHEDULE, fine="frozen")), None)]
        )


@pytest.mark.usefixtures("few_calibration_crops")
def test_what_perceptual_tuning_needs_and_leaves(root: Path, tmp_path: Path) -> None:
    train.train(
        CONFIG, root, tmp_path / "first", [train.Job(0, Stage(replace(SCHEDULE, fine="joint")), None)]
    )
    start = tmp_path / "first" / "checkpoint.pt"
    stage = Stage(replace(SCHEDULE, fine="perceptual", steps=2))
    with pytest.raises(PgiOptionError, match="--features"):
        train.train(CONFIG, root, tmp_path / "none", [train.Job(0, stage, start)])
    weights = {"0.0.weight": torch.randn(4, 3, 3, 3), "0.0.bias": torch.zeros(4)}
    torch.save(weights, tmp_path / "features.pt")
    out = tmp_path / "second"
    job = [train.Job(0, stage, start)]
    assert train.train(CONFIG, root, out, job, features=[tmp_path / "features.pt"])
    before, after = averages(start), averages(out / "checkpoint.pt")
    assert same(before, after)  # codec and fine decoder
    tuned = load_weights(out / "checkpoint.pt").perceptual
    assert tuned is not None
    assert any(not torch.equal(value, after[f"fine.{name}"]) for name, value in tuned.items())


@pytest.mark.usefixtures("few_calibration_crops")
def test_a_schedule_by_wall_time_ends_in_time(root: Path, tmp_path: Path) -> None:
    job = [train.Job(0, Stage(replace(SCHEDULE, steps=0, seconds=4.0)), None)]
    assert train.train(CONFIG, root, tmp_path, job)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    # The step on the way may end later, and the machine may be busy.
    assert 4 <= state["seconds"] < 10
    assert state["step"] > 0


@pytest.mark.usefixtures("few_calibration_crops")
def test_a_schedule_by_wall_time_counts_what_was_before(root: Path, tmp_path: Path) -> None:
    """The start-up of this process, and processes that were stopped."""
    job = [train.Job(0, Stage(replace(SCHEDULE, steps=0, seconds=1000.0)), None)]
    count = itertools.count()
    began = time.monotonic() - 700
    assert not train.train(CONFIG, root, tmp_path, job, began=began, stop=lambda: next(count) >= 2)
    state = torch.load(tmp_path / "checkpoint.resume.pt", weights_only=True)
    assert state["steps"] == 2
    assert 700 <= state["elapsed"] < 800
    assert state["grids"]  # of the last half of the time
    assert train.train(CONFIG, root, tmp_path, job, began=time.monotonic() - 350)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 2


def test_learning_rates() -> None:
    cosine = Schedule(warmup=10)
    assert [cosine.fraction(0.0, step) for step in (0, 4, 9, 10)] == pytest.approx([0.1, 0.5, 1, 1])
    assert [cosine.fraction(p, 99) for p in (0.25, 0.5, 1)] == pytest.approx([0.8536, 0.5, 0], abs=1e-4)
    linear = Schedule(warmup=0, curve="linear", final=0.2)
    assert [linear.fraction(p, 0) for p in (0, 0.5, 1)] == pytest.approx([1, 0.6, 0.2])
    assert Schedule(final=1).fraction(0.7, 500) == 1


RECIPE = """
name = "small"
[architecture]
latent = 24
base = 8
hyper = 8
hyper_analysis = 20
context = 16
encoder_fine = 16
encoder_coarse = 24
decoder = 16
renderer = 8
rates = 3
[schedule]
batch = 2
crop = 64
integer = 0
scales = []
[data]
photos = 1
[[stage]]
steps = 2
final = 1.0
drop = 0.0
[[stage]]
steps = 3
learning_rate = 0.0005
units = { "hs_block.f1" = "8", "analysis.fine.0.f1" = "16+4" }
[[stage]]
seconds = 2
start = "out/stage-1.pt"
"""


def test_one_command_replays_the_stages(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, out = tmp_path / "small.toml", tmp_path / "out"
    recipe.write_text(RECIPE)
    command = [str(recipe), "--data", str(root), "--out", str(out)]
    before = signal.getsignal(signal.SIGTERM)
    train.main([*command, "--stage", "1"])
    assert signal.getsignal(signal.SIGTERM) is before  # else children of this process could not be ended
    train.main([*command, "--stage", "all"])
    steps = [load_codec(out / f"stage-{n}.pt")[2]["step"] for n in (1, 2, 3)]
    assert steps[:2] == [2, 5]
    assert steps[2] > 2
    units = load_codec(out / "stage-2.pt")[0].analysis.fine[0].f1
    assert len(units.bias) == 20
    assert "hs_block.f1: 8 of 32 units kept" in capsys.readouterr().out
    one, two = (load_codec(out / f"stage-{n}.pt")[1].schedule for n in (1, 2))
    assert (one.steps, one.final, one.learning_rate) == (2, 1.0, 8e-4)
    assert (two.steps, two.learning_rate) == (3, 5e-4)
    # Again, all in one: the same, as far as steps go.
    train.main(
        [*command[:-1], str(tmp_path / "again"), "--stage", "all", "--set", "seconds=0", "--set", "steps=2"]
    )


def test_commands_that_cannot_be_run(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(RECIPE)
    command = [str(recipe), "--data", str(root), "--out", str(tmp_path / "out")]
    for more, said in [
        ([], "one of --stage"),
        (["--steps", "1", "--stage", "1"], "one of --stage"),
        (["--stage", "4"], "has 3"),
        (["--stage", "two"], "has 3"),
        (["--stage", "2"], "stage-1.pt cannot be read"),
        (["--steps", "1", "--set", "speed=2"], "no value speed"),
        (["--steps", "1", "--set", "batch=many"], "no value batch"),
        (["--steps", "1", "--set", "roi=2"], "between 0 and 1"),
        (["--steps", "1", "--set", "curve=square"], "cosine or linear"),
        (["--steps", "1", "--start", str(recipe)], "small.toml cannot be read"),
    ]:
        with pytest.raises(SystemExit):
            train.main([*command, *more])
        assert said in capsys.readouterr().err


def test_config_files_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    for wrong in (
        RECIPE.replace("steps = 3", "steps = 3\nseconds = 3"),
        RECIPE.replace("steps = 3", ""),
        RECIPE.replace("steps = 3", "steps = 3\nscales = [0.5]"),
        RECIPE.replace("learning_rate", "rate"),
        RECIPE.replace("crop = 64", "crop = 65"),
        RECIPE.replace("[data]", "[dat]"),
        RECIPE.replace("latent = 24", "latent = 25"),
        RECIPE + "\n[fine]\nheads = 5",
        RECIPE + "\n[",
    ):
        file.write_text(wrong)
        with pytest.raises(PgiOptionError):
            load_config(file)
    with pytest.raises(PgiOptionError):
        with_values(Schedule(), {"batch": 2.5})
    torch.save({"fine": 1}, tmp_path / "x.pt")
    with pytest.raises(PgiInputError, match="holds no codec"):
        load_weights(tmp_path / "x.pt")


def test_the_log_has_a_row_for_every_hundred_steps(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_module, "_LOG_EVERY", 2)
    schedule = replace(SCHEDULE, integer=0.0, fine="joint")
    train.train(CONFIG, root, tmp_path / "out", [train.Job(0, Stage(schedule), None)])
    with (tmp_path / "out" / "log.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["step"] for row in rows] == ["2", "4", "6"]
    assert all(float(row[name]) > 0 for row in rows for name in ("loss", "bpp", "psnr", "fine_psnr", "norm"))
    assert all(float(row["left_out"]) == 0 for row in rows)


def test_smoke_measures_and_keeps_nothing(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(RECIPE)
    out = tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage_module, "CALIBRATION_CROPS", 2)
        patch.setattr(stage_module, "CALIBRATION_SIDE", 128)
        train.main([str(recipe), "--data", str(root), "--out", str(out), "--smoke"])
    said = capsys.readouterr().out
    assert said.count("ms a step") == 2
    assert "float: " in said
    assert "rounding: " in said
    assert not out.exists()


def step_of(seed: int = 0) -> TrainingStep:
    torch.manual_seed(seed)
    codec = Codec(SMALL)
    return TrainingStep(codec, None, Schedule(batch=2, crop=64), CPU)


def crops() -> torch.Tensor:
    return torch.from_numpy(data.astronaut()[:64, 100:228].reshape(64, 2, 64, 3).transpose(1, 0, 2, 3).copy())


def go(step: TrainingStep, fraction: float = 1.0) -> None:
    step.run(crops(), torch.tensor([0.3, 1.5]), torch.zeros(2, 1, 1, 1), fraction=fraction, keep=0.5)


def changed(step: TrainingStep) -> list[torch.Tensor]:
    learner = step.learners["codec"]
    moments = [v for s in learner.optimiser.state.values() for v in s.values()]
    values = [*learner.net.state_dict().values(), *learner.averaged.state_dict().values(), *moments]
    return [v.clone() for v in [*values, learner.usual_norm, step._sums]]


def test_warming_up_changes_nothing() -> None:
    step = step_of()
    go(step)
    before = changed(step)
    step.warm_up()
    assert all(torch.equal(a, b) for a, b in zip(before, changed(step), strict=True))
    go(step)
    assert not all(torch.equal(a, b) for a, b in zip(before, changed(step), strict=True))


def test_a_step_is_one_of_adam_on_clipped_gradients() -> None:
    """Against torch's own clipping and its plain Adam."""
    step, other = step_of(), step_of()
    codec = other.codec
    adam = torch.optim.Adam(codec.parameters(), lr=8e-4, betas=(0.9, 0.99), foreach=False)
    for turn in range(3):
        for one in (step, other):
            one.crops.copy_(crops())
        torch.manual_seed(turn)
        go(step)
        torch.manual_seed(turn)
        other.rate.copy_(torch.tensor([0.3, 1.5]))
        adam.zero_grad()
        other.backward()
        norm = torch.nn.utils.clip_grad_norm_(codec.parameters(), 1.0)
        adam.step()
        assert step.newest[step.names.index("norm")] == pytest.approx(float(norm), rel=1e-4)
    for name, value in codec.state_dict().items():
        torch.testing.assert_close(step.codec.state_dict()[name], value, rtol=1e-4, atol=2e-6)


def test_encoder_decoder_and_steps_learn_from_one_error() -> None:
    """What a picture lost moves analysis and synthesis alike, through quantisation (A-6.3.2.2a)."""
    codec = step_of().codec
    pictures = (crops().float() - 128) / 256
    coded = codec(pictures, torch.tensor([0.3, 1.5]), torch.zeros(2, 1, 1, 1))
    (coded.picture - pictures).square().mean().backward()
    for name in ("analysis", "synthesis", "log_step"):
        part = getattr(codec, name)
        parameters = [part] if isinstance(part, torch.Tensor) else list(part.parameters())
        gradients = [p.grad for p in parameters if p.grad is not None]
        assert any(bool(gradient.abs().max() > 0) for gradient in gradients), name


def test_quantisation_steps_are_learned() -> None:
    step = step_of()
    before = step.codec.log_step.detach().clone()
    go(step)
    assert not torch.equal(step.codec.log_step.detach(), before)


def test_gradients_that_are_no_use_are_left_out() -> None:
    step = step_of()
    learner = step.learners["codec"]
    go(step)
    usual = float(learner.usual_norm)
    before = [p.clone() for p in step.codec.parameters()]

    def update(size: float) -> float:
        for p in step.codec.parameters():
            p.grad = torch.full_like(p, size)
        return float(learner.update(torch.zeros(()), torch.zeros(()))[1])

    for size in (1e6, float("nan"), float("inf")):
        assert update(size) == 1
    assert all(torch.equal(a, b) for a, b in zip(before, step.codec.parameters(), strict=True))
    # The bar rises a little for a large one, and not at all for what is no number.
    assert float(learner.usual_norm) == pytest.approx(1.02 * usual)
    assert update(1e-6) == 0
    assert not all(torch.equal(a, b) for a, b in zip(before, step.codec.parameters(), strict=True))


def test_averages_follow_the_weights() -> None:
    net = torch.nn.Linear(3, 2)
    learner = Learner(net, CPU, clip=1.0)
    old = net.weight.detach().clone()
    learner.learning_rate.fill_(0.1)
    net(torch.ones(1, 3)).sum().backward()
    learner.update(torch.zeros(()), torch.tensor(0.25))
    torch.testing.assert_close(learner.averaged.weight, old.lerp(net.weight.detach(), 0.25))


def test_the_recipe_of_the_shipped_model_is_its_own() -> None:
    """Its steps and its hidden units, by branch, are those that the recipe's stages add up to."""
    shipped, _, state = load_codec(Path(pgic_core.__file__).parent / "weights" / "grid-1" / "weights_fp16.pt")
    recipe = load_config(Path(train.__file__).parent / "configs" / "grid-1.toml")
    assert sum(stage.schedule.steps for stage in recipe.stages) == state["step"]
    units = {branch.name: branch.units for branch in hidden_layers(Codec(recipe.architecture))}
    for stage in recipe.stages:
        units |= {name: sum(map(int, text.split("+"))) for name, text in stage.units.items()}
    assert units == {branch.name: branch.units for branch in hidden_layers(shipped)}
