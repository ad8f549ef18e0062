"""Kinds of values that options and arguments of commands take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import PgiOptionError
from ..options import EFFORTS, LEVELS, QUALITIES, SCALES, check_level

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    _TextType = click.ParamType[str]
else:
    _TextType = click.ParamType  # generic from click 8.2 on

__all__ = [
    "EFFORT",
    "EXISTING",
    "EXISTING_FILE",
    "EXISTING_FOLDER",
    "FRAME",
    "FRAMES",
    "LEVEL",
    "OUTPUT_FILE",
    "OUTPUT_FOLDER",
    "QUALITY",
    "SCALE",
    "SHARE",
]

QUALITY = click.IntRange(QUALITIES[0], QUALITIES[-1])


class _LevelType(_TextType):
    """A level: one of the usual ones, or a further one of an installed model."""

    name = "level"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """The usual ones, as click shows a choice."""
        return f"[{'|'.join(LEVELS)}]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The level itself, if it is one."""
        # Models say which levels they have once they were imported.
        from .. import models  # noqa: F401

        try:
            check_level(value)
        except PgiOptionError as error:
            self.fail(str(error), param, ctx)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Those that start so."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(level) for level in LEVELS if level.startswith(incomplete)]


LEVEL = _LevelType()
SCALE = click.Choice([str(scale) for scale in SCALES])
EFFORT = click.IntRange(EFFORTS[0], EFFORTS[-1])


if TYPE_CHECKING:
    _FloatType = click.ParamType[float]
else:  # click 8.1 has no parameter there
    _FloatType = click.ParamType


class _Share(_FloatType):
    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = 0.0
        if not 0.0001 <= share <= 1:
            self.fail(f"{text!r} is not a share from 0.01% to 100%.", param, ctx)
        return share


SHARE = _Share()
"""A share such as ``5%`` or ``0.05``."""


if TYPE_CHECKING:
    _SliceType = click.ParamType[slice]
    _IntType = click.ParamType[int]
else:
    _SliceType = _IntType = click.ParamType


class _Frames(_SliceType):
    name = "frames"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> slice:
        if isinstance(value, slice):
            return value
        first, colon, end = str(value).strip().partition(":")
        try:
            numbers = [int(text) if text.strip() else None for text in (first, end)]
        except ValueError:
            numbers = []
        if not colon or not numbers:
            hint = "" if colon else " (--frame takes a single one)"
            self.fail(f"{value!r} is not A:B, such as 0:10, 100: or -5:{hint}", param, ctx)
        return slice(*numbers)


class _Frame(_IntType):
    name = "frame"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return int(value)
        except ValueError:
            hint = " (--frames takes A:B)" if ":" in str(value) else ""
            self.fail(f"{value!r} is no number of a frame{hint}.", param, ctx)


FRAME = _Frame()
"""A frame, counted from 0, or from the end if it is negative."""

FRAMES = _Frames()
"""Frames from A to B - 1, as ``A:B``."""

EXISTING = click.Path(exists=True, path_type=Path)
"""A file or folder to read."""

EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
EXISTING_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

OUTPUT_FILE = click.Path(dir_okay=False, path_type=Path)
"""A file to write."""

OUTPUT_FOLDER = click.Path(file_okay=False, path_type=Path)
"""A folder to write into; it is made where it is missing."""
