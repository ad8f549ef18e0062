"""The demands as a page: HTML for people, Markdown for the documentation, a table for the terminal."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from rich.table import Table

from .demands import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .demands import Demand

__all__ = ["html_page", "markdown_page", "terminal_table"]

_TITLES = {
    "A": "A. The image codec (电力设备巡检图像智能编解码技术导则)",
    "B": "B. The deep feature maps (信息技术 视觉特征编码 第4部分：深度特征图)",
}
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --met: #2a7d3f; --partly: #a76a00; --not: #b3261e; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line); }
th { position: sticky; top: 0; background: Canvas; }
td:first-child { white-space: nowrap; font-weight: 600; }
.state { white-space: nowrap; font-weight: 600; }
.met .state { color: var(--met); } .partly .state { color: var(--partly); } .not .state { color: var(--not); }
code { font-size: 85%; overflow-wrap: anywhere; }
p { margin: .2rem 0; }
.counts b { font-size: 150%; margin-right: .3rem; } .counts span { margin-right: 2rem; }
"""


def html_page(demands: Sequence[Demand], version: str) -> str:
    """One page that needs nothing else.

    Args:
        demands: to show, grouped by document.
        version: of this package.
    """
    counts = counted(demands)
    shown = "".join(f"<span><b>{count}</b>{state}</span>" for state, count in counts.items())
    tables = "".join(_html_table(document, demands) for document in _TITLES)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Conformance of pgic {version}'
        f'</title>\n<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>\n'
        f"<h1>Conformance of pgic {escape(version)}</h1>\n"
        f'<p class="counts">{shown}</p>\n'
        "<p>Met means that the tests named in the row run by default and would fail if it were not so."
        " Real infrared pictures were not at hand: that path is tested with generated ones.</p>\n"
        f"{tables}</body></html>\n"
    )


def _html_table(document: str, demands: Sequence[Demand]) -> str:
    rows = "".join(_html_row(demand) for demand in demands if demand.document == document)
    if not rows:
        return ""
    head = "<tr><th>Id</th><th>State</th><th>Demand</th><th>Code, tests and bench</th></tr>"
    return f"<h2>{_TITLES[document]}</h2>\n<table><thead>{head}</thead>\n<tbody>{rows}</tbody></table>\n"


def _html_row(demand: Demand) -> str:
    says = [f"<p>{escape(demand.says)}</p>"]
    says += [f"<p><i>Open:</i> {escape(demand.open)}</p>"] if demand.open else []
    says += [f"<p><i>Departure:</i> {escape(demand.departure)}</p>"] if demand.departure else []
    shown = [f"<p><code>{escape(name)}</code></p>" for name in (*demand.code, *demand.tests, *demand.bench)]
    return (
        f'<tr id="{demand.id}" class="{demand.state}"><td>{demand.id}</td><td class="state">{demand.state}'
        f"</td><td>{''.join(says)}</td><td>{''.join(shown)}</td></tr>\n"
    )


def markdown_page(demands: Sequence[Demand]) -> str:
    """The same as Markdown tables, without a heading."""
    counts = ", ".join(f"{count} {state}" for state, count in counted(demands).items())
    lines = [f"{len(demands)} demands: {counts}.", ""]
    for document, title in _TITLES.items():
        inside = [demand for demand in demands if demand.document == document]
        if not inside:
            continue
        lines += [f"## {title}", "", "| Id | State | Demand | Code and tests |", "|---|---|---|---|"]
        for demand in inside:
            says = demand.says
            says += f" *Open:* {demand.open}" if demand.open else ""
            says += f" *Departure:* {demand.departure}" if demand.departure else ""
            shown = "<br>".join(f"`{name}`" for name in (*demand.code, *demand.tests, *demand.bench))
            lines.append(f"| {demand.id} | {demand.state} | {says.replace('|', chr(92) + '|')} | {shown} |")
        lines.append("")
    return "\n".join(lines)


def terminal_table(demands: Sequence[Demand]) -> Table:
    """For people at a terminal: id, state, and what is open or else the demand."""
    counts = ", ".join(f"{count} {state}" for state, count in counted(demands).items())
    table = Table(title=f"{len(demands)} demands: {counts}")
    for name in ("id", "state", "demand"):
        table.add_column(name)
    for demand in demands:
        table.add_row(demand.id, demand.state, f"{demand.says} {demand.open}".strip())
    return table
