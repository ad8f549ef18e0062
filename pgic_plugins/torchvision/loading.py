"""How datasets read one file: level, window and mode together, as a loader that can be pickled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import torch
from torchvision import tv_tensors

from pgic_core.api import LATENT_FACTOR, open_file
from pgic_core.errors import PgiOptionError
from pgic_core.options import DecodeOptions, Level, check_level, known_levels

from .decoding import decode_pgi, decode_pgi_latent, source_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgic_core.options import Window

    from .decoding import PgiSource

    WindowLike: TypeAlias = Window | Callable[[int, int], Window | None] | None

__all__ = ["LoadLevel", "Loaded", "PgiLoader", "RandomWindow"]

LoadLevel: TypeAlias = Level
"""A level, or "latent"."""
_LATENT = "latent"


class RandomWindow:
    """A window of a given size at a random place, for ``window=`` of the datasets: a crop that costs little.

    The place comes from torch's generator, so that :func:`torch.manual_seed` and the seeds of DataLoader
    workers govern it.

    Args:
        width: in pixels, 1 or more; a picture that is narrower gives its whole width.
        height: likewise; the width if not given.

    Raises:
        PgiOptionError: a side is not a whole number above 0.
    """

    def __init__(self, width: int, height: int | None = None) -> None:
        self.width, self.height = width, width if height is None else height
        for side in (self.width, self.height):
            if isinstance(side, bool) or not isinstance(side, int) or side < 1:
                raise PgiOptionError(f"A side of a window must be a whole number above 0, not {side!r}.")

    def __call__(self, width: int, height: int) -> Window:
        """The window for a picture of this width and height in pixels."""
        across, down = min(self.width, width), min(self.height, height)
        left, top = (int(torch.randint(room + 1, ())) for room in (width - across, height - down))
        return left, top, across, down

    def __repr__(self) -> str:
        return f"RandomWindow({self.width}, {self.height})"


class Loaded(NamedTuple):
    """A picture, and where it lies in the stored one.

    Attributes:
        image: uint8 ``tv_tensors.Image`` (C, H, W), or for "latent" a float32 tensor (M, h, w).
        left, top: of its upper left corner, in stored pixels.
        factor: stored pixels that one of its positions spans each way.
    """

    image: torch.Tensor
    left: int
    top: int
    factor: int


@dataclass(frozen=True, slots=True)
class PgiLoader:
    """Reads files.

    Attributes:
        level: as for :func:`.decoding.decode_pgi`, or "latent".
        window: x, y, width, height in stored pixels; or what gives one for the width and height of a
            picture, such as :class:`RandomWindow`; or None for all of it.
        mode: as for :func:`.decoding.decode_pgi`; a latent has none.
        scale: 1, 2, 4 or 8, by which each side is smaller; a latent has its own.

    Raises:
        PgiOptionError: ``level`` or ``scale`` is none of these.
    """

    level: LoadLevel = "fast"
    window: WindowLike = None
    mode: Any = "RGB"
    scale: int = 1

    def __post_init__(self) -> None:
        check_level(self.level, (*known_levels(), _LATENT))
        if self.level != _LATENT:
            DecodeOptions(self.level, scale=self.scale)  # checks them
        elif self.scale != 1:
            raise PgiOptionError(f"A latent has no scale, so it cannot be {self.scale!r}.")

    def __call__(self, source: PgiSource) -> torch.Tensor:
        """The picture alone, as ``DatasetFolder`` wants it.

        Raises:
            PgiError: as :func:`.decoding.decode_pgi`.
        """
        return self.load(source).image

    def load(self, source: PgiSource) -> Loaded:
        """The picture, and where it lies.

        Raises:
            PgiError: as :func:`.decoding.decode_pgi`.
        """
        window = self.window
        if callable(window):
            with open_file(source_of(source)) as file:
                window = window(file.width, file.height)
        if self.level == _LATENT:
            image, factor = decode_pgi_latent(source, window=window), LATENT_FACTOR
        else:
            pixels = decode_pgi(source, mode=self.mode, level=self.level, scale=self.scale, window=window)
            image, factor = tv_tensors.Image(pixels), DecodeOptions(self.level, scale=self.scale).scale
        left, top = (0, 0) if window is None else (side // factor * factor for side in window[:2])
        return Loaded(image, left, top, factor)
