"""``pgic bench recognition``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...errors import PgiOptionError
from ...terminal import console, say
from ..command_base import PgicCommand, option
from ..measuring_options import (
    csv_option,
    jobs_option,
    limit_option,
    most_megapixels_option,
    qualities_option,
)
from ..progress import progress_bar
from ..value_types import EXISTING, EXISTING_FILE, OUTPUT_FOLDER

if TYPE_CHECKING:
    from ...lab.evaluate.evaluated_pictures import Subject
    from ...lab.evaluate.recognition_task import RecognitionTask

__all__ = ["recognition"]


def _checked_rois(
    context: click.Context, parameter: click.Parameter, rois: tuple[str, ...]
) -> tuple[str, ...]:
    from ...roi import Roi

    for roi in rois:
        model, _, strength = roi.partition(":")
        try:
            Roi(model, float(strength or 1))
        except ValueError as error:
            raise click.BadParameter(
                f"{strength} is no strength; those are 0 to 4.", context, parameter
            ) from error
    return rois


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic bench recognition photos --recogniser insulator-detector",
        "pgic bench recognition idid --truth boxes.json --recogniser insulator",
        "pgic bench recognition plates --recogniser rapidocr --roi panel",
    ),
)
@click.argument("folder", type=EXISTING)
@option(
    "--recogniser",
    "recognisers",
    metavar="NAME",
    multiple=True,
    required=True,
    group="Recognition",
    help="One that 'pgic plugins' lists, 'rapidocr' for text, 'efficientnet-lite0' for classes, or"
    " 'yolox:PATH' or 'fastestdet:PATH' for an ONNX file; may be repeated.",
)
@option(
    "--truth",
    type=EXISTING_FILE,
    group="Recognition",
    help="What is in the pictures: COCO annotations, or a JSON object of file names and text, as drawn scenes"
    " have it. Others are left out.",
)
@option(
    "--truth-in-names",
    is_flag=True,
    group="Recognition",
    help="The class is what a file name starts with, up to '_'.",
)
@option(
    "--label",
    "labels",
    metavar="NAME",
    multiple=True,
    group="Recognition",
    help="Label of --truth that counts; may be repeated. [default: all]",
)
@option(
    "--roi",
    "rois",
    metavar="MODEL[:STRENGTH]",
    multiple=True,
    group="Codecs",
    help="Also code with more detail where this model says, at the same bytes, or where the recognisers see"
    " something in the original ('seen'). The strength is in octaves, 1 if not given. May be repeated.",
    callback=_checked_rois,
)
@qualities_option("Also at this quality of pgic; may be repeated.")
@option(
    "--share",
    "shares",
    type=click.FloatRange(0.1, 100),
    metavar="PER_CENT",
    multiple=True,
    group="Codecs",
    help="Also in this share of the bytes of JPEG 95; may be repeated.",
)
@option(
    "--level",
    "levels",
    multiple=True,
    metavar="NAME",
    default=("fast", "fine"),
    show_default=True,
    group="Codecs",
    help="Level of decoding; may be repeated.",
)
@option(
    "--held-out",
    is_flag=True,
    group="Pictures",
    help="Of pictures named as those of IDID, only scenes that the shipped detector and regions did not see.",
)
@limit_option("At most N pictures.")
@most_megapixels_option()
@jobs_option()
@option(
    "--work",
    type=OUTPUT_FOLDER,
    group="Running",
    help="Folder for finished measurements, from which an interrupted run resumes.",
)
@csv_option("the rows")
def recognition(folder: Path, csv_path: Path | None, work: Path | None, jobs: int, **how: Any) -> None:
    """Compare what recognisers see before and after coding.

    Every picture of FOLDER is saved as JPEG 95 and as JPEG 80. pgic codes what these files show into a tenth
    and a fifth of their bytes, as the standard asks; JPEG and AVIF get as many bytes. The figure is the
    average precision at an overlap of one half for boxes, the share of right characters for text, and the
    share of right first answers for classes. The bench reports how much of it coding costs, with a 95 %
    interval by bootstrap over pictures. The demand is met where the upper end is below 5 %. With a truth, it
    also shows rows against what was seen in the originals. With several --share, it tells from which share of
    JPEG 95 on the demand is met.
    """
    from tempfile import TemporaryDirectory

    from ...lab.evaluate.csv_tables import write_rows
    from ...lab.evaluate.evaluated_pictures import find_all
    from ...lab.evaluate.recognition_table import enough_table, recognition_rows, recognition_table
    from ...lab.evaluate.task_running import Store, run_tasks
    from ...lab.recognition import label_of_name, read_places, read_truth

    subjects, refused = find_all([folder], None, how["most_megapixels"])
    chosen = _chosen(subjects, how)
    tasks = _tasks(chosen, how)
    with TemporaryDirectory(prefix="pgic-") as temporary, progress_bar(len(tasks)) as advance:
        store = Store(work or Path(temporary))
        results, failed = run_tasks(tasks, store, jobs, lambda task: advance(1, task.label))
    seen = [row for rows in results for row in rows]
    truth, places = None, {}
    if how["truth"] is not None:
        truth, places = read_truth(how["truth"], how["labels"]), read_places(how["truth"])
    elif how["truth_in_names"]:
        truth = label_of_name(subject.name for subject in chosen)
    rows = recognition_rows(seen, truth, places) if truth is not None else []
    rows += recognition_rows(seen, None, places)
    if csv_path is not None:
        write_rows(csv_path, rows)
    console().print(recognition_table(rows))
    if (enough := enough_table(rows)) is not None:
        console().print(enough)
    for name, reason in [*refused, *failed]:
        say(f"pgic: {name}: {reason}")
    if failed:
        raise SystemExit(1)


def _chosen(subjects: list[Subject], how: dict[str, Any]) -> list[Subject]:
    """The visible pictures that are asked for."""
    from ...lab.recognition import held_out, read_truth

    named = None if how["truth"] is None else set(read_truth(how["truth"]))
    chosen = [
        subject
        for subject in subjects
        if subject.visible
        and (named is None or subject.name in named or subject.path.name in named)
        and (not how["held_out"] or held_out(subject.path.name))
    ][: how["limit"]]
    if not chosen:
        raise PgiOptionError("There is no picture of those asked for.")
    return chosen


def _tasks(subjects: list[Subject], how: dict[str, Any]) -> list[RecognitionTask]:
    from ...lab.bench.peer_codecs import available
    from ...lab.evaluate.recognition_task import STANDARD_SIZES, Size, recognition_tasks, size_of_share
    from ...lab.recognition import find_recogniser
    from ...models import default_model

    for name in how["recognisers"]:
        find_recogniser(name)  # is there
    unknown = set(how["levels"]) - set(default_model().levels)
    if unknown:
        raise PgiOptionError(f"The model has no level {', '.join(sorted(unknown))}.")
    peers = tuple(codec.name for codec in available(("jpeg", "avif"))[0])
    wanted = [*STANDARD_SIZES, *map(size_of_share, how["shares"]), *map(Size, how["qualities"])]
    sizes = dict.fromkeys(wanted)
    return recognition_tasks(subjects, how["recognisers"], peers, how["rois"], sizes, how["levels"])
