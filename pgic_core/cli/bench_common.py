"""Options and steps that several benches share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import PgiOptionError
from ..terminal import say
from .base import option
from .value_types import OUTPUT_FILE, QUALITY

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..lab.bench.peers import Codec

__all__ = ["available_codecs", "csv_option", "limit_option", "megapixels_option", "quality_option"]


def csv_option(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--csv``, which writes ``what``."""
    return option("--csv", "csv_path", type=OUTPUT_FILE, group="Output", help=f"Write {what} as CSV.")


def limit_option(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--limit``, whose help says ``what`` is limited."""
    return option("--limit", type=click.IntRange(1), metavar="N", group="Pictures", help=what)


def megapixels_option(
    default: float | None, what: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--megapixels``, whose help is ``what``."""
    return option(
        "--megapixels",
        type=click.FloatRange(0.01, 80),
        metavar="0.01-80",
        default=default,
        show_default=default is not None,
        group="Pictures",
        help=what,
    )


def quality_option(default: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--quality`` of pgic."""
    return option(
        "-q",
        "--quality",
        type=QUALITY,
        metavar="1-100",
        default=default,
        show_default=True,
        group="Codecs",
        help="Quality of pgic.",
    )


def available_codecs(names: tuple[str, ...]) -> list[Codec]:
    """The codecs of these names; says which are not installed.

    Raises:
        PgiOptionError: none is.
    """
    from ..lab.bench.peers import available

    codecs, missing = available(names)
    for name, reason in missing.items():
        say(f"{name} is left out: {reason}")
    if not codecs:
        raise PgiOptionError("None of the codecs asked for is installed.")
    return codecs
