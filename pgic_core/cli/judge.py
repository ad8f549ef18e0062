"""``pgic judge``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import PgiOptionError
from ..terminal import say
from .command_base import PgicCommand, option
from .value_types import EXISTING, OUTPUT_FILE, QUALITY

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["judge"]


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic judge photos -o judge.html",
        "pgic judge photos -o judge.html --codec jxl -q 30 --trials 40 --seed 7",
    ),
)
@click.argument("folder", type=EXISTING)
@option("-o", "--output", type=OUTPUT_FILE, required=True, group="Output", help="The page, .html.")
@option(
    "--codec",
    "codecs",
    multiple=True,
    default=("avif", "jpeg"),
    show_default=True,
    group="Codecs",
    help="Codec to judge beside pgic; may be repeated.",
)
@option(
    "-q",
    "--quality",
    type=QUALITY,
    metavar="1-100",
    default=30,
    show_default=True,
    group="Codecs",
    help="Quality of pgic; the others get about as many bytes.",
)
@option("--limit", type=click.IntRange(1), metavar="N", group="Pictures", help="At most N pictures.")
@option(
    "--trials",
    type=click.IntRange(1),
    metavar="N",
    default=30,
    show_default=True,
    help="How many times the judge is asked.",
)
@option("--seed", type=int, metavar="N", default=1, show_default=True, help="Decides order and sides.")
def judge(
    folder: Path,
    output: Path,
    codecs: tuple[str, ...],
    quality: int,
    limit: int | None,
    trials: int,
    seed: int,
) -> None:
    """Make a page on which people judge pictures by eye, without knowing which is which.

    Each trial shows the original between two codings of about equal bytes, or between one and the original
    itself, where .pgi is worst in that picture. At the end the page shows how often .pgi was nearer to the
    original, with 95 % intervals, and gives every answer as CSV. It needs no network.
    """
    from tempfile import TemporaryDirectory

    from ..container import atomic_write
    from ..lab.evaluate.blind_judging import draw_trials, judging_page, make_crops
    from .progress import progress_bar

    if output.suffix.lower() != ".html":
        raise PgiOptionError(f"The page must end in .html, not {output.suffix or 'nothing'}.")
    from pathlib import Path

    with TemporaryDirectory(prefix="pgic-judge-") as work, progress_bar(1):
        crops = make_crops(folder, codecs, quality=quality, limit=limit, work=Path(work))
    if not crops:
        raise PgiOptionError(f"There is no visible picture to judge in {folder}.")
    drawn = draw_trials(crops, trials, seed)
    atomic_write(output, judging_page(crops, drawn, seed).encode())
    say(f"{output}: {len(drawn)} trials on {len(crops)} picture{'s' * (len(crops) != 1)}")
