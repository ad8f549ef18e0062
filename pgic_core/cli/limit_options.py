"""``pgic --limit NAME=VALUE`` and ``--unlimited``: what files may ask for, for one run of the command."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ..limits import Limits, limit_names, limit_variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["limit_options", "limited"]


def limit_options(command: Callable[..., None]) -> Callable[..., None]:
    """``--limit`` and ``--unlimited``."""
    command = click.option(
        "--unlimited",
        is_flag=True,
        help="Lift all limits, for files that you made yourself; --limit sets some of them again.",
    )(command)
    return click.option(
        "--limit",
        "limits",
        multiple=True,
        metavar="NAME=VALUE",
        help="Limit on what a file may ask for; VALUE is a number or none. NAME is one of "
        f"{', '.join(limit_names())}.",
    )(command)


@contextmanager
def limited(limits: Sequence[str], unlimited: bool) -> Iterator[None]:
    """Have these limits in the environment, from which the library takes them, until the end.

    Whoever lets larger pictures through than Pillow would also lifts Pillow's guard as far.

    Args:
        limits: ``NAME=VALUE`` each.
        unlimited: whether all others are off.

    Raises:
        click.UsageError: one is not of that form.
        PgiOptionError: a value is no number.
    """
    changes = dict.fromkeys(limit_names(), "none") if unlimited else {}
    for text in limits:
        name, sign, value = text.partition("=")
        if not sign or name not in limit_names():
            raise click.UsageError(
                f"--limit takes NAME=VALUE, not {text!r}; NAME is one of {', '.join(limit_names())}."
            )
        changes[name] = value
    variables = {limit_variable(name): value for name, value in changes.items()}
    chosen = Limits.from_environment(variables)
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        with _pillow_lets_through(chosen.pixels if "pixels" in changes else 0):
            yield
    finally:
        for name, old in before.items():
            if old is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = old


@contextmanager
def _pillow_lets_through(pixels: int) -> Iterator[None]:
    if not pixels:  # not asked for: Pillow stays as it is, and need not be loaded
        yield
        return
    from PIL import Image

    before = Image.MAX_IMAGE_PIXELS
    if before is not None:
        Image.MAX_IMAGE_PIXELS = max(before, pixels)
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before
