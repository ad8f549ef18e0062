"""The cards at the top of the report: five questions and their answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import PgiUnsupportedError
from ...models import default_threads
from .requirement_table import USUAL_QUALITY, appendix_b
from .summary_figures import bd_against, bd_by_picture, means, more_in_as_many_bits, shared_quality

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .point_task import EvalPoint
    from .summary_figures import Figures, Mean

__all__ = ["Card", "cards"]

_LEAST_WORKED = 0.7
"""Processor seconds for each second, below which others had the machine: encoding itself never waits."""


@dataclass(frozen=True, slots=True)
class Card:
    """An answer in one look.

    Attributes:
        question: what it answers.
        answer: a figure.
        detail: what the figure says, in a sentence or two.
    """

    question: str
    answer: str
    detail: str


def cards(figures: Figures) -> list[Card]:
    """How much smaller, how good, how fast, where it fails, what is not met; those that were measured."""
    found = means(figures.points)
    usual = shared_quality(found, "pgic", USUAL_QUALITY)
    answers = [
        _smaller(figures),
        _good(usual, figures.points),
        _fast(figures),
        _worst(figures, usual),
        _not_met(figures),
    ]
    return [answer for answer in answers if answer is not None]


def _smaller(figures: Figures) -> Card | None:
    try:
        rates = {
            name: rate for name, (rate, _) in bd_against(figures.points, "pgic").items() if rate is not None
        }
    except PgiUnsupportedError as error:
        return Card("How much smaller?", "?", str(error))
    if not rates:
        return None
    anchor = "jpeg" if "jpeg" in rates else min(rates)
    others = ", ".join(
        f"{abs(rate):.1f} % {'more' if rate > 0 else 'fewer'} than {name}"
        for name, rate in sorted(rates.items())
        if name != anchor
    )
    text = f"Bytes against {anchor} at the same PSNR (BD-rate, mean over pictures)."
    if others:
        text += f" .pgi takes {others}."
    return Card("How much smaller?", f"{rates[anchor]:+.0f} %", text)


def _good(usual: Mean | None, points: Sequence[EvalPoint]) -> Card | None:
    if usual is None:
        return None
    values = usual.values
    text = (
        f"Mean PSNR at quality {usual.quality}, {values['bpp']:.2f} bits a pixel,"
        f" {values['ratio_raw']:.0f} times smaller than raw. MS-SSIM {values['ms_ssim']:.4f}."
    )
    try:
        gains = more_in_as_many_bits(points, usual.quality)
    except PgiUnsupportedError:
        gains = {}
    if gains:
        shown = (
            f"{codec} {abs(gain):.1f} dB {'more' if gain > 0 else 'less'}" for codec, gain in gains.items()
        )
        text += f" In as many bits others reach: {', '.join(shown)}."
    return Card("How good?", f"{values['psnr']:.1f} dB", text)


def _fast(figures: Figures) -> Card | None:
    speeds = {(row["codec"], row["operation"]): row for row in figures.speed}
    if ("pgic", "encode") not in speeds:
        return None
    encode, decode = speeds["pgic", "encode"], speeds["pgic", "decode"]
    threads = default_threads()
    text = (
        f"Megapixels a second to encode and to decode, {threads} thread{'s' * (threads != 1)},"
        f" quality {encode['quality']}."
    )
    if ("avif", "encode") in speeds:
        text += (
            f" AVIF: {speeds['avif', 'encode']['megapixels_per_second']:.1f} and"
            f" {speeds['avif', 'decode']['megapixels_per_second']:.1f}."
        )
    worked = encode["cpu"] / encode["warm"]
    if worked < _LEAST_WORKED:
        text += (
            f" The machine was busy with other work: {encode['cpu']:.2f} s of processor time took"
            f" {encode['warm']:.2f} s to encode."
        )
    return Card(
        "How fast?",
        f"{encode['megapixels_per_second']:.1f} / {decode['megapixels_per_second']:.1f}",
        text,
    )


def _worst(figures: Figures, usual: Mean | None) -> Card | None:
    if usual is None:
        return None
    own = [p for p in figures.points if p.codec == "pgic" and p.quality == usual.quality]
    worst = min(own, key=lambda p: (math.isnan(p.worst_tile), p.worst_tile, p.picture))
    return Card(
        "Where does it fail?",
        f"SSIM {worst.worst_tile:.2f}",
        f"Worst tile of 64 pixels at quality {usual.quality}: {worst.picture} at {worst.worst_x},"
        f" {worst.worst_y}. The crops below begin with it. {_dearest(figures)}".strip(),
    )


def _dearest(figures: Figures) -> str:
    """Where another codec needs fewest bytes beside pgic, in a sentence; nothing where none needs fewer."""
    try:
        rates = bd_by_picture(figures.points, "pgic")
    except PgiUnsupportedError:
        return ""
    if not rates:
        return ""
    rate, picture, codec = max((rate, picture, codec) for (picture, codec), rate in rates.items())
    return f"Most bytes beside another codec: {picture}, {rate:+.0f} % against {codec}." if rate > 0 else ""


def _not_met(figures: Figures) -> Card | None:
    rows = appendix_b(figures)
    failed = [row for row in rows if row.verdict == "not met"]
    decided = sum(row.verdict in ("met", "not met") for row in rows)
    if not decided:
        return None
    unmeasured = sum(row.verdict == "not measured" for row in rows)
    text = (
        " ".join(f"{row.id}: {row.asked}. Here: {row.measured}." for row in failed) or "All of them are met."
    )
    more = f"; {unmeasured} more were not measured" if unmeasured else ""
    return Card(
        "What is not met?",
        f"{len(failed)} of {decided}",
        f"Clauses of Appendix B that this run decides{more}. {text}",
    )
