"""Arguments, options and steps that several benches share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..errors import PgiOptionError
from ..terminal import console, say
from .command_base import option
from .value_types import EXISTING, EXISTING_FILE, OUTPUT_FILE, QUALITY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from rich.table import Table

    from ..lab.bench.peer_codecs import Codec

__all__ = [
    "ALL_CODECS",
    "available_codecs",
    "codecs_option",
    "csv_option",
    "device_option",
    "image_argument",
    "images_argument",
    "jobs_option",
    "limit_option",
    "megapixels_option",
    "most_megapixels_option",
    "one_picture",
    "print_rows",
    "qualities_option",
    "quality_option",
    "repeats_option",
    "runs_option",
    "seconds_option",
    "threads_option",
    "workers_option",
]

ALL_CODECS = "pgic and every peer that is installed"


def images_argument(*, required: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """IMAGES: files and folders."""
    return click.argument("images", nargs=-1, required=required, type=EXISTING)


def image_argument() -> Callable[[Callable[..., None]], Callable[..., None]]:
    """IMAGE: one file, which may be left out; see :func:`one_picture`."""
    return click.argument("image", required=False, type=EXISTING_FILE)


def codecs_option(default: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--codec``, which may be given again; ``default`` says in words what is measured without it."""
    return option(
        "--codec",
        "names",
        multiple=True,
        group="Codecs",
        help=f"Codec to measure; may be repeated. [default: {default}]",
    )


def qualities_option(
    what: str, default: tuple[int, ...] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--quality``, which may be given again; its help is ``what``."""
    return option(
        "-q",
        "--quality",
        "qualities",
        type=QUALITY,
        metavar="1-100",
        multiple=True,
        default=default,
        show_default=default is not None,
        group="Codecs",
        help=what,
    )


def most_megapixels_option() -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--most-megapixels``."""
    return option(
        "--most-megapixels",
        type=click.FloatRange(0.01, 80),
        metavar="0.01-80",
        group="Pictures",
        help="Larger pictures are scaled down to this first.",
    )


def threads_option() -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--threads``."""
    return option(
        "--threads",
        type=click.IntRange(1),
        metavar="N",
        group="Running",
        help="Processors that each codec may use. [default: all]",
    )


def jobs_option() -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--jobs``."""
    return option(
        "-j",
        "--jobs",
        type=click.IntRange(1),
        metavar="N",
        default=1,
        show_default=True,
        group="Running",
        help="Processes at a time.",
    )


def runs_option(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--runs``; ``what`` is measured once in each."""
    return _three_times("--runs", f"Turns; in each, every {what} is measured once.")


def repeats_option(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--repeats``, whose help is ``what``."""
    return _three_times("--repeats", what)


def _three_times(name: str, what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return option(
        name,
        type=click.IntRange(1),
        metavar="N",
        default=3,
        show_default=True,
        group="Running",
        advanced=True,
        help=what,
    )


def seconds_option(default: float, what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--seconds``, whose help is ``what``."""
    return option(
        "--seconds",
        type=click.FloatRange(0, min_open=True),
        metavar="S",
        default=default,
        show_default=True,
        group="Running",
        help=what,
    )


def workers_option(
    least: int, default: int, what: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--workers``, at least ``least``, whose help is ``what``."""
    return option(
        "--workers",
        type=click.IntRange(least),
        metavar="N",
        default=default,
        show_default=True,
        group="Running",
        help=what,
    )


def device_option(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--device``, whose help is ``what``."""
    return option("--device", metavar="NAME", default="cuda", show_default=True, group="Running", help=what)


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
    from ..lab.bench.peer_codecs import available

    codecs, missing = available(names)
    for name, reason in missing.items():
        say(f"{name} is left out: {reason}")
    if not codecs:
        raise PgiOptionError("None of the codecs asked for is installed.")
    return codecs


def one_picture(image: Path | None, megapixels: float) -> tuple[NDArray[np.uint8], str]:
    """The picture to measure, ``(H, W, 3)``, and its size and source in words.

    Args:
        image: file, scaled down or extended by mirroring; a generated picture for None.
        megapixels: size of the picture.
    """
    from ..lab.bench.bench_pictures import fit_megapixels, load_rgb, synthetic_picture

    picture = synthetic_picture(megapixels) if image is None else fit_megapixels(load_rgb(image), megapixels)
    height, width, _ = picture.shape
    size = f"{width} x {height} pixels, {picture.nbytes / 1e6:.0f} MB of RGB"
    return picture, f"{size}, {image or 'generated picture'}"


def print_rows(kind: type[Any], rows: Sequence[Any], table: Table, csv_path: Path | None) -> None:
    """Write rows as CSV if asked to, then print their table.

    Args:
        kind: class of the rows, a dataclass.
        rows: what was measured.
        table: of the rows.
        csv_path: file to write, or None.
    """
    from ..lab.bench.csv_rows import write_records

    if csv_path is not None:
        write_records(kind, rows, csv_path)
    console().print(table)
