"""``pgic evaluate``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..terminal import say
from .command_base import PgicCommand, option
from .measuring_options import limit_option, most_megapixels_option, qualities_option
from .progress import progress_bar
from .value_types import EXISTING, EXISTING_FILE, OUTPUT_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["evaluate"]


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic evaluate photos -o report",
        "pgic evaluate photos -o report --codec jpeg --codec avif",
        "pgic evaluate kodak grid -o report --most-megapixels 5",
        "pgic evaluate photos -o report --megapixels 5 -j 4",
        "pgic evaluate photos -o report --recogniser insulator",
    ),
)
@click.argument("folders", nargs=-1, required=True, type=EXISTING, metavar="FOLDER...")
@option(
    "-o",
    "--output",
    type=OUTPUT_FOLDER,
    required=True,
    group="Output",
    help="Folder for the report.",
)
@limit_option("At most N pictures from each folder.")
@most_megapixels_option()
@option(
    "--codec",
    "codecs",
    multiple=True,
    group="Codecs",
    help="Codec to compare with; may be repeated. [default: every one that is installed]",
)
@qualities_option("Quality of pgic; may be repeated.", (10, 30, 50, 70, 90))
@option(
    "--points",
    type=click.IntRange(2),
    metavar="N",
    default=5,
    show_default=True,
    group="Codecs",
    advanced=True,
    help="At most N qualities of each other codec.",
)
@option(
    "--roi",
    metavar="MODEL",
    default="saliency",
    show_default=True,
    group="Figures",
    help="Model that tells regions of interest from background; 'none' for no figures of regions.",
)
@option(
    "--perceptual/--no-perceptual",
    default=None,
    group="Figures",
    help="Measure ST-LPIPS; needs the extra [perceptual]. [default: where that is installed]",
)
@option(
    "--crops",
    type=click.IntRange(0),
    metavar="N",
    default=12,
    show_default=True,
    group="Figures",
    advanced=True,
    help="Pictures to show side by side at most, the worst first.",
)
@option(
    "--megapixels",
    type=click.FloatRange(0, 80),
    metavar="0-80",
    default=1.0,
    show_default=True,
    group="Figures",
    help="Size of the picture by which speed and memory are measured; 0 leaves them out.",
)
@option(
    "--recogniser",
    metavar="NAME",
    group="Recognition",
    help="Compare what this recogniser sees before and after coding: one that 'pgic plugins' lists,"
    " 'rapidocr' for text, or 'yolox:PATH' for an ONNX file.",
)
@option(
    "--truth",
    type=EXISTING_FILE,
    group="Recognition",
    help="What is in the pictures: COCO annotations, or a JSON object of file names and text."
    " [default: what is seen in the originals]",
)
@option(
    "--recogniser-roi",
    metavar="MODEL",
    group="Recognition",
    advanced=True,
    help="Also code with more detail where this model says, at the same bytes.",
)
@option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    group="Running",
    help="Processes at a time. [default: as many as there are processors, at most 4]",
)
def evaluate(
    folders: tuple[Path, ...],
    output: Path,
    limit: int | None,
    most_megapixels: float | None,
    codecs: tuple[str, ...],
    qualities: tuple[int, ...],
    points: int,
    roi: str,
    perceptual: bool | None,
    crops: int,
    megapixels: float,
    recogniser: str | None,
    truth: Path | None,
    recogniser_roi: str | None,
    jobs: int | None,
) -> None:
    """Compare pgic with other codecs on the pictures of folders, and write one page.

    The page is report.html in the folder that -o names. It shows how much smaller files are, how good, how
    fast, and where they fail: rate-distortion curves, crops side by side with a slider, speed and memory, the
    table of the standard's Appendix B, and every figure of every picture. It needs no network. The folder
    also holds the figures as CSV, and as Parquet where pyarrow is installed.

    Visible pictures go through pgic and every other codec at several qualities. Infrared pictures and those
    of more than 8 bits are stored losslessly, and compared with other lossless formats. An interrupted run
    resumes where it stopped: finished measurements are kept in the folder 'work' of the report.
    """
    from ..lab.bench.peer_codecs import PEERS
    from ..lab.evaluate import EvaluateOptions
    from ..lab.evaluate import evaluate as measure

    options = EvaluateOptions(
        codecs=codecs or PEERS,
        qualities=tuple(sorted(set(qualities))),
        points=points,
        roi=None if roi == "none" else roi,
        perceptual=perceptual,
        crops=crops,
        megapixels=megapixels,
        recogniser=recogniser,
        truth=truth,
        recogniser_roi=recogniser_roi,
        limit=limit,
        most_megapixels=most_megapixels,
        jobs=jobs,
    )
    report = measure(folders, output, options, progress_bar)
    for name, reason in report.missing.items():
        say(f"{name} is left out: {reason}")
    for name, reason in report.failures:
        say(f"pgic: {name}: {reason}")
    say(f"{report.page}: {report.pictures} picture{'s' * (report.pictures != 1)}")
    if report.failures:
        sys.exit(1)
