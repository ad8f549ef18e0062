"""Options of how pictures are coded, for ``pgic encode`` and ``pgic append``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command_base import option
from .value_types import EFFORT, QUALITY, SHARE

if TYPE_CHECKING:
    from collections.abc import Callable

    Decorator = Callable[[Callable[..., None]], Callable[..., None]]

__all__ = ["effort_option", "lossless_option", "protect_option", "quality_option"]

_GROUP = "Coding"


def quality_option(what: str, group: str = _GROUP) -> Decorator:
    """``--quality``, whose help is ``what``."""
    return option("-q", "--quality", type=QUALITY, metavar="1-100", group=group, help=what)


def lossless_option(group: str = _GROUP) -> Decorator:
    """``--lossless``."""
    return option("--lossless", is_flag=True, group=group, help="Keep every pixel.")


def effort_option() -> Decorator:
    """``--effort``."""
    return option(
        "-e",
        "--effort",
        type=EFFORT,
        metavar="1-3",
        group=_GROUP,
        help="1 is fast, 2 makes smaller files, 3 makes the smallest and is slow. [default: 2]",
    )


def protect_option(what: str, *, advanced: bool = False) -> Decorator:
    """``--protect``, whose help is ``what``."""
    return option("--protect", type=SHARE, metavar="X%", group=_GROUP, advanced=advanced, help=what)
