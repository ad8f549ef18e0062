"""The table of requirements of Appendix B: asked, measured, met or not, and how it was measured."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ...errors import PgiUnsupportedError
from ...models import default_threads, engine_description
from ..bench.jpeg_ratio import RATIOS
from ..bench.standard_demands import EXCELLENT_PSNR
from .call_cost import processor_name
from .recognition_table import MOST_LOST
from .summary_figures import means, more_in_as_many_bits, shared_quality

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .summary_figures import Figures, Mean

__all__ = ["USUAL_QUALITY", "Clause", "Verdict", "appendix_b"]

USUAL_QUALITY = 50
"""The quality of pgic that single figures are of, or the measured one next to it."""
_HIGHER_IS_BETTER = {
    "psnr": True,
    "ssim": True,
    "ms_ssim": True,
    "ssim_product": True,
    "worst_tile": True,
    "st_lpips": False,
    "gmsd": False,
}
_STANDARD_MEGAPIXELS = 5.0
_STANDARD_RATE = 5.0
_STANDARD_CORES = 8

Verdict: TypeAlias = Literal["met", "not met", "reported", "not measured"]


@dataclass(frozen=True, slots=True)
class Clause:
    """A row of the table of Appendix B.

    Attributes:
        id: of the demand.
        asked: what the clause asks for.
        measured: what was found here.
        verdict: "met", "not met", "reported" where the clause sets no bound, or "not measured".
        how: how it was measured.
    """

    id: str
    asked: str
    measured: str
    verdict: Verdict
    how: str


def appendix_b(figures: Figures) -> list[Clause]:
    """The rows, in the order of the appendix."""
    usual = shared_quality(means(figures.points), "pgic", USUAL_QUALITY)
    return [
        *_quality_clauses(usual, figures),
        _infrared_clause(figures),
        *(_speed_clause(figures, operation) for operation in ("encode", "decode")),
        *(_ratio_clause(figures, quality, share) for quality, share in RATIOS),
        *_recognition_clauses(figures),
        _cost_clause(figures),
        Clause("A-B.2e", "30 x 24 hours without failure", "", "not measured", "A run of its own: pgic soak."),
        _damage_clause(figures, usual),
        Clause(
            "A-8.2d",
            "Evaluation by eye",
            f"{len(figures.crops)} pictures side by side",
            "reported",
            "The crops on this page, at equal bytes, the worst first.",
        ),
    ]


def _quality_clauses(usual: Mean | None, figures: Figures) -> list[Clause]:
    rows = (
        ("psnr", "PSNR (B.1.2)", "{:.2f} dB", "RGB, N is the number of samples"),
        ("ssim", "SSIM (B.1.3)", "{:.4f}", "luma, 11 x 11 Gaussian window"),
        ("ms_ssim", "MS-SSIM, the usual index", "{:.4f}", "luma, five scales"),
        ("ssim_product", "MS-SSIM as B.1.3 writes it", "{:.4f}", "product over squares of 64 pixels"),
        ("st_lpips", "LPIPS", "{:.4f}", "ST-LPIPS in its place, whose weights can be had offline"),
        ("gmsd", "(a further perceptual distance)", "{:.4f}", "GMSD"),
        ("bpp", "Bits per pixel (B.1.1)", "{:.3f}", "the whole file"),
    )
    clauses = []
    for name, asked, form, how in rows:
        value = math.nan if usual is None else usual.values[name]
        if usual is None or math.isnan(value):
            clauses.append(Clause("A-8.2a", asked, "", "not measured", how))
        else:
            how = f"{how}; mean of {usual.pictures} pictures at quality {usual.quality}"
            shown = form.format(value) + _beside_others(figures, usual.quality, name)
            clauses.append(Clause("A-8.2a", asked, shown, "reported", how))
    return clauses


def _beside_others(figures: Figures, quality: int, figure: str) -> str:
    """What tells a figure without a bound apart from a bad one: what others reach in as many bits."""
    if figure not in _HIGHER_IS_BETTER:
        return ""
    try:
        more = more_in_as_many_bits(figures.points, quality, figure)
    except PgiUnsupportedError:
        return ""
    better = {name: gain if _HIGHER_IS_BETTER[figure] else -gain for name, gain in more.items()}
    told = [
        f"{name} {abs(gain):.{2 if figure == 'psnr' else 4}f} {'better' if gain > 0 else 'worse'}"
        for name, gain in sorted(better.items(), key=lambda each: -each[1])
    ]
    return f"; in as many bits {', '.join(told)}" if told else ""


def _infrared_clause(figures: Figures) -> Clause:
    own = [row for row in figures.exact if row["codec"] == "pgic"]
    asked = "Infrared and other modalities are carried"
    if not own:
        return Clause("A-8.1b", asked, "", "not measured", "No such picture is in the folder.")
    exact = sum(row["exact"] for row in own)
    return Clause(
        "A-8.1b",
        asked,
        f"{exact} of {len(own)} come back exactly,"
        f" {statistics.mean(row['bpp'] for row in own):.2f} bits a pixel",
        "met" if exact == len(own) else "not met",
        "Coded without loss, decoded, and every sample compared.",
    )


def _speed_clause(figures: Figures, operation: str) -> Clause:
    asked = f"At least {_STANDARD_RATE:g} pictures of 5 megapixels a second to {operation}, 8 cores"
    rows = [r for r in figures.speed if r["codec"] == "pgic" and r["operation"] == operation]
    if not rows:
        return Clause("A-8.2b", asked, "", "not measured", "")
    cores = default_threads()
    rate = rows[0]["megapixels_per_second"] / _STANDARD_MEGAPIXELS
    verdict: Verdict = "met" if rate >= _STANDARD_RATE else "not met"
    if verdict == "not met" and cores < _STANDARD_CORES:
        verdict = "reported"  # fewer cores than the clause has: neither shown nor refuted
    return Clause(
        "A-8.2b",
        asked,
        f"{rate:.2f} a second on {cores} cores ({rate / cores:.2f} for each)",
        verdict,
        f"A picture of {figures.speed_megapixels:g} MP in a fresh process, second and third call;"
        f" {processor_name()}.",
    )


def _ratio_clause(figures: Figures, quality: int, share: float) -> Clause:
    asked = f"{1 - share:.0%} smaller than JPEG {quality}; PSNR above {EXCELLENT_PSNR:g} dB is excellent"
    rows = [row for row in figures.ratio if row["jpeg_quality"] == quality]
    if not rows:
        return Clause("A-B.2c", asked, "", "not measured", "No visible picture.")
    fit = [row for row in rows if row["file_bytes"]]
    excellent = sum(row["psnr"] > EXCELLENT_PSNR for row in fit)
    mean = f"mean PSNR {statistics.mean(row['psnr'] for row in fit):.2f} dB, " if fit else ""
    return Clause(
        "A-B.2c",
        asked,
        f"{len(fit)} of {len(rows)} pictures so small; {mean}{excellent} above {EXCELLENT_PSNR:g} dB",
        "met" if excellent == len(rows) else "not met",
        "Each picture saved as JPEG, what that shows coded into the share of its bytes. Met means that every"
        " picture is small enough and excellent.",
    )


def _recognition_clauses(figures: Figures) -> list[Clause]:
    asked = "Recognition on the decoded picture differs by less than 5 %"
    own = [row for row in figures.recognition if row["codec"] == "pgic"]
    if not own:
        return [Clause("A-B.2d", asked, "", "not measured", "No recogniser was named (--recogniser).")]
    return [
        Clause(
            "A-B.2d",
            asked,
            f"{row['lost']:+.2f} % lost ({row['low']:+.2f} to {row['high']:+.2f}), {row['size']}",
            "met" if row["met"] else "not met",
            f"{row['recogniser']} on {row['pictures']} pictures. Met means that the upper end of the interval"
            f" lies below {MOST_LOST:g} %.",
        )
        for row in own
    ]


def _cost_clause(figures: Figures) -> Clause:
    rows = [r for r in figures.speed if r["codec"] == "pgic" and r["operation"] in ("encode", "decode")]
    asked = "Use of processor, memory and GPU is reported; at most 70 % of a GPU"
    if not rows:
        return Clause("A-B.2f", asked, "", "not measured", "")
    told = "; ".join(
        f"{row['operation']}: {row['cpu']:.2f} s of processor time in {row['warm']:.2f} s,"
        f" {row['peak'] / 1e6:.0f} MB"
        for row in rows
    )
    return Clause(
        "A-B.2f",
        asked,
        f"{told}; {_gpu_use()}",
        "reported",
        "Processor time of all threads, and peak memory of a fresh process, interpreter included.",
    )


def _gpu_use() -> str:
    engine = engine_description()
    if any(name in engine for name in ("CUDA", "Tensorrt", "ROCM", "Dml")):
        return "a GPU is used, and how much of it was not measured"
    return "no GPU is used"


def _damage_clause(figures: Figures, usual: Mean | None) -> Clause:
    asked = "No visible damage on scenes never seen"
    if usual is None:
        return Clause("A-8.2c", asked, "", "not measured", "No visible picture.")
    own: Sequence[Any] = [p for p in figures.points if p.codec == "pgic" and p.quality == usual.quality]
    worst = min((p.worst_tile for p in own if not math.isnan(p.worst_tile)), default=math.nan)
    return Clause(
        "A-8.2c",
        asked,
        f"lowest SSIM of a tile of 64 pixels: {worst:.3f}"
        + _beside_others(figures, usual.quality, "worst_tile").replace("; in", "; mean of all in"),
        "reported",
        f"At quality {usual.quality}. Whether it is visible is for the eye: see the crops, the worst first.",
    )
