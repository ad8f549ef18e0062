"""``pgic bench sequence``: clips as sequences, beside pictures one by one and video codecs."""

from __future__ import annotations

from pathlib import Path

import click

from ...errors import PgiOptionError
from ...terminal import console
from ..command_base import PgicCommand, option
from ..measuring_options import codecs_option, csv_option, limit_option, print_rows, quality_option
from ..progress import progress_bar
from ..value_types import EXISTING

__all__ = ["sequence"]


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic bench sequence camera1 camera2 --csv points.csv",
        "pgic bench sequence camera1 --codec pgic --codec pgic-stills --limit 10",
        "pgic bench sequence --pasted photos --limit 20",
    ),
)
@click.argument("clips", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@quality_option(50)
@codecs_option("all that are installed")
@option(
    "--pasted",
    type=EXISTING,
    multiple=True,
    group="Change maps",
    help="File or folder of photographs to paste changes into; may be repeated.",
)
@limit_option("Frames of each clip, and photographs of each folder, at most.")
@csv_option("every point")
def sequence(
    clips: tuple[Path, ...],
    quality: int,
    names: tuple[str, ...],
    pasted: tuple[Path, ...],
    csv_path: Path | None,
    limit: int | None,
) -> None:
    """Measure sequences against video codecs.

    Each of CLIPS is a folder with the frames of one camera. Each is stored as a sequence, as independent
    pictures and by video codecs at low delay, at several qualities. A second table says what single frames
    cost at one quality. With --pasted, change maps are compared with changes pasted into photographs.
    """
    if not clips and not pasted:
        raise PgiOptionError(
            "There is nothing to measure: name folders of frames, or photographs by --pasted."
        )
    if clips:
        _measure_clips(clips, quality, names, csv_path, limit)
    if pasted:
        from ...lab.bench.bench_pictures import find_samples
        from ...lab.bench.change_map_accuracy import TruthRow, measure_truth, truth_table

        samples = find_samples(pasted, limit)
        rows = []
        with progress_bar(9 * len(samples)) as advance:
            for row in measure_truth(samples, quality):
                rows.append(row)
                advance(1, row.picture)
        print_rows(TruthRow, rows, truth_table(rows), None if clips else csv_path)


def _measure_clips(
    clips: tuple[Path, ...], quality: int, names: tuple[str, ...], csv_path: Path | None, limit: int | None
) -> None:
    from ...lab.bench.sequence_peers import CLIP_CODECS, available_clip_codecs
    from ...lab.bench.sequences import ClipRow, clip_table, cost_table, find_clip, measure_clip, measure_costs

    here = available_clip_codecs()
    codecs = list(names) or here
    if unknown := [name for name in codecs if name not in here]:
        raise PgiOptionError(f"There is no codec {unknown[0]} for clips here, only {', '.join(here)}.")
    rows, costs = [], []
    total = len(clips) * (1 + sum(len(CLIP_CODECS[codec][1]) for codec in codecs))
    with progress_bar(total) as advance:
        for folder in clips:
            frames = find_clip(folder, limit)
            name = folder.name

            def done(codec: str, clip: str = name) -> None:
                advance(1, f"{clip} {codec}")

            rows += measure_clip(name, frames, codecs, done)
            costs.append(measure_costs(name, frames, quality))
            advance(1, name)
    print_rows(ClipRow, rows, clip_table(rows), csv_path)
    console().print(cost_table(costs))
