"""Putting figures, script and style into one page."""

from __future__ import annotations

import datetime
import json
import math
import platform
from dataclasses import asdict, fields
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from .... import __version__
from ....errors import PgiUnsupportedError
from ....models import default_model, default_threads, engine_description
from ...bench.jpeg_ratio import RATIOS
from ...bench.standard_demands import EXCELLENT_PSNR
from ..call_cost import processor_name
from ..picture_ranking import picture_ranking, ranking_by_group, ranking_rows
from ..point_task import EvalPoint
from ..requirement_table import USUAL_QUALITY, appendix_b
from ..summary_cards import cards
from ..summary_figures import bd_against, means

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..summary_figures import Figures

__all__ = ["report_page"]

_COLUMNS = tuple(f.name for f in fields(EvalPoint) if f.name not in ("scale", "encode_cpu", "decode_cpu"))


def report_page(
    folder: str,
    figures: Figures,
    pictures: Mapping[str, str],
    missing: Mapping[str, str],
    failures: Sequence[tuple[str, str]],
) -> str:
    """The page.

    Args:
        folder: name of what was measured.
        figures: what was measured.
        pictures: kind of each picture by name.
        missing: codecs that were left out, with the reason.
        failures: name and reason of what could not be measured.
    """
    ranked = picture_ranking(figures, USUAL_QUALITY)
    data = {
        "folder": folder,
        "facts": _facts(pictures),
        "cards": [asdict(card) for card in cards(figures)],
        "curves": _curves(figures),
        "bdRates": _bd_rates(figures),
        "ranking": ranking_rows(ranked),
        "groups": ranking_by_group(ranked),
        "shares": [[f"jpeg_{quality}", f"{share:.0%} of JPEG {quality}"] for quality, share in RATIOS],
        "excellent": EXCELLENT_PSNR,
        "crops": figures.crops,
        "speed": figures.speed,
        "exact": figures.exact,
        "ratio": figures.ratio,
        "recognition": figures.recognition,
        "clauses": [asdict(clause) for clause in appendix_b(figures)],
        "columns": _COLUMNS,
        "rows": [[getattr(point, name) for name in _COLUMNS] for point in figures.points],
        "missing": missing,
        "failures": failures,
    }
    text = json.dumps(_plain(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    here = files(__package__)
    page = (here / "report.html").read_text(encoding="utf-8")
    for name, content in (  # the data last: nothing in it is taken for a place to fill
        ("title", escape(folder)),
        ("style", (here / "report.css").read_text(encoding="utf-8")),
        ("script", (here / "report.js").read_text(encoding="utf-8")),
        # Inside a script element only this could end it; JSON may spell it so.
        ("data", text.replace("<", "\\u003c")),
    ):
        page = page.replace(f"<!-- {name} -->", content)
    return page


def _facts(pictures: Mapping[str, str]) -> dict[str, str]:
    import numpy
    import PIL

    visible = sum(kind == "visible" for kind in pictures.values())
    model = default_model()
    return {
        "Pictures": f"{len(pictures)}: {visible} visible, {len(pictures) - visible} stored without loss",
        "Made": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        "pgic": f"{__version__}, model {model.id} {model.digest[:12]}",
        "Engine": engine_description(),
        "Processor": f"{processor_name()}, {default_threads()} threads",
        "Libraries": f"NumPy {numpy.__version__}, Pillow {PIL.__version__}",
        "Python": platform.python_version(),
    }


def _curves(figures: Figures) -> list[dict[str, Any]]:
    return [
        {"codec": mean.codec, "quality": mean.quality, "pictures": mean.pictures, **mean.values}
        for mean in means(figures.points)
        if mean.scale == 1 and mean.codec != "raw"
    ]


def _bd_rates(figures: Figures) -> list[dict[str, Any]]:
    """A row for pgic and each of its levels."""
    tests = sorted({p.codec for p in figures.points if p.codec.startswith("pgic") and p.scale == 1})
    try:
        return [
            {"codec": test, "against": {k: rate for k, (rate, _) in bd_against(figures.points, test).items()}}
            for test in tests
        ]
    except PgiUnsupportedError:
        return []


def _plain(value: object) -> Any:
    """What JSON can say: NaN becomes null, and infinity its name."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity"
    return value
