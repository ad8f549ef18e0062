"""The page in a real browser: it draws, the slider moves, the table sorts and filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lab.browser import opened

if TYPE_CHECKING:
    from pathlib import Path


def column(page: Any, name: str) -> list[str]:
    heads = page.locator("#table th").all_inner_texts()
    place = [head.rstrip(" ▲▼") for head in heads].index(name) + 1
    texts: list[str] = page.locator(f"#table tbody tr td:nth-child({place})").all_inner_texts()
    return texts


def test_the_page_answers_in_one_look(report: Path) -> None:
    with opened(report / "report.html") as page:
        assert "photos <1>" in page.locator("h1").inner_text()
        questions = page.locator(".card h3").all_inner_texts()
        assert questions == [
            "How much smaller?",
            "How good?",
            "How fast?",
            "Where does it fail?",
            "What is not met?",
        ]
        assert all("NaN" not in text and text for text in page.locator(".card b").all_inner_texts())
        # Nothing is wider than the window but what scrolls by itself.
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        drawn = page.locator("#chart path.curve")
        assert drawn.count() == 5  # three levels of .pgi that show every pixel, and two peers
        assert page.locator("#bd table tbody tr").count() == 2


def test_the_worst_pictures_are_ranked(report: Path) -> None:
    with opened(report / "report.html") as page:
        assert page.locator("#ranking tbody tr").count() == 2  # those that are visible
        names = page.locator("#ranking tbody tr td:nth-child(2)").all_inner_texts()
        assert set(names) == {"coffee.png", "below/face.jpg"}
        assert "at quality 50" in page.locator("#ranking-how").inner_text()
        assert not page.locator("#ranking-more").is_visible()
        lines = (report / "ranking.csv").read_text().splitlines()
        assert [line.split(",")[0] for line in lines[1:]] == names
        measured = page.locator("#clauses tbody tr", has_text="PSNR (B.1.2)").first.inner_text()
        assert "in as many bits" in measured
        assert "jpeg" in measured


def test_curves_can_be_chosen_and_hidden(report: Path) -> None:
    with opened(report / "report.html") as page:
        first = page.locator("#chart svg").inner_html()
        page.select_option("#metric", "ms_ssim")
        assert page.locator("#chart svg").inner_html() != first
        assert "Higher is better" in page.locator("#direction").inner_text()
        page.select_option("#metric", "st_lpips")
        assert "Lower is better" in page.locator("#direction").inner_text()
        page.get_by_role("button", name="webp").click()
        assert page.locator("#chart path.curve").count() == 4


def test_the_slider_moves_and_pictures_change(report: Path) -> None:
    with opened(report / "report.html") as page:
        clip = "document.getElementById('over').style.clipPath"
        middle = page.evaluate(clip)
        page.locator("#slider").focus()
        for _ in range(10):
            page.keyboard.press("ArrowRight")
        assert page.evaluate(clip) != middle
        assert page.evaluate("document.getElementById('handle').style.left") == "60%"
        sizes = "['under', 'over'].map((id) => document.getElementById(id).naturalWidth)"
        assert min(page.evaluate(sizes)) > 100
        shown = page.locator("#under").get_attribute("src")
        page.select_option("#right", "webp")
        assert page.locator("#under").get_attribute("src") != shown
        assert "webp at quality" in page.locator("#said").inner_text()
        options = page.locator("#crop option").all_inner_texts()
        assert len(options) == 2
        page.select_option("#crop", "1")
        assert page.locator("#under").get_attribute("alt") == f"webp, {options[1].removeprefix('2. ')}"


def test_the_table_sorts_and_filters(report: Path) -> None:
    with opened(report / "report.html") as page:
        rows = len(column(page, "picture"))
        page.locator("#table th", has_text="bytes").click()
        sizes = [int(text.replace(",", "")) for text in column(page, "bytes")]
        assert sizes == sorted(sizes)
        page.locator("#table th", has_text="bytes").click()
        assert [int(text.replace(",", "")) for text in column(page, "bytes")] == sorted(sizes, reverse=True)
        page.select_option("#codec", "jpeg")
        assert set(column(page, "codec")) == {"jpeg"}
        page.fill("#filter", "COFFEE")
        assert set(column(page, "picture")) == {"coffee.png"}
        assert page.locator("#count").inner_text() == f"3 of {rows}"


def test_clauses_and_costs_are_shown(report: Path) -> None:
    with opened(report / "report.html") as page:
        verdicts = page.locator("#clauses .verdict").all_inner_texts()
        assert "met" in verdicts
        assert "not measured" in verdicts
        codecs = page.locator("#speed tbody tr td:nth-child(2)").all_inner_texts()
        assert {"pgic", "jpeg", "webp"} == set(codecs)
        assert page.locator("#exact tbody tr").count() >= 6
        assert not page.locator("#left-out").is_visible()
