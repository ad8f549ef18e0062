"""What a file holds for the networks, as tensors that workers of a DataLoader hand on."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import torch

from pgic_core.api import open_file
from pgic_core.codec.learned.symbols_for_engines import LATENT
from pgic_core.codec.sample_format import SampleFormat
from pgic_core.errors import PgiUnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from pgic_core.api import PgiFile
    from pgic_core.codec.learned.rendering.block_plan import BlockPlan, RenderPlan
    from pgic_core.codec.learned.symbols_for_engines import BlockSymbols, ExactPart, PictureSymbols
    from pgic_core.codec.rectangle import Rectangle
    from pgic_core.container.byte_source import SourceLike
    from pgic_core.options import DecodeOptions
    from pgic_core.security.keyring import KeysLike

__all__ = [
    "BlockTensors",
    "DrawingTensors",
    "ExactTensors",
    "PgiSymbols",
    "check_samples",
    "eight_bits",
    "read_symbols",
    "symbols_in",
]


@dataclass(frozen=True, slots=True)
class DrawingTensors:
    """As :class:`pgic_core.codec.learned.symbols_for_engines.Drawing`."""

    plan: RenderPlan
    weight: Tensor | None


@dataclass(frozen=True, slots=True)
class BlockTensors:
    """As :class:`pgic_core.codec.learned.symbols_for_engines.BlockSymbols`."""

    plan: BlockPlan
    z: Tensor
    base: Tensor
    detail: Tensor | None
    drawings: tuple[DrawingTensors, ...]


@dataclass(frozen=True, slots=True)
class ExactTensors:
    """As :class:`~pgic_core.codec.learned.symbols_for_engines.ExactPart`, ``pixels`` with colours first."""

    rows: slice
    columns: slice
    pixels: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class PgiSymbols:
    """A picture or a window, read and not yet decoded: :func:`.show_symbols` shows it on a device.

    It can be pickled, and its memory pinned (``DataLoader(pin_memory=True)`` does so).

    Attributes:
        model_digest, quality, roi_map, level, scale, area, whole, kernels, raises,
            neutral: as of
            :class:`pgic_core.codec.learned.symbols_for_engines.PictureSymbols`.
        blocks: cover ``area``.
        exact: is laid over.
        opacity: uint8 (1, h, w), or None.
        pixels: uint8 (C, h, w) of a picture that was decoded on the CPU, for its codec has no networks; all
            else is empty then.
        orientation: of EXIF, to be applied; 1 for none.
        mode: of the result, a name of :data:`.arguments.MODES`.
    """

    level: str
    scale: int = 1
    model_digest: str = ""
    quality: int = 1
    roi_map: NDArray[np.int8] | None = None
    area: Rectangle | None = None
    whole: Rectangle | None = None
    kernels: Tensor | None = None
    raises: Tensor | None = None
    neutral: bool = False
    blocks: tuple[BlockTensors, ...] = ()
    exact: tuple[ExactTensors, ...] = ()
    opacity: Tensor | None = None
    pixels: Tensor | None = None
    orientation: int = 1
    mode: str = "RGB"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of what will be shown; of a latent -1 channels."""
        if self.pixels is not None:
            stored, height, width = self.pixels.shape
        else:
            assert self.area is not None
            first = self.area.reduced(self.scale)
            stored, height, width = 3 + (self.opacity is not None), first.height, first.width
        if self.orientation >= 5:
            height, width = width, height
        channels = {"UNCHANGED": stored, "GRAY": 1, "GRAY_ALPHA": 2, "RGB": 3, "RGB_ALPHA": 4}[self.mode]
        return -1 if self.level == LATENT else channels, height, width

    def pin_memory(self) -> PgiSymbols:
        """The same in page-locked memory, from which copies to a device do not wait."""
        return _mapped(self, torch.Tensor.pin_memory)

    def to(self, device: torch.device) -> PgiSymbols:
        """The same with its tensors on a device; copies of pinned memory may still be under way."""
        return _mapped(self, lambda tensor: tensor.to(device, non_blocking=True))


def read_symbols(
    source: SourceLike,
    options: DecodeOptions,
    *,
    latent: bool = False,
    upright: bool = False,
    mode: str = "RGB",
    frame: int = 0,
    keys: KeysLike | None = None,
) -> PgiSymbols:
    """Read a file as far as it goes without networks; it takes one thread.

    Args:
        source: path, bytes or file object.
        options: level, window and damage policy; and threads, for pictures of codecs without networks.
        latent: read for the latent.
        upright: have EXIF orientation applied.
        mode: channels of the result.
        frame: of a sequence.
        keys: of an encrypted file.

    Raises:
        PgiUnsupportedError: samples do not fit into uint8, the picture has no latent, or codec or model are
            not here.
        PgiError: as :func:`pgic_core.decode`.
    """
    with open_file(source, keys=keys) as file:
        return symbols_in(file.frame(frame), options, latent=latent, upright=upright, mode=mode)


def symbols_in(
    file: PgiFile, options: DecodeOptions, *, latent: bool = False, upright: bool = False, mode: str = "RGB"
) -> PgiSymbols:
    """As :func:`read_symbols`, of a file that is open."""
    check_samples(file)
    orientation = file.orientation if upright else 1
    found = file.symbols_with(options, latent=latent)
    if found is None and latent:
        file.latent(options.window)  # says why there is none
    if found is None:
        pixels = _channels_first(eight_bits(file.decode_with(options)[0].pixels))
        return PgiSymbols(options.level, options.scale, pixels=pixels, orientation=orientation, mode=mode)
    return replace(_as_tensors(*found), orientation=orientation, mode=mode)


def check_samples(file: PgiFile) -> None:
    """Raise PgiUnsupportedError unless samples are of 8 or 16 bits without sign."""
    if file.sample_format not in (SampleFormat.UINT8, SampleFormat.UINT16):
        raise PgiUnsupportedError(
            f"Samples of {file.sample_format.name.lower()} do not fit into uint8; "
            "pgic_core.decode gives them as they are."
        )


def eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Samples of 8 or 16 bits, rounded to 8."""
    if pixels.dtype.itemsize == 1:
        return pixels
    return ((pixels.astype("u4") * 255 + 32767) // 65535).astype("u1")


def _as_tensors(picture: PictureSymbols, opacity: NDArray[np.uint8] | None) -> PgiSymbols:
    def tensor(array: NDArray[Any] | None) -> Tensor | None:
        return None if array is None else torch.from_numpy(array)

    def exact(part: ExactPart) -> ExactTensors:
        return ExactTensors(
            part.rows, part.columns, _channels_first(part.pixels), torch.from_numpy(part.mask.copy())
        )

    def block(found: BlockSymbols) -> BlockTensors:
        return BlockTensors(
            found.plan,
            torch.from_numpy(found.z),
            torch.from_numpy(found.base),
            tensor(found.detail),
            tuple(DrawingTensors(drawing.plan, tensor(drawing.weight)) for drawing in found.drawings),
        )

    return PgiSymbols(
        picture.level,
        picture.scale,
        picture.model_digest,
        picture.quality,
        picture.roi_map,
        picture.area,
        picture.whole,
        tensor(picture.kernels),
        tensor(picture.raises),
        picture.neutral,
        tuple(map(block, picture.blocks)),
        tuple(map(exact, picture.exact)),
        None if opacity is None else _channels_first(opacity),
    )


def _channels_first(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _mapped(value: Any, work: Callable[[Tensor], Tensor]) -> Any:
    """A tree of these classes with ``work`` done to each tensor."""
    if isinstance(value, torch.Tensor):
        return work(value)
    if isinstance(value, tuple):
        return tuple(_mapped(item, work) for item in value)
    if isinstance(value, (PgiSymbols, BlockTensors, DrawingTensors, ExactTensors)):
        changed = {field.name: _mapped(getattr(value, field.name), work) for field in fields(value)}
        return type(value)(**changed)
    return value
