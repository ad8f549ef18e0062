"""Kinds of values that options and arguments of commands take."""

from __future__ import annotations

from pathlib import Path

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
]

QUALITY = click.IntRange(QUALITIES[0], QUALITIES[-1])
EFFORT = click.IntRange(EFFORTS[0], EFFORTS[-1])

EXISTING = click.Path(exists=True, path_type=Path)
"""A file or folder to read."""

EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
EXISTING_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

OUTPUT_FILE = click.Path(dir_okay=False, path_type=Path)
"""A file to write."""

OUTPUT_FOLDER = click.Path(file_okay=False, path_type=Path)
"""A folder to write into; it is made where it is missing."""
