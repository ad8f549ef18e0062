"""How datasets read one file: level, window and mode together, as a loader that can be pickled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import torch
from torch.utils.data import get_worker_info
from torchvision import tv_tensors

from pgic_core.api import LATENT_FACTOR, open_file
from pgic_core.errors import PgiOptionError
from pgic_core.options import LEVELS, DecodeOptions, Level, check_level, level_scale

from .decoding import decode_pgi, decode_pgi_latent, mode_name, source_of
from .device import read_symbols
from .naming import naming

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgic_core.options import OnDamage, Window

    from .decoding import PgiSource
    from .device import PgiSymbols

    WindowLike: TypeAlias = Window | Callable[[int, int], Window | None] | None

__all__ = ["LoadLevel", "Loaded", "PgiLoader", "RandomWindow"]

LoadLevel: TypeAlias = Level | Literal["latent"]


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
        image: uint8 ``tv_tensors.Image`` (C, H, W), or for "latent" a float32 tensor (M, h, w); in a worker
            that reads for another device, symbols.
        left, top: of its upper left corner, in stored pixels.
        factor: stored pixels that one of its positions spans each way.
    """

    image: torch.Tensor | PgiSymbols
    left: int
    top: int
    factor: int


@dataclass(frozen=True, slots=True)
class PgiLoader:
    """Reads files.

    Attributes:
        level: "fast", "preview" or "latent".
        window: x, y, width, height in stored pixels; or what gives one for the width and height of a
            picture, such as :class:`RandomWindow`; or None for all of it.
        mode: as for :func:`.decoding.decode_pgi`; a latent has none.
        device: where pixels are wanted. In a worker process of a DataLoader a loader for another device than
            the CPU gives :class:`.device.PgiSymbols`, which :class:`.device_loader.DeviceLoader` decodes in
            the main process.
        half: as for :func:`.decoding.decode_pgi`.
        on_damage: "raise", or "conceal" to fill damaged tiles.

    Raises:
        PgiOptionError: an argument is none of its values.
    """

    level: LoadLevel = "fast"
    window: WindowLike = None
    mode: Any = "RGB"
    device: torch.device | str = "cpu"
    half: bool = False
    on_damage: OnDamage = "raise"

    def __post_init__(self) -> None:
        check_level(self.level, (*LEVELS, "latent"))
        mode_name(self.mode)
        DecodeOptions(on_damage=self.on_damage)  # checks it
        torch.device(self.device)

    def __call__(self, source: PgiSource) -> torch.Tensor | PgiSymbols:
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
        with naming(source):
            window = self.window
            if callable(window):
                with open_file(source_of(source)) as file:
                    window = window(file.width, file.height)
            factor = LATENT_FACTOR if self.level == "latent" else level_scale(self.level)
            left, top = (0, 0) if window is None else (side // factor * factor for side in window[:2])
            return Loaded(self._image(source, window), left, top, factor)

    def _image(self, source: PgiSource, window: Window | None) -> torch.Tensor | PgiSymbols:
        if get_worker_info() is not None and torch.device(self.device).type != "cpu":
            level = "fast" if self.level == "latent" else self.level
            options = DecodeOptions(level, window, self.on_damage, 1)
            return read_symbols(
                source_of(source), options, latent=self.level == "latent", mode=mode_name(self.mode)
            )
        if self.level == "latent":
            return decode_pgi_latent(source, window=window, device=self.device)
        return tv_tensors.Image(
            decode_pgi(
                source,
                mode=self.mode,
                level=self.level,
                window=window,
                device=self.device,
                half=self.half,
                on_damage=self.on_damage,
            )
        )
