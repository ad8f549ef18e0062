"""webdataset handlers: ``.pgi`` members of tar files as tensors, arrays or Pillow images, and back.

::

    from pgic_plugins.webdataset import decoder, encoder

    dataset = webdataset.WebDataset("flight-{000..009}.tar").decode(decoder("torchrgb8"))
    with webdataset.TarWriter("flight.tar", encoder=encoder(quality=60)) as sink:
        sink.write({"__key__": "tower", "pgi": picture, "json": boxes})

A member that holds a ``.pgi`` file already is written as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from pgic_core.api import encode, open_file
from pgic_core.errors import PgiError, PgiOptionError, PgiUnsupportedError
from pgic_core.options import DecodeOptions

from ._worker_threads import threads_in_worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pgic_core.options import Level, Window

__all__ = ["Kind", "decoder", "encoder"]

Kind: TypeAlias = Literal[
    "rgb8", "rgb", "l8", "l", "torchrgb8", "torchrgb", "torchl8", "torchl", "pil", "pilrgb"
]
"""What to make of a picture, by the names that webdataset has for other formats."""


def decoder(
    kind: Kind = "torchrgb8", *, level: Level = "fast", window: Window | None = None
) -> Callable[[str, bytes], Any]:
    """A handler for ``WebDataset.decode``.

    Args:
        kind: "rgb8" and "l8" are uint8 arrays (H, W, 3) and (H, W), "rgb" and "l" float32 from 0 to 1;
            with "torch" before them they are tensors (C, H, W). "pil" is a Pillow image, "pilrgb" one of
            three colours.
        level: as for :func:`pgic_core.decode`.
        window: x, y, width, height in pixels of the stored picture.

    Returns:
        What takes a member's name and bytes, and gives the picture, or None for other formats. Its errors
        name the member.

    Raises:
        PgiOptionError: an argument is none of its values.
    """
    if kind not in get_args(Kind):
        raise PgiOptionError(f"kind must be one of {', '.join(get_args(Kind))}, not {kind!r}.")
    DecodeOptions(level, window)  # checks them

    def handler(key: str, data: bytes) -> Any:
        if key.rpartition(".")[2].lower() != "pgi":
            return None
        options = DecodeOptions(level, window, threads=threads_in_worker())
        try:
            return _shown(data, options, kind)
        except PgiError as error:
            raise type(error)(f"{key}: {error}") from error

    return handler


def encoder(**options: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """An encoder for ``TarWriter`` and ``ShardWriter``: what webdataset's own does, and ``.pgi`` as well.

    Args:
        options: of :func:`pgic_core.encode`, for members whose name ends in ``.pgi``: arrays, Pillow images,
            and tensors (C, H, W) of uint8 or of float from 0 to 1.
    """
    from webdataset.writer import default_handlers, encode_based_on_extension1

    def encoded(sample: dict[str, Any]) -> dict[str, Any]:
        return {
            name: _file_of(value, options)
            if name.rpartition(".")[2].lower() == "pgi"
            else encode_based_on_extension1(value, name, default_handlers)
            for name, value in sample.items()
        }

    return encoded


def _shown(data: bytes, options: DecodeOptions, kind: str) -> Any:
    with open_file(data) as file:
        picture, _ = file.decode_with(options)
    if kind.startswith("pil"):
        image = picture.to_pil()
        return image.convert("RGB") if kind == "pilrgb" else image
    if picture.pixels.dtype != np.uint8:
        raise PgiUnsupportedError(f"Samples of {picture.pixels.dtype.name} need the kind 'pil'.")
    grey = kind.removeprefix("torch").startswith("l")
    array: NDArray[Any] = np.asarray(picture.to_pil().convert("L" if grey else "RGB"))
    if not kind.endswith("8"):
        array = array.astype(np.float32) / 255
    if not kind.startswith("torch"):
        return array
    import torch

    return torch.from_numpy(np.array(array.reshape(*array.shape[:2], -1))).permute(2, 0, 1)


def _file_of(value: Any, options: dict[str, Any]) -> bytes:
    if isinstance(value, bytes):
        return value
    if hasattr(value, "detach"):
        value = value.detach().cpu().permute(1, 2, 0).numpy()
        if value.dtype.kind == "f":
            value = (value.clip(0, 1) * 255).round().astype(np.uint8)
    return encode(value, **options)
