"""A page for judging by eye, blind (主观评价, table B.1; A-8.2d).

In each trial the original stands in the middle, X, and two codings of about equal bytes beside it, A and B.
The judge says which is nearer to X. Which codec is A is drawn from a seed and hidden until the end. In some
trials one of the two is the original itself: whoever cannot tell it from pgic sees no damage.
"""

from __future__ import annotations

import json
import random
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ...models import default_model, default_threads
from ..bench.peer_codecs import available, find_codec
from ..bench.region_quality import region_quality
from .crop_comparison import CropTask
from .evaluated_pictures import find_subjects
from .task_running import Store, run_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .evaluated_pictures import Subject
    from .task_running import Task

__all__ = ["ORIGINAL", "draw_trials", "judging_page", "make_crops"]

ORIGINAL = "original"


def make_crops(
    folder: Path,
    peers: Sequence[str],
    *,
    quality: int,
    limit: int | None,
    work: Path,
    on_done: Callable[[Task], None] = lambda task: None,
) -> list[dict[str, Any]]:
    """The worst place of each visible picture, as pgic and its peers show it in about as many bytes.

    Args:
        folder: of pictures, or one picture.
        peers: names of other codecs; those that are not installed are left out.
        quality: of pgic.
        limit: of pictures.
        work: folder that keeps results, so that a run that was cut off goes on.
        on_done: called after each picture.

    Raises:
        PgiOptionError: there is no picture, or a name is unknown.
    """
    subjects, _ = find_subjects(folder, limit)
    names = tuple(codec.name for codec in available(tuple(peers))[0])
    model = default_model().digest
    tasks = [
        CropTask(subject, quality, _worst_place(subject, quality), names, model)
        for subject in subjects
        if subject.visible
    ]
    results, _ = run_tasks(tasks, Store(work), default_threads(), on_done)
    return [row for rows in results for row in rows]


def _worst_place(subject: Subject, quality: int) -> tuple[int, int]:
    original = subject.rgb()
    codec = find_codec("pgic")
    figures = region_quality(original, codec.decode(codec.encode(original, quality)), None)
    return figures.worst_x, figures.worst_y


def draw_trials(crops: Sequence[dict[str, Any]], count: int, seed: int) -> list[dict[str, Any]]:
    """Which crops are compared, in which order and on which side.

    Every pair of pgic and another view of a crop, the original included, is as likely as any other; none
    comes twice before all have come once.

    Args:
        crops: as :func:`make_crops` gives them.
        count: of trials.
        seed: decides everything.

    Returns:
        For each trial ``crop``, index of the crop, and ``a`` and ``b``, names of the views.
    """
    generator = random.Random(seed)
    pairs = [
        (index, name)
        for index, crop in enumerate(crops)
        for name in (ORIGINAL, *(view["codec"] for view in crop["views"] if view["codec"] != "pgic"))
    ]
    trials: list[dict[str, Any]] = []
    while pairs and len(trials) < count:
        for index, name in generator.sample(pairs, len(pairs)):
            sides = ["pgic", name]
            generator.shuffle(sides)
            trials.append({"crop": index, "a": sides[0], "b": sides[1]})
    return trials[:count]


def judging_page(crops: Sequence[dict[str, Any]], trials: Sequence[dict[str, Any]], seed: int) -> str:
    """The page: needs no network, keeps what was judged, and gives it as CSV with intervals.

    Args:
        crops: as :func:`make_crops` gives them.
        trials: as :func:`draw_trials` gives them.
        seed: that they were drawn from, for the CSV.
    """
    used = sorted({trial["crop"] for trial in trials})
    data = {
        "seed": seed,
        "crops": {index: crops[index] for index in used},
        "trials": trials,
    }
    text = json.dumps(_without_infinity(data), ensure_ascii=False, separators=(",", ":"))
    here = files(__package__) / "page"
    page = (here / "judge.html").read_text(encoding="utf-8")
    for name, content in (
        ("title", escape(f"{len(trials)} trials")),
        ("style", (here / "report.css").read_text(encoding="utf-8")),
        ("script", (here / "judge.js").read_text(encoding="utf-8")),
        ("data", text.replace("<", "\\u003c")),
    ):
        page = page.replace(f"<!-- {name} -->", content)
    return page


def _without_infinity(value: object) -> Any:
    if isinstance(value, dict):
        return {key: _without_infinity(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_infinity(item) for item in value]
    return None if value == float("inf") else value
