"""Transforms (v2) that run the codec: compression as augmentation, and pictures as latents."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from pgic_core.api import LATENT_FACTOR, decode, encode
from pgic_core.errors import PgiOptionError
from pgic_core.options import QUALITIES

from .._worker_threads import threads_in_worker
from .decoding import decode_pgi_latent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["PgiCompress", "ToLatent"]

_PILLOW_MODES = ("L", "LA", "RGB", "RGBA")
_PLAIN_FORMATS = (
    tv_tensors.BoundingBoxFormat.XYXY,
    tv_tensors.BoundingBoxFormat.XYWH,
    tv_tensors.BoundingBoxFormat.CXCYWH,
)


class PgiCompress(v2.Transform):
    """Encode and decode pictures at a random quality, so that a network meets the codec's losses in training.

    Takes and gives ``tv_tensors.Image`` and ``Video``, tensors (..., C, H, W), uint8 or float from 0 to 1,
    and Pillow images of modes L, LA, RGB and RGBA; type, shape, dtype and device stay, and no gradient
    passes. Colours lose; grey pictures and opacity do not: the codec stores those without loss (A-6.1c).
    Boxes, masks and labels pass unchanged. Of one sample all pictures get the same quality, drawn with
    torch's generator.

    Args:
        quality: 1 to 100, or the lowest and the highest to choose from, both included.
        p: probability that a sample is coded at all.
        effort: of the encoder, 1 to 3.

    Raises:
        PgiOptionError (ValueError): an argument is out of range; or in a call, a picture is none of these.
    """

    def __init__(self, quality: int | Sequence[int] = (25, 75), p: float = 1.0, effort: int = 1) -> None:
        super().__init__()
        self.quality = _quality_range(quality)
        if not 0 <= p <= 1:
            raise PgiOptionError(f"p must be from 0 to 1, not {p!r}.")
        self.p = p
        self.effort = effort

    @torch.compiler.disable
    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The quality for one sample, or None where it is not coded."""
        low, high = self.quality
        # Both are drawn every time, so that p does not change what other transforms draw.
        quality, chance = int(torch.randint(low, high + 1, ())), float(torch.rand(()))
        return {"quality": quality if chance < self.p else None}

    @torch.compiler.disable  # the codec is no graph: torch.compile stops before it and goes on after it
    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One input of a sample."""
        quality = params["quality"]
        if quality is None or not _is_picture(inpt):
            return inpt
        if isinstance(inpt, Image.Image) and inpt.mode not in _PILLOW_MODES:
            raise PgiOptionError(
                f"A Pillow image must be of mode {', '.join(_PILLOW_MODES)}, not {inpt.mode}."
            )

        def coded(pixels: NDArray[np.uint8]) -> torch.Tensor:
            data = encode(pixels, quality=quality, effort=self.effort, threads=threads_in_worker())
            back = decode(data, threads=threads_in_worker())
            return torch.from_numpy(back.reshape(pixels.shape)).permute(2, 0, 1)

        result = F.to_dtype(_each(_as_bytes(inpt), coded), _dtype_of(inpt), scale=True)
        if isinstance(inpt, Image.Image):
            return F.to_pil_image(result, mode=inpt.mode)
        result = result.to(inpt.device)
        return tv_tensors.wrap(result, like=inpt) if isinstance(inpt, tv_tensors.TVTensor) else result


class ToLatent(v2.Transform):
    """Turn pictures into the codec's dequantised latent, for networks that work on latents (A-6.4.1a).

    A picture is encoded and its latent read back, without synthesis; called with the path or the bytes (also
    as a 1-D uint8 tensor) of a ``.pgi`` file instead, its latent is read, as :func:`.decode_pgi_latent` does.

    Takes three colours: ``tv_tensors.Image`` and ``Video``, tensors (..., 3, H, W), uint8 or float from 0 to
    1, and Pillow images of mode RGB. Gives float32 tensors (..., M, ceil(H / 16), ceil(W / 16)) on the same
    device, M being ``pgic_core.default_model().latent``. Boxes are divided by 16; masks and labels pass
    unchanged.

    Args:
        quality: 1 to 100, at which pictures are coded.
        effort: of the encoder, 1 to 3.

    Raises:
        PgiOptionError (ValueError): an argument is out of range; or in a call, a picture is none of these, or
            boxes are rotated.
        PgiError: of a ``.pgi`` file, as :func:`.decode_pgi_latent`.
    """

    def __init__(self, quality: int = 50, effort: int = 1) -> None:
        super().__init__()
        self.quality, _ = _quality_range(quality)
        self.effort = effort

    @torch.compiler.disable
    def forward(self, *inputs: Any) -> Any:
        """A sample, or the one path or bytes of a file."""
        if len(inputs) == 1 and _is_file(inputs[0]):
            return decode_pgi_latent(inputs[0])
        return super().forward(*inputs)

    @torch.compiler.disable  # the codec is no graph: torch.compile stops before it and goes on after it
    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One input of a sample."""
        if isinstance(inpt, tv_tensors.BoundingBoxes):
            return _shrunk(inpt)
        if not _is_picture(inpt):
            return inpt
        if isinstance(inpt, Image.Image) and inpt.mode != "RGB":
            raise PgiOptionError(f"Only RGB pictures have a latent, not a Pillow image of mode {inpt.mode}.")

        def latent(pixels: NDArray[np.uint8]) -> torch.Tensor:
            if pixels.shape[2] != 3:
                raise PgiOptionError(f"Only RGB pictures have a latent, not {pixels.shape[2]} channels.")
            data = encode(
                pixels, codec="learned", quality=self.quality, effort=self.effort, threads=threads_in_worker()
            )
            return decode_pgi_latent(data)

        result = _each(_as_bytes(inpt), latent)
        return result if isinstance(inpt, Image.Image) else result.to(inpt.device)


def _quality_range(quality: int | Sequence[int]) -> tuple[int, int]:
    bounds = tuple(quality) if isinstance(quality, (list, tuple)) else (quality, quality)
    whole = all(isinstance(bound, int) and not isinstance(bound, bool) for bound in bounds)
    if len(bounds) != 2 or not whole or not QUALITIES[0] <= bounds[0] <= bounds[1] <= QUALITIES[-1]:
        raise PgiOptionError(
            f"quality must be a whole number from 1 to 100, or the lowest and the highest, not {quality!r}."
        )
    return bounds[0], bounds[1]


def _is_picture(inpt: Any) -> bool:
    if isinstance(inpt, tv_tensors.TVTensor):
        return isinstance(inpt, (tv_tensors.Image, tv_tensors.Video))
    return True  # Transform asks for nothing but those, Pillow images and the one tensor that is the picture


def _is_file(inpt: Any) -> bool:
    if isinstance(inpt, torch.Tensor):
        return inpt.ndim == 1 and inpt.dtype == torch.uint8
    return isinstance(inpt, (str, os.PathLike, bytes))


def _as_bytes(inpt: Any) -> torch.Tensor:
    """Plain uint8 (..., C, H, W) on the CPU."""
    tensor = F.pil_to_tensor(inpt) if isinstance(inpt, Image.Image) else inpt
    if tensor.ndim < 3 or not 1 <= tensor.shape[-3] <= 4 or not tensor.numel():
        raise PgiOptionError(f"A picture must be (..., 1 to 4, H, W), not {tuple(tensor.shape)}.")
    plain = tensor.detach().as_subclass(torch.Tensor).cpu()
    if plain.is_floating_point():
        plain = plain.clamp(0, 1)
    return F.to_dtype(plain, torch.uint8, scale=True)


def _dtype_of(inpt: Any) -> torch.dtype:
    return torch.uint8 if isinstance(inpt, Image.Image) else inpt.dtype


def _each(pictures: torch.Tensor, work: Callable[[NDArray[np.uint8]], torch.Tensor]) -> torch.Tensor:
    """What ``work`` makes of each picture (H, W, C) of (..., C, H, W), stacked in the same way."""
    flat = pictures.reshape(-1, *pictures.shape[-3:])
    made = [work(np.ascontiguousarray(picture.permute(1, 2, 0).numpy())) for picture in flat]
    return torch.stack(made).reshape(*pictures.shape[:-3], *made[0].shape)


def _shrunk(boxes: tv_tensors.BoundingBoxes) -> tv_tensors.BoundingBoxes:
    if boxes.format not in _PLAIN_FORMATS:
        raise PgiOptionError(f"Boxes of the format {boxes.format.value} cannot be put on a latent.")
    height, width = (-(-side // LATENT_FACTOR) for side in boxes.canvas_size)
    plain = boxes.as_subclass(torch.Tensor)
    kind = plain.dtype if plain.is_floating_point() else torch.float32
    return tv_tensors.BoundingBoxes(
        plain.to(kind) / LATENT_FACTOR, format=boxes.format, canvas_size=(height, width)
    )
