"""Train the small detector on originals, and write it as pgic ships it (``weights/detect-insulator``).

    python examples/export_detector.py FOLDER OUT

FOLDER is that of ``train_detector.py``: ``annotations.json`` (COCO) and ``images/``. OUT gets ``boxes.onnx``
(weights in half precision) and ``detector.json`` (what :mod:`pgic_core.roi` reads, the average precision on
the test fifth included). Needs torch, torchvision and onnx; about twenty minutes on a busy core.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from detector import SIZE, Detector, train
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from train_detector import CLASS, Pictures, average_precision, find, load

SEED = 1
STEPS = 1800
BATCH = 16


class Whole(nn.Module):
    """From ``picture``, uint8 (1, height, width, 3), to scores (N,) and boxes (N, 4) in its pixels."""

    def __init__(self, net: Detector) -> None:
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Scores from 0 to 1, and left, top, right, bottom."""
        logits, corners = self.net(picture.permute(0, 3, 1, 2).float())
        return torch.sigmoid(logits[0]), corners[0]


def export(net: Detector) -> bytes:
    """The network as ONNX."""
    picture = torch.zeros(1, *SIZE, 3, dtype=torch.uint8)
    with TemporaryDirectory(prefix="pgic-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the new exporter needs one more package
        path = Path(folder) / "boxes.onnx"
        torch.onnx.export(
            Whole(net).eval(),
            (picture,),
            path,
            input_names=["picture"],
            output_names=["scores", "boxes"],
            opset_version=17,
            dynamo=False,
        )
        model = onnx.load(path)
    halve_weights(model)
    return bytes(model.SerializeToString())


def halve_weights(model: onnx.ModelProto) -> None:
    """Store weights of convolutions in half precision, each with a cast to single behind it."""
    casts = []
    for weights in model.graph.initializer:
        values = numpy_helper.to_array(weights)
        if values.ndim == 4 and values.dtype == np.float32:
            stored = weights.name + "_half"
            casts.append(helper.make_node("Cast", [stored], [weights.name], to=TensorProto.FLOAT))
            weights.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
    for node in reversed(casts):
        model.graph.node.insert(0, node)


def write(folder: Path, net: Detector, learned: Pictures, test: Pictures) -> None:
    """Write the network and what is known of it."""
    network = export(net)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "boxes.onnx").write_bytes(network)
    manifest = {
        "id": f"detect-{CLASS}",
        "license": "Apache-2.0",
        "label": CLASS,
        "size": list(SIZE),
        "sha256": hashlib.sha256(network).hexdigest(),
        "training": {"pictures": len(learned.scenes), "steps": STEPS, "batch": BATCH, "seed": SEED},
        "test": {
            "pictures": len(test.scenes),
            "boxes": sum(len(boxes) for boxes in test.boxes),
            "ap50": round(average_precision(find(net, test)), 4),
        },
    }
    (folder / "detector.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="annotations.json (COCO) and images/")
    parser.add_argument("out", type=Path, help="is made where it is missing")
    given = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="pgic-") as work:
        pictures = load(given.folder, Path(work), None)
    learn, test = pictures.part(test=False), pictures.part(test=True)
    net = train(learn.pixels, learn.boxes, seed=SEED, steps=STEPS, batch=BATCH)
    write(given.out, net, learn, test)


if __name__ == "__main__":
    main()
