"""Kinds of values that options and arguments of commands take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..options import EFFORTS, QUALITIES

__all__ = [
    "EFFORT",
    "EXISTING",
    "EXISTING_FILE",
    "EXISTING_FOLDER",
    "OUTPUT_FILE",
    "OUTPUT_FOLDER",
    "QUALITY",
    "SHARE",
]

QUALITY = click.IntRange(QUALITIES[0], QUALITIES[-1])
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
            self.fail(f"{text!r} is no share from 0.01% to 100%.", param, ctx)
        return share


SHARE = _Share()
"""A share such as ``5%`` or ``0.05``."""

EXISTING = click.Path(exists=True, path_type=Path)
"""A file or folder to read."""

EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
EXISTING_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

OUTPUT_FILE = click.Path(dir_okay=False, path_type=Path)
"""A file to write."""

OUTPUT_FOLDER = click.Path(file_okay=False, path_type=Path)
"""A folder to write into; it is made where it is missing."""
