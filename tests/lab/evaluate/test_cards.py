"""What the report says in one look, on figures that are made up here."""

from __future__ import annotations

import math
import re

from pgic_core.lab.evaluate.picture_ranking import picture_ranking, ranking_by_group, ranking_rows
from pgic_core.lab.evaluate.point_task import EvalPoint
from pgic_core.lab.evaluate.requirement_table import appendix_b
from pgic_core.lab.evaluate.summary_cards import cards
from pgic_core.lab.evaluate.summary_figures import Figures


def curve(picture: str, codec: str, factor: float) -> list[EvalPoint]:
    """PSNR rises by 6 dB whenever bits double; at one bit it is 30 dB for a factor of 1."""
    return [
        EvalPoint(
            picture, "visible", codec, quality, 1, 100, 100, 10, bpp * factor, 1, 1, 30 + 6 * math.log2(bpp)
        )
        for quality, bpp in ((20, 0.25), (50, 1.0), (80, 4.0))
    ]


def answers(figures: Figures) -> dict[str, tuple[str, str]]:
    return {card.question: (card.answer, card.detail) for card in cards(figures)}


def test_peers_are_compared_at_as_many_bits_and_the_dearest_picture_is_named() -> None:
    points = [*curve("a.png", "pgic", 1), *curve("b.png", "pgic", 1)]
    points += [*curve("a.png", "jpeg", 2), *curve("b.png", "jpeg", 2)]
    points += [*curve("a.png", "avif", 1), *curve("b.png", "avif", 0.8)]
    told = answers(Figures(points=points))
    assert told["How much smaller?"][0] == "-50 %"
    assert ".pgi takes 12.5 % more than avif." in told["How much smaller?"][1]
    # jpeg takes twice the bits: 6 dB less in as many; avif as many in one picture, 0.8 in the other.
    assert "In as many bits others reach: avif 1.0 dB more, jpeg 6.0 dB less." in told["How good?"][1]
    assert "b.png, +25 % against avif" in told["Where does it fail?"][1]


def test_a_busy_machine_is_named() -> None:
    row = {"codec": "pgic", "quality": 75, "megapixels_per_second": 4.0, "warm": 0.25, "peak": 10**8}
    for cpu, busy in ((0.3, False), (0.1, True)):
        speed = [{**row, "operation": operation, "cpu": cpu} for operation in ("encode", "decode")]
        told = answers(Figures(points=curve("a.png", "pgic", 1), speed=speed))["How fast?"]
        assert told[0] == "4.0 / 4.0"
        assert ("busy with other work: 0.10 s of processor time took 0.25 s" in told[1]) == busy


def test_what_is_not_met_is_counted_and_named() -> None:
    ratio = {"picture": "a.png", "jpeg_bytes": 1000, "file_bytes": 90, "ms_ssim": 0.9}
    figures = Figures(
        points=curve("a.png", "pgic", 1),
        ratio=[{**ratio, "jpeg_quality": 95, "psnr": 36.0}, {**ratio, "jpeg_quality": 80, "psnr": 34.0}],
    )
    answer, detail = answers(figures)["What is not met?"]
    assert answer == "1 of 2"
    assert "A-B.2c: 80% smaller than JPEG 80" in detail
    figures.ratio = figures.ratio[:1]
    answer, detail = answers(figures)["What is not met?"]
    assert answer == "0 of 1"
    assert re.fullmatch(
        r"Clauses of Appendix B that this run decides; \d+ more were not measured. All of them are met.",
        detail,
    )


def test_pictures_are_ranked_by_how_far_they_fall_short() -> None:
    points = [*curve("x/a.png", "pgic", 1), *curve("x/b.png", "pgic", 1), *curve("y/c.png", "pgic", 5)]
    points += [*curve("x/a.png", "avif", 0.5), *curve("x/b.png", "avif", 2), *curve("x/b.png", "jpeg", 4)]
    ratio = {"picture": "y/c.png", "jpeg_bytes": 1000, "ms_ssim": 0.9}
    rows = [
        {**ratio, "jpeg_quality": 95, "file_bytes": 90, "psnr": 31.5},
        {**ratio, "jpeg_quality": 80, "file_bytes": 0, "psnr": 30.0},
    ]
    figures = Figures(points=points, ratio=rows)
    first, second, third = picture_ranking(figures, 50)
    # avif needs half the bits of a: 6 dB more in as many. Of b it needs twice as many.
    assert (first.picture, first.peer, first.kind) == ("x/a.png", "avif", "usual")
    assert first.behind is not None
    assert math.isclose(first.behind, 6, abs_tol=1e-6)
    assert first.short is None
    assert (second.picture, second.demands, second.short) == ("y/c.png", (31.5, None), 3.5)
    assert (second.kind, second.peer, second.behind) == ("busy", "", None)
    assert third.behind is not None
    assert math.isclose(third.behind, -6, abs_tol=1e-6)
    assert ranking_rows([second])[0]["jpeg_95"] == 31.5
    groups = {row["group"]: row for row in ranking_by_group([first, second, third])}
    assert list(groups) == ["busy", "usual", "x/", "y/"]
    assert (groups["usual"]["pictures"], groups["usual"]["pictures_behind"]) == (2, 1)
    assert math.isclose(groups["x/"]["behind"], 0, abs_tol=1e-6)
    assert groups["y/"]["pictures_short"] == 1


def test_a_figure_without_a_bound_stands_beside_others() -> None:
    points = [*curve("a.png", "pgic", 1), *curve("a.png", "avif", 0.5), *curve("a.png", "jpeg", 2)]
    row = next(each for each in appendix_b(Figures(points=points)) if each.asked == "PSNR (B.1.2)")
    assert row.verdict == "reported"
    assert row.measured == "30.00 dB; in as many bits avif 6.00 better, jpeg 6.00 worse"


def test_no_figures_make_no_ranking() -> None:
    assert picture_ranking(Figures(), 50) == []
    assert ranking_by_group([]) == []
