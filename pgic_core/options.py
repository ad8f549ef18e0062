"""Options of encoding and decoding: each type defined once, and checked once.

Quality, effort, level, window, damage policy, threads and progress mean the same in every package. This
module says what each may be. It imports nothing but errors, so that a plugin pays nothing for it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from .errors import PgiOptionError

__all__ = [
    "ADAPTIVE",
    "DEFAULT_EFFORT",
    "DEFAULT_KEY_DISTANCE",
    "DEFAULT_QUALITY",
    "EFFORTS",
    "FAST",
    "FINE",
    "LEVELS",
    "PREVIEW",
    "PREVIEW_FACTOR",
    "PREVIEW_SCALES",
    "QUALITIES",
    "RECOGNITION",
    "SCALES",
    "DecodeOptions",
    "Level",
    "OnDamage",
    "Progress",
    "RateRequest",
    "Window",
    "check_effort",
    "check_level",
    "check_quality",
    "check_scale",
    "checked_window",
    "default_threads",
    "is_level_name",
    "known_levels",
    "set_level_source",
    "thread_count",
    "window_within",
]

QUALITIES = range(1, 101)
DEFAULT_QUALITY = 50

EFFORTS = range(1, 4)
DEFAULT_EFFORT = 2

DEFAULT_KEY_DISTANCE = 64
"""The most change frames between a frame of a sequence and its key frame."""

Level: TypeAlias = str
"""How to decode: one of :data:`LEVELS`, or a further level of an installed model."""
PREVIEW = "preview"
FAST = "fast"
FINE = "fine"
ADAPTIVE = "adaptive"
RECOGNITION = "recognition"
LEVELS: tuple[Level, ...] = (PREVIEW, FAST, FINE, ADAPTIVE, "perceptual", RECOGNITION)
"""The levels that have a meaning of their own; a model need not have all of them.

"fast" gives every pixel; "preview" one for each 8 x 8 from a prefix of the file; "fine" every pixel through a
larger network; "adaptive" the key regions as "fine" and the rest as "fast"; "perceptual" every pixel with
synthesised texture, for looking at and never for evidence; "recognition" likewise, for detectors.
"""
_LEVEL_NAME = re.compile("[a-z][a-z0-9-]{0,31}")

PREVIEW_FACTOR = 8
"""Pixels of the picture along one side of a preview pixel, where nobody asked for larger previews."""
PREVIEW_SCALES = (4, PREVIEW_FACTOR)
"""Likewise, of all previews that there are."""
SCALES = (1, 2, 4, PREVIEW_FACTOR)
"""Pixels of the picture along one side of a decoded pixel."""

OnDamage: TypeAlias = Literal["raise", "conceal"]
"""Whether a damaged tile raises, or is filled from what is left of it and around it."""

Window: TypeAlias = tuple[int, int, int, int]
"""x, y, width, height in pixels of the stored picture."""

Progress: TypeAlias = Callable[[float], None]
"""Called with the share done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How to decode a picture; checked when it is made, and handed down to the codecs whole.

    Attributes:
        level: one of :data:`LEVELS`, or a further level of an installed model.
        window: x, y, width, height in pixels of the stored picture at its full size, or None for all of it;
            a smaller picture covers it with whole pixels. Integers of any type are accepted and become
            ``int``.
        on_damage: "raise", or "conceal" to fill damaged tiles.
        threads: 1 or more; None for :func:`default_threads`.
        progress: called with the share done, 0 to 1, or None.
        scale: pixels of the picture along one side of a decoded pixel: 1, 2, 4 or 8. A preview has 8, or 4.
        regions: with "adaptive", what to decode finely; what it may be is up to the one who decodes.

    Raises:
        PgiOptionError: one is out of range. Only :meth:`window_in` knows whether the window fits.
    """

    level: Level = "fast"
    window: Window | None = None
    on_damage: OnDamage = "raise"
    threads: int | None = None
    progress: Progress | None = None
    scale: int = 1
    regions: Any = None

    def __post_init__(self) -> None:
        check_level(self.level)
        check_scale(self.scale)
        if self.level == PREVIEW:
            if self.scale not in (1, *PREVIEW_SCALES):
                raise PgiOptionError(f"A preview has the scale 4 or {PREVIEW_FACTOR}, not {self.scale}.")
            object.__setattr__(self, "scale", PREVIEW_FACTOR if self.scale == 1 else self.scale)
        if self.regions is not None and self.level != ADAPTIVE:
            raise PgiOptionError(f"regions needs level={ADAPTIVE!r}, not {self.level!r}.")
        if self.on_damage not in get_args(OnDamage):
            raise PgiOptionError(f"on_damage must be 'raise' or 'conceal', not {self.on_damage!r}.")
        object.__setattr__(self, "window", checked_window(self.window))
        if self.threads is not None:
            thread_count(self.threads)

    @property
    def conceals(self) -> bool:
        """Whether damaged tiles are filled."""
        return self.on_damage == "conceal"

    @property
    def thread_count(self) -> int:
        """The number of threads to use.

        Raises:
            PgiOptionError: ``PGIC_THREADS`` is no such number.
        """
        return thread_count(self.threads)

    def window_in(self, width: int, height: int) -> Window:
        """The window in a picture of this size; all of it if there is none.

        Raises:
            PgiOptionError: the window is not inside the picture.
        """
        return window_within(self.window, width, height)


@dataclass(frozen=True, slots=True)
class RateRequest:
    """What is asked of size and loss of a file; at most one of the first six.

    Attributes:
        quality: 1 to 100.
        lossless: every pixel comes back as it was.
        max_bytes: of the whole file.
        ratio: bytes of the source file for each byte of this one.
        bpp: bits of the whole file for each pixel.
        min_psnr: dB over all three channels.
        source_bytes: size of the file that the picture came from, for ``ratio``.

    Raises:
        PgiOptionError: one is out of range, or there are several.
    """

    quality: int | None = None
    lossless: bool = False
    max_bytes: int | None = None
    ratio: float | None = None
    bpp: float | None = None
    min_psnr: float | None = None
    source_bytes: int | None = None

    def __post_init__(self) -> None:
        names = ("quality", "max_bytes", "ratio", "bpp", "min_psnr")
        given = [name for name in names if getattr(self, name) is not None] + ["lossless"] * bool(
            self.lossless
        )
        if len(given) > 1:
            raise PgiOptionError(f"{given[0]} and {given[1]} contradict each other: give one of them.")
        if self.quality is not None:
            check_quality(self.quality)
        for name in ("max_bytes", "source_bytes"):
            value = getattr(self, name)
            if value is not None and not (_is_whole(value) and value > 0):
                raise PgiOptionError(f"{name} must be a whole number above 0, not {value!r}.")
        for name in ("ratio", "bpp", "min_psnr"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, (int, float)) and 0 < value < math.inf):
                raise PgiOptionError(f"{name} must be a number above 0, not {value!r}.")

    def byte_budget(self, pixels: int) -> int | None:
        """Bytes that the whole file may have, or None if that was not asked for.

        Args:
            pixels: width x height.

        Raises:
            PgiOptionError: ``ratio`` is given and the size of the source is not known.
        """
        if self.max_bytes is not None:
            return self.max_bytes
        if self.bpp is not None:
            return int(self.bpp * pixels / 8)
        if self.ratio is None:
            return None
        if self.source_bytes is None:
            raise PgiOptionError("ratio needs source_bytes, the size of the file that the picture came from.")
        return int(self.source_bytes / self.ratio)


def check_quality(quality: object) -> None:
    """Raise PgiOptionError unless it is a whole number from 1 to 100."""
    if not _is_whole(quality) or quality not in QUALITIES:
        raise PgiOptionError(
            f"quality must be a whole number from {QUALITIES[0]} to {QUALITIES[-1]}, not {quality!r}."
        )


def check_effort(effort: object) -> None:
    """Raise PgiOptionError unless it is 1, 2 or 3."""
    if effort not in EFFORTS:
        raise PgiOptionError(f"effort must be from {EFFORTS[0]} to {EFFORTS[-1]}, not {effort!r}.")


def check_level(level: object, levels: tuple[str, ...] | None = None) -> None:
    """Raise PgiOptionError unless ``level`` is one of ``levels``; by default of :func:`known_levels`."""
    if levels is None:
        if level in LEVELS:  # the usual ones without asking models
            return
        levels = known_levels()
    if level not in levels:
        raise PgiOptionError(f"level must be one of {', '.join(levels)}, not {level!r}.")


def check_scale(scale: object) -> None:
    """Raise PgiOptionError unless it is 1, 2, 4 or 8."""
    if not _is_whole(scale) or scale not in SCALES:
        raise PgiOptionError(f"scale must be one of {', '.join(map(str, SCALES))}, not {scale!r}.")


def known_levels() -> tuple[Level, ...]:
    """:data:`LEVELS`, and those that installed models have beyond them."""
    return (*LEVELS, *sorted({name for name in _further_levels() if is_level_name(name)} - set(LEVELS)))


def is_level_name(name: object) -> bool:
    """Whether a level may be called so: up to 32 of a-z, 0-9 and "-", a letter first."""
    return isinstance(name, str) and _LEVEL_NAME.fullmatch(name) is not None


def _no_further_levels() -> Iterable[Level]:
    return ()


_further_levels: Callable[[], Iterable[Level]] = _no_further_levels


def set_level_source(source: Callable[[], Iterable[Level]]) -> None:
    """Let ``source`` say which levels installed models have. Models do, because options cannot ask them."""
    global _further_levels
    _further_levels = source


def checked_window(window: object) -> Window | None:
    """Four integers of any type as four ``int``, or None.

    Raises:
        PgiOptionError: it is neither.
    """
    if window is None:
        return None
    try:
        x, y, width, height = (value.__index__() for value in window)  # type: ignore[attr-defined]
    except (TypeError, ValueError, AttributeError):
        raise PgiOptionError(
            f"window must be four whole numbers (x, y, width, height), not {window!r}."
        ) from None
    return x, y, width, height


def window_within(window: Window | None, width: int, height: int) -> Window:
    """The window in a picture of ``width`` x ``height`` pixels; all of it if there is none.

    Raises:
        PgiOptionError: it is not inside the picture, or empty.
    """
    if window is None:
        return 0, 0, width, height
    x, y, across, down = window
    if not (0 <= x < x + across <= width and 0 <= y < y + down <= height):
        raise PgiOptionError(
            f"The window {x},{y} {across}x{down} is not inside the picture of {width}x{height}."
        )
    return window


def thread_count(threads: int | None) -> int:
    """The number of threads to use.

    Args:
        threads: 1 or more, or None for :func:`default_threads`.

    Raises:
        PgiOptionError: it is less than 1.
    """
    if threads is None:
        return default_threads()
    if not _is_whole(threads) or threads < 1:
        raise PgiOptionError(f"threads must be a whole number from 1, or None, not {threads!r}.")
    return threads


def default_threads() -> int:
    """``PGIC_THREADS``, or as many as this process may use.

    Raises:
        PgiOptionError: the variable is no whole number above zero.
    """
    text = os.environ.get("PGIC_THREADS")
    if text is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise PgiOptionError(f"PGIC_THREADS must be a whole number above zero, not {text!r}.")
    return int(text)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
