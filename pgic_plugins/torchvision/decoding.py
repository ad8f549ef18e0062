"""``.pgi`` bytes to tensors, as ``torchvision.io`` and torchcodec decode other formats."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch.utils.data import get_worker_info

from pgic_core.api import decode_latent, open_file
from pgic_core.codec.picture import SampleFormat, upright_pixels
from pgic_core.errors import PgiOptionError, PgiUnsupportedError
from pgic_core.options import DecodeOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pgic_core.options import Level, Window
    from pgic_core.roi import RegionsLike

__all__ = ["MODES", "PgiSource", "decode_pgi", "decode_pgi_latent", "source_of", "threads_here"]

PgiSource: TypeAlias = "str | os.PathLike[str] | bytes | torch.Tensor"
"""A path, the bytes of a file, or a 1-D uint8 tensor that holds them."""

MODES = ("UNCHANGED", "GRAY", "GRAY_ALPHA", "RGB", "RGB_ALPHA")
"""Names of ``torchvision.io.ImageReadMode``, which itself is deprecated."""


def decode_pgi(
    source: PgiSource,
    *,
    mode: Any = "RGB",
    level: Level = "fast",
    scale: int = 1,
    window: Window | None = None,
    regions: RegionsLike | None = None,
    device: torch.device | str = "cpu",
    threads: int | None = None,
    apply_exif_orientation: bool = False,
) -> torch.Tensor:
    """Decode a ``.pgi`` file, or a part of it (A-6.5.1a).

    Args:
        source: a path, bytes, or a 1-D uint8 tensor of bytes.
        mode: "UNCHANGED", "GRAY", "GRAY_ALPHA", "RGB" or "RGB_ALPHA" in any case, or torchvision's
            ``ImageReadMode`` of that name. Grey is ITU-R 601 luma, missing opacity is 255, opacity that
            is not wanted is dropped.
        level: as for :func:`pgic_core.decode`: "fast" for every pixel, "preview" for one for each 8 x 8 from
            a prefix of the file, and so on.
        scale: 1, 2, 4 or 8, by which each side is smaller.
        window: x, y, width, height in pixels of the stored picture; only the tiles that it needs are read.
            A smaller picture covers it with whole pixels.
        regions: with level "adaptive", what to decode finely.
        device: of the result; decoding runs on the CPU.
        threads: 1 or more; if not given, 1 in a worker process of a DataLoader, elsewhere
            ``PGIC_THREADS`` or all processors.
        apply_exif_orientation: turn the result upright, as EXIF says; of a window, the window.

    Returns:
        uint8 (C, H, W), 0 to 255, C from 1 to 4 as ``mode`` says. Samples of 16 bits are rounded to 8.

    Raises:
        PgiOptionError (ValueError): an argument is none of its values, or the window is not inside the
            picture.
        PgiInputError (OSError): the file cannot be read.
        PgiFormatError (ValueError): it is damaged, or no ``.pgi``.
        PgiUnsupportedError: its samples are int32 or float32, or codec or model are not here.
        PgiLimitError: it asks for more than the limits allow.
    """
    wanted = _mode_name(mode)
    options = DecodeOptions(level, window, threads=threads_here(threads), scale=scale, regions=regions)
    with open_file(source_of(source)) as file:
        if file.sample_format not in (SampleFormat.UINT8, SampleFormat.UINT16):
            raise PgiUnsupportedError(
                f"Samples of {file.sample_format.name.lower()} do not fit into uint8; "
                "pgic_core.decode gives them as they are."
            )
        picture, _ = file.decode_with(options)
        orientation = file.orientation if apply_exif_orientation else 1
    pixels = upright_pixels(_eight_bits(picture.pixels), orientation)
    tensor = torch.from_numpy(pixels if wanted == "UNCHANGED" else _converted(pixels, wanted))
    return tensor.permute(2, 0, 1).to(device)


def decode_pgi_latent(
    source: PgiSource,
    *,
    window: Window | None = None,
    device: torch.device | str = "cpu",
    threads: int | None = None,
) -> torch.Tensor:
    """The dequantised latent of a ``.pgi`` file, without synthesis: see :func:`pgic_core.decode_latent`.

    Args:
        source: as for :func:`decode_pgi`, like all that follow.
        window: is covered with whole latent positions.
        device: of the result.
        threads: 1 or more.

    Returns:
        float32 (M, ceil(H / 16), ceil(W / 16)), M channels as ``pgic_core.default_model().latent`` says of
        the default model.

    Raises:
        PgiUnsupportedError: the picture was stored without loss and has no latent.
        PgiError: as :func:`decode_pgi`.
    """
    latent = decode_latent(source_of(source), window=window, threads=threads_here(threads))
    return torch.from_numpy(latent).to(device)


def source_of(source: PgiSource) -> str | os.PathLike[str] | bytes | memoryview:
    """What :func:`pgic_core.open_file` takes.

    Raises:
        PgiOptionError: it is nothing that this module decodes.
    """
    if isinstance(source, torch.Tensor):
        if source.dtype != torch.uint8 or source.ndim != 1:
            raise PgiOptionError(
                "A tensor with a .pgi file in it must be uint8 of one dimension, "
                f"not {str(source.dtype).removeprefix('torch.')} of shape {tuple(source.shape)}."
            )
        return np.ascontiguousarray(source.cpu().numpy()).data
    if isinstance(source, (str, os.PathLike, bytes)):
        return source
    raise PgiOptionError(
        f"A .pgi file is decoded from a path, bytes or a uint8 tensor, not from {type(source).__name__}."
    )


def threads_here(threads: int | None = None) -> int | None:
    """The threads asked for; if none were, 1 in a worker process of a DataLoader."""
    return 1 if threads is None and get_worker_info() is not None else threads


def _mode_name(mode: object) -> str:
    name = getattr(mode, "name", mode)
    if not isinstance(name, str) or name.upper() not in MODES:
        raise PgiOptionError(f"mode must be one of {', '.join(MODES)}, not {mode!r}.")
    return name.upper()


def _eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _converted(pixels: NDArray[np.uint8], mode: str) -> NDArray[np.uint8]:
    """(H, W, C) to the channels of a mode."""
    channels = pixels.shape[2]
    colours, alpha = pixels[:, :, : 3 if channels >= 3 else 1], pixels[:, :, 3 if channels >= 3 else 1 :]
    if mode.startswith("GRAY") and channels >= 3:
        # The weights and the rounding of Pillow's "L".
        luma = colours @ np.array([19595, 38470, 7471], np.uint32) + 0x8000 >> 16
        colours = luma[:, :, np.newaxis].astype(np.uint8)
    elif mode.startswith("RGB") and channels < 3:
        colours = np.repeat(colours, 3, axis=2)
    if mode.endswith("ALPHA"):
        if not alpha.size:
            alpha = np.full((*pixels.shape[:2], 1), 255, np.uint8)
        return np.concatenate([colours, alpha], axis=2)
    return colours
