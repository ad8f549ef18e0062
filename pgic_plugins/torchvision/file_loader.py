"""How datasets read one file: level, window and mode together, as a loader that can be pickled."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import torch
from torch.utils.data import get_worker_info
from torchvision import tv_tensors

from pgic_core.api import LATENT_FACTOR, open_file
from pgic_core.container import upright_size
from pgic_core.errors import PgiOptionError, PgiUnsupportedError
from pgic_core.options import (
    FAST,
    DecodeOptions,
    Level,
    check_level,
    checked_window,
    known_levels,
    window_within,
)
from pgic_core.roi.shape_importance import stored_point

from .._worker_threads import threads_in_worker
from .arguments import mode_name, precision, source_of
from .decoding import decode_open, show_symbols
from .device import symbols_in
from .file_named_in_errors import naming
from .latent_cache import LatentCache
from .other_formats import is_other, open_other, read_other

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgic_core.api import PgiFile
    from pgic_core.options import OnDamage, Window
    from pgic_core.security.keyring import KeysLike

    from .arguments import PgiSource
    from .device import PgiSymbols

    WindowLike: TypeAlias = Window | Callable[[int, int], Window | list[Window] | None] | None

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
        count: how many windows to read of each picture. Where it is given, items are lists of so many
            pictures: opening a file, and what windows share of it, are paid for once.

    Raises:
        PgiOptionError: a side or the count is not a whole number above 0.
    """

    def __init__(self, width: int, height: int | None = None, *, count: int | None = None) -> None:
        self.width, self.height = width, width if height is None else height
        self.count = count
        for side in (self.width, self.height):
            if isinstance(side, bool) or not isinstance(side, int) or side < 1:
                raise PgiOptionError(f"A side of a window must be a whole number above 0, not {side!r}.")
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
            raise PgiOptionError(f"The count of windows must be a whole number above 0, not {count!r}.")

    def __call__(self, width: int, height: int) -> Window | list[Window]:
        """The window for a picture of this width and height in pixels; with ``count``, a list of them."""
        if self.count is None:
            return self._window(width, height)
        return [self._window(width, height) for _ in range(self.count)]

    def _window(self, width: int, height: int) -> Window:
        across, down = min(self.width, width), min(self.height, height)
        left, top = (int(torch.randint(room + 1, ())) for room in (width - across, height - down))
        return left, top, across, down

    def __repr__(self) -> str:
        count = "" if self.count is None else f", count={self.count}"
        return f"RandomWindow({self.width}, {self.height}{count})"


class Loaded(NamedTuple):
    """A picture, and where it lies in the whole one.

    Attributes:
        image: uint8 ``tv_tensors.Image`` (C, H, W), or for "latent" a float32 tensor (M, h, w); in a worker
            that reads for another device, symbols.
        left, top: of its upper left corner, in pixels of the whole picture as it is turned.
        factor: pixels of the whole picture that one of its positions spans each way.
        width, height: of the whole picture as it is turned.
        orientation: of EXIF, where the picture was turned upright; 1 where it is as stored.
    """

    image: torch.Tensor | PgiSymbols
    left: int
    top: int
    factor: int
    width: int
    height: int
    orientation: int = 1


@dataclass(frozen=True, slots=True)
class PgiLoader:
    """Reads files, also those of other formats where a path ends as theirs do.

    Attributes:
        level: as for :func:`.decoding.decode_pgi`, or "latent".
        window: x, y, width, height in pixels of the stored picture (with ``exif_transpose``, of the upright
            one); or what gives one for the width and height of a picture, such as :class:`RandomWindow`; or
            None for all of it.
        mode: as for :func:`.decoding.decode_pgi`; a latent has none.
        scale: 1, 2, 4 or 8, by which each side is smaller; a latent has its own.
        device: where pixels are wanted. In a worker process of a DataLoader a loader for another device than
            the CPU gives :class:`.device.PgiSymbols`, which :class:`.device_loader.DeviceLoader` decodes in
            the main process.
        half: as for :func:`.decoding.decode_pgi`.
        on_damage: "raise", or "conceal" to fill damaged tiles.
        exif_transpose: turn pictures upright, as EXIF says; not for latents, which have a direction.
        latents: keeps latents of whole pictures for the next epoch; by default nothing.
        keys: of encrypted files, as of :func:`pgic_core.open_file`. Workers that are spawned need paths of
            key files, since keys themselves cannot be pickled.

    Raises:
        PgiOptionError: an argument is none of its values.
    """

    level: LoadLevel = "fast"
    window: WindowLike = None
    mode: Any = "RGB"
    scale: int = 1
    device: torch.device | str = "cpu"
    half: bool = False
    on_damage: OnDamage = "raise"
    exif_transpose: bool = False
    latents: LatentCache = field(default_factory=LatentCache)
    keys: KeysLike | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_level(self.level, (*known_levels(), _LATENT))
        mode_name(self.mode)
        self._options(None)  # checks them
        torch.device(self.device)
        if self.level != _LATENT:
            return
        if self.scale != 1:
            raise PgiOptionError(f"A latent has no scale, so it cannot be {self.scale!r}.")
        if self.exif_transpose:
            raise PgiOptionError("A latent cannot be turned: exif_transpose does not go with level 'latent'.")

    def _options(self, window: Window | None) -> DecodeOptions:
        """How to decode a window, whose level is "fast" for latents."""
        level = FAST if self.level == _LATENT else self.level
        return DecodeOptions(level, window, self.on_damage, threads_in_worker(), scale=self.scale)

    @property
    def factor(self) -> int:
        """Pixels of the picture along one side of a position of what is read."""
        return LATENT_FACTOR if self.level == _LATENT else self._options(None).scale

    def __call__(self, source: PgiSource) -> Any:
        """The picture alone, as ``DatasetFolder`` wants it; a list where the window gives several.

        Raises:
            PgiError: as :func:`.decoding.decode_pgi`; the message names the file.
        """
        loaded = self.load(source)
        return [one.image for one in loaded] if isinstance(loaded, list) else loaded.image

    def load(self, source: PgiSource) -> Any:
        """The picture and where it lies, as :class:`Loaded`; a list where the window gives several.

        Raises:
            PgiError: as :func:`.decoding.decode_pgi`; the message names the file.
        """
        with naming(source):
            return self._other(source) if is_other(source) else self._pgi(source)

    def _pgi(self, source: PgiSource) -> Loaded | list[Loaded]:
        with open_file(source_of(source), keys=self.keys) as file:
            orientation = file.orientation if self.exif_transpose else 1
            turned = upright_size(file.width, file.height, orientation)
            windows, several = self._windows(*turned)
            stored = [_stored_window(window, orientation, file.width, file.height) for window in windows]
            images = self._images(file, stored, source)
            places = [_corner(window, self.factor, orientation, file.width, file.height) for window in stored]
        found = [
            Loaded(image, *place, self.factor, *turned, orientation)
            for image, place in zip(images, places, strict=True)
        ]
        return found if several else found[0]

    def _other(self, source: Any) -> Loaded | list[Loaded]:
        if self.level == _LATENT:
            raise PgiUnsupportedError(f"{os.fsdecode(source)} has no latent: it is not a .pgi file.")
        found = []
        with open_other(source, upright=self.exif_transpose) as image:
            windows, several = self._windows(*image.size)
            for window in windows:
                pixels = read_other(image, mode_name(self.mode), self.factor, window)
                left, top = (side // self.factor * self.factor for side in (window or (0, 0))[:2])
                place = torch.device(self.device) if get_worker_info() is None else "cpu"
                picture = tv_tensors.Image(pixels.to(place))
                found.append(Loaded(picture, left, top, self.factor, *image.size))
        return found if several else found[0]

    def _windows(self, width: int, height: int) -> tuple[list[Window | None], bool]:
        """The windows of a picture of this size, and whether they were given as several."""
        window: Any = self.window(width, height) if callable(self.window) else self.window
        if isinstance(window, list):
            return window, True
        return [window], False

    def _images(
        self, file: PgiFile, windows: list[Window | None], source: PgiSource
    ) -> list[torch.Tensor | PgiSymbols]:
        """What is read of an open file, a picture for each window."""
        latent, mode = self.level == _LATENT, mode_name(self.mode)
        options = self._options(None)
        place = torch.device(self.device)
        if place.type == "cpu" and not self.half:
            if latent:
                return [self._latent(file, window, source) for window in windows]
            several = None if None in windows else cast("list[Window]", windows)
            shown = decode_open(file, options, mode, self.exif_transpose, several)
            return [tv_tensors.Image(picture) for picture in shown]
        symbols = [
            symbols_in(
                file, replace(options, window=window), latent=latent, upright=self.exif_transpose, mode=mode
            )
            for window in windows
        ]
        if get_worker_info() is not None and place.type != "cpu":
            return list(symbols)
        pictures = [show_symbols(one, place, precision(self.half)) for one in symbols]
        return pictures if latent else [tv_tensors.Image(picture) for picture in pictures]

    def _latent(self, file: PgiFile, window: Window | None, source: PgiSource) -> torch.Tensor:
        threads = threads_in_worker()
        if not self.latents.most_bytes:
            return torch.from_numpy(file.latent(window, threads))
        whole = self.latents.get(source, lambda: torch.from_numpy(file.latent(None, threads)))
        x, y, width, height = window_within(checked_window(window), file.width, file.height)
        rows = slice(y // LATENT_FACTOR, -(-(y + height) // LATENT_FACTOR))
        columns = slice(x // LATENT_FACTOR, -(-(x + width) // LATENT_FACTOR))
        return whole[:, rows, columns].clone()


def _stored_window(window: Window | None, orientation: int, width: int, height: int) -> Window | None:
    """A window of the turned picture, in the stored one of this size."""
    if window is None or orientation == 1:
        return window
    x, y, across, down = checked_window(window) or (0, 0, width, height)
    corners = [stored_point(point, orientation, height, width) for point in ((x, y), (x + across, y + down))]
    (left, right), (top, bottom) = (sorted(map(int, ends)) for ends in zip(*corners, strict=True))
    return left, top, right - left, bottom - top


def _corner(window: Window | None, factor: int, orientation: int, width: int, height: int) -> tuple[int, int]:
    """Upper left corner, in the turned picture, of what covers a window of the stored one."""
    x, y, across, down = (0, 0, width, height) if window is None else window
    left, top = x // factor * factor, y // factor * factor
    right, bottom = (-(-side // factor) * factor for side in (x + across, y + down))
    turned = upright_size(width, height, orientation)
    back = {6: 8, 8: 6}.get(orientation, orientation)  # the turn that undoes it
    corners = [stored_point(point, back, turned[1], turned[0]) for point in ((left, top), (right, bottom))]
    return int(min(x for x, _ in corners)), int(min(y for _, y in corners))
