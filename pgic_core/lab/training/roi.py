"""Training the region-of-interest network (A-6.3.2.2b, A-6.4.1b).

``python -m pgic_core.lab.training.roi CONFIG --data DIR --background DIR --out FOLDER`` learns on a COCO
folder, measures on its fixed test fifth and writes ``heat.onnx`` (half-precision weights), ``roi.json`` (what
:mod:`pgic_core.roi` reads, figures included). It takes minutes on one core.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from onnx import TensorProto
from torch import Tensor, nn
from torch.nn import functional

from .onnx_writer import GraphWriter, array
from .roi_data import CELL, BoxedPicture, Sampler, is_test_scene, load_coco
from .training_pictures import load_folders

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx
    from numpy.typing import NDArray

__all__ = ["HeatNet", "evaluate", "export", "main", "predict", "train", "write_model"]

CLASSES = ("equipment", "fault")
_PRIOR = (-2.0, -4.0)
HEAT_RANGE = (0.15, 0.5)
"""Heat of importance 0 and 1: a part that is as likely as not to matter is kept in full."""
_LOG_EVERY = 50


def convolution(
    writer: GraphWriter,
    value: str,
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    stride: int = 1,
    groups: int = 1,
) -> str:
    """Add a convolution that keeps the size but for its stride; its weights are stored in half precision."""
    kernel = weight.shape[2]
    return writer.node(
        "Conv",
        value,
        writer.cast(writer.constant(weight.astype(np.float16)), TensorProto.FLOAT),
        writer.constant(bias),
        kernel_shape=[kernel, kernel],
        strides=[stride, stride],
        pads=[kernel // 2] * 4,
        group=groups,
    )


class ConvNorm(nn.Module):
    """A convolution with batch normalisation, which is folded into it on export."""

    def __init__(self, into: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(into, out, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))

    def write(self, writer: GraphWriter, value: str) -> str:
        """Add the folded convolution to a graph."""
        scale = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        weight = array(self.conv.weight * scale[:, None, None, None])
        bias = array(self.norm.bias - self.norm.running_mean * scale)
        c = self.conv
        return convolution(writer, value, weight, bias, c.stride[0], c.groups)


class Down(nn.Module):
    """Half the size: a depthwise convolution with stride 2 and a pointwise one."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.space = ConvNorm(into, into, 3, 2, groups=into)
        self.mix = ConvNorm(into, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.mix(self.space(x)))

    def write(self, writer: GraphWriter, value: str) -> str:
        """Add to a graph."""
        return writer.relu(self.mix.write(writer, self.space.write(writer, value)))


class Look(nn.Module):
    """A residual block that looks 7 x 7 cells around."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.space = ConvNorm(channels, channels, 7, groups=channels)
        self.widen = ConvNorm(channels, 2 * channels, 1)
        self.narrow = ConvNorm(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.narrow(functional.relu(self.widen(self.space(x))))

    def write(self, writer: GraphWriter, value: str) -> str:
        """Add to a graph."""
        t = writer.relu(self.widen.write(writer, self.space.write(writer, value)))
        return writer.add(value, self.narrow.write(writer, t))


class HeatNet(nn.Module):
    """Pixels to logits of two classes, one for each 16 x 16 pixels; about 0.15 M weights.

    Args:
        channels: of the trunk.
    """

    def __init__(self, channels: int = 96) -> None:
        super().__init__()
        self.stem = ConvNorm(3, 16, 3, 2)
        self.body = nn.Sequential(
            Down(16, 24), Down(24, 48), Down(48, channels), *(Look(channels) for _ in range(3))
        )
        self.head = nn.Conv2d(channels, len(CLASSES), 1)
        with torch.no_grad():
            self.head.bias.copy_(torch.tensor(_PRIOR))

    def forward(self, pixels: Tensor) -> Tensor:
        """``(N, H, W, 3)`` uint8 to ``(N, 2, H / 16, W / 16)`` logits; H and W are multiples of 16."""
        x = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
        return self.head(self.body(functional.relu(self.stem(x))))


def train(
    config: dict[str, Any], pictures: list[BoxedPicture], background: list[NDArray[np.uint8]]
) -> HeatNet:
    """Learn on ``pictures``."""
    torch.manual_seed(config["seed"])
    sampler = Sampler(pictures, background, config["background"], config["side"], config["seed"])
    net = HeatNet(config.get("channels", 96)).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), config["rate"], weight_decay=0.02)
    steps = config["steps"]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config["rate"], steps, pct_start=0.15)
    started, shown = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        pixels, target = map(torch.from_numpy, sampler.batch(config["batch"]))
        loss = functional.binary_cross_entropy_with_logits(net(pixels), target, reduction="none")
        # The second class is the rarer one (faults are fifty times rarer than background).
        loss = (loss * torch.tensor([1.0, 2.0])[:, None, None]).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        shown += loss.item() / _LOG_EVERY
        if step % _LOG_EVERY == 0:
            print(f"step {step} loss {shown:.4f} {time.monotonic() - started:.0f} s", flush=True)
            shown = 0.0
    return net.eval()


def evaluate(
    heats: list[NDArray[np.float32]], pictures: list[BoxedPicture], classes: Sequence[str] = CLASSES
) -> dict[str, float]:
    """Figures per cell over all pictures together.

    Args:
        heats: ``(2, H / 16, W / 16)`` probabilities.
        pictures: what they show.
        classes: names of both.

    Returns:
        Average precision of both classes (a cell counts as positive if it is covered by half), and how much
        of the covered area lies in the tenth and in the fifth of cells with the highest heat.
    """
    figures = {}
    for kind, name in enumerate(classes):
        score = np.concatenate([heat[kind].ravel() for heat in heats])
        cover = np.concatenate([picture.target()[kind].ravel() for picture in pictures])
        order = np.argsort(-score, kind="stable")
        positive = cover[order] >= 0.5
        precision = np.cumsum(positive) / np.arange(1, len(positive) + 1)
        figures[f"{name}_average_precision"] = float(precision[positive].mean())
        found = np.cumsum(cover[order]) / cover.sum()
        for share in (10, 20):
            figures[f"{name}_found_in_{share}_percent"] = float(found[len(found) * share // 100 - 1])
    return {key: round(value, 4) for key, value in figures.items()}


def predict(net: HeatNet, picture: BoxedPicture) -> NDArray[np.float32]:
    """Probabilities ``(2, H / 16, W / 16)``, rounded up, for one picture."""
    height, width = picture.pixels.shape[:2]
    padded = np.pad(picture.pixels, ((0, -height % CELL), (0, -width % CELL), (0, 0)), "edge")
    with torch.no_grad():
        return array(torch.sigmoid(net(torch.from_numpy(padded)[None]))[0])


def export(net: HeatNet) -> onnx.ModelProto:
    """The network from ``picture`` uint8 ``(1, H, W, 3)`` to ``heat`` float32 ``(1, 2, H / 16, W / 16)``."""
    writer = GraphWriter("roi")
    pixels = writer.input("picture", [1, "H", "W", 3], TensorProto.UINT8)
    value = writer.node("Transpose", writer.cast(pixels, TensorProto.FLOAT), perm=[0, 3, 1, 2])
    value = writer.mul(value, writer.constant(np.float32(1 / 127.5)))
    value = writer.add(value, writer.constant(np.float32(-1)))
    value = writer.relu(net.stem.write(writer, value))
    for part in net.body:
        value = part.write(writer, value)
    value = convolution(writer, value, array(net.head.weight), array(net.head.bias))
    writer.output("heat", writer.node("Sigmoid", value), [1, len(CLASSES), "h", "w"])
    return writer.finish()


def write_model(
    folder: Path, config: dict[str, Any], net: HeatNet, training: dict[str, Any], test: dict[str, Any]
) -> None:
    """Write ``heat.onnx`` and ``roi.json``.

    Args:
        folder: is made where it is missing.
        config: of the training.
        net: trained.
        training: what it learned from, and how long; the steps are added.
        test: figures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network = export(net).SerializeToString()
    (folder / "heat.onnx").write_bytes(network)
    manifest = {
        "id": config["name"],
        "license": "Apache-2.0",
        "classes": list(config.get("classes", CLASSES)),
        "long_side": 640,
        "cell": CELL,
        "heat_range": list(HEAT_RANGE),
        "sha256": hashlib.sha256(network).hexdigest(),
        "training": {**training, "steps": config["steps"]},
        "test": test,
    }
    (folder / "roi.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Train, measure and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("config", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of annotations.json and images/")
    parser.add_argument("--background", type=Path, help="folder of folders of pictures without insulators")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    config = tomllib.loads(options.config.read_text(encoding="utf-8"))
    pictures = load_coco(options.data, config["exclude"])
    background: list[NDArray[np.uint8]] = []
    if options.background:
        folders = sorted(folder.name for folder in options.background.iterdir() if folder.is_dir())
        background = [
            pixels for group in load_folders(options.background, folders).values() for pixels in group
        ]
    test = [picture for picture in pictures if is_test_scene(picture.scene)]
    learn = [picture for picture in pictures if not is_test_scene(picture.scene)]
    print(f"{len(learn)} pictures to learn from, {len(test)} to test on, {len(background)} of background")
    started = time.monotonic()
    net = train(config, learn, background)
    minutes = (time.monotonic() - started) / 60
    figures = evaluate([predict(net, picture) for picture in test], test)
    print(figures)
    sizes = {"pictures": len(learn), "minutes": round(minutes, 1)}
    write_model(options.out, config, net, sizes, {"pictures": len(test), **figures})


if __name__ == "__main__":
    main()
