"""``pgic conformance``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ..errors import PgiOptionError
from ..terminal import console, say, show_json
from .command_base import PgicCommand, option
from .value_types import OUTPUT_FILE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["conformance"]

_SUFFIXES = (".html", ".md")


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic conformance",
        "pgic conformance -o page.html",
        "pgic conformance --state not",
    ),
)
@option(
    "-o",
    "--output",
    type=OUTPUT_FILE,
    group="Output",
    help="Write a page, .html or .md, with code and tests of every demand.",
)
@option("--json", "as_json", is_flag=True, group="Output", help="One JSON array of all demands.")
@option(
    "--state",
    type=click.Choice(["met", "partly", "not"]),
    help="Only demands in this state.",
)
def conformance(output: Path | None, as_json: bool, state: str | None) -> None:
    """Show every demand of the standard drafts, and whether it is met.

    A is the draft of the image codec, B that of the feature maps. A demand that is met names tests that run
    by default and would fail otherwise; one that is not met says what is missing.
    """
    from .. import __version__
    from ..container import atomic_write
    from ..lab.conformance import html_page, markdown_page, read_demands, terminal_table

    demands = [demand for demand in read_demands() if state in (None, demand.state)]
    if output is not None:
        if output.suffix.lower() not in _SUFFIXES:
            raise PgiOptionError(
                f"The page can be {' or '.join(_SUFFIXES)}, not {output.suffix or 'nothing'}."
            )
        html = output.suffix.lower() == ".html"
        text = html_page(demands, __version__) if html else markdown_page(demands)
        atomic_write(output, text.encode())
        say(f"{output}: {len(demands)} demands")
    if as_json:
        show_json([asdict(demand) for demand in demands])
    elif output is None:
        console().print(terminal_table(demands))
