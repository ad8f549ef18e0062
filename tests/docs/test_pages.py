"""The README, and the pages of the site: their commands and code run, their links lead somewhere."""

from __future__ import annotations

import importlib
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

import pgic_core

from .snippets import run_python, run_shell, snippets

if TYPE_CHECKING:
    from tests.docs.snippets import Snippet

ROOT = Path(__file__).resolve().parents[2]
READMES = [ROOT / "README.md", ROOT / "README.zh.md"]
SITE = sorted((ROOT / "docs").glob("**/*.md"))
PAGES = [page for page in [*READMES, *SITE] if snippets(page)]
TOWER = ROOT / "examples" / "tower.jpg"
# Those that are read where they lie; the site's own links are checked when it is built.
LINKING = [
    *READMES,
    *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "examples/CREDITS.md")),
    *sorted((ROOT / "pgic_core").glob("**/*.md")),
]


LIBRARIES = {
    *("albumentations", "cv2", "dask", "datasets", "fiftyone", "gradio", "lightning", "mmcv", "pycocotools"),
    *("sahi", "supervision", "timm", "torchdata", "ultralytics", "webdataset"),
}
"""What pages of ``docs/tools`` import and what may be missing."""


def imported_names(blocks: list[Snippet]) -> set[str]:
    """The top-level packages that code imports, and what those need that say so on their page."""
    lines = [line for block in blocks for line in block.text.splitlines()]
    found = {match[1] for line in lines if (match := re.match(r"(?:from|import) (\w+)", line))}
    return found | ({"pycocotools"} if any("CocoDetection" in line for line in lines) else set())


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the pages work on: ``tower.jpg``, and a flight of small photos, coded and not."""
    shutil.copy(TOWER, tmp_path)
    line = tmp_path / "flight" / "line-1"
    line.mkdir(parents=True)
    with Image.open(TOWER) as photo:
        for number in range(2):
            part = photo.crop((700 + 300 * number, 300, 1020 + 300 * number, 600))
            part.save(line / f"{number}.jpg")
            pgic_core.encode_to(line / f"{number}.pgi", part)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(blocks: list[Snippet], page: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "snippets"}
    for block in blocks:
        if block.language == "sh":
            run_shell(block)
        else:
            run_python(block, page, namespace)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_snippets_run(page: Path, folder: Path) -> None:
    importlib.import_module("pgic_plugins.pillow")  # as the start-up hook of an install does
    blocks = snippets(page)
    if any("torchvision" in block.text for block in blocks):
        pytest.importorskip("torchvision")
    if page.parent.name == "tools":  # each of another library; those that CI has are in the extra [test]
        for name in imported_names(blocks) & LIBRARIES:
            pytest.importorskip(name)
    before = set(folder.iterdir())
    _run(blocks, page)
    # Commands leave something behind: a file, or a report.
    assert set(folder.iterdir()) > before or all(block.language == "python" for block in blocks)


def test_a_snippet_that_fails_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Text\n\n```sh\npgic info missing.pgi\n```\n\n```python\n1 / 0\n```\n")
    shell, python = snippets(page)
    with pytest.raises(AssertionError, match=r"missing\.pgi"):
        run_shell(shell)
    with pytest.raises(ZeroDivisionError) as caught:
        run_python(python, page, {})
    assert (caught.traceback[-1].lineno, str(caught.traceback[-1].path)) == (7, str(page))


@pytest.mark.parametrize("page", LINKING, ids=name_of)
def test_links_within_the_repository(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"(?ms)^ {4}.*?$|^```.*?^```$|`[^`]*`", "", text)  # code holds brackets of its own
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_figures_stand_in_the_model_card(readme: Path) -> None:
    card = (ROOT / "pgic_core/weights/grid-1/card.md").read_text(encoding="utf-8")
    figures = set(re.findall(r"\d+\.\d(?= %|\*\* ?%)", readme.read_text(encoding="utf-8")))
    assert len(figures) >= 6
    assert all(f"{figure} %" in card for figure in figures)


def test_the_readme_starts_with_two_commands() -> None:
    text = READMES[0].read_text(encoding="utf-8")
    commands = re.findall(r"^python3 -m venv .*$", text, re.MULTILINE)
    assert len(commands) == 2
    assert "examples/tower.jpg" in commands[0]
    assert commands[1].endswith("pytest")
    assert commands[0] in READMES[1].read_text(encoding="utf-8")


def test_every_public_name_is_in_the_reference() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "api").glob("*.md"))
    errors = set(importlib.import_module("pgic_core.errors").__all__)  # by automodule
    listed = set(re.findall(r":: pgic_core\.(\w+)$", pages, re.MULTILINE))
    assert listed | errors | {"__version__"} >= set(pgic_core.__all__)


def test_the_photo_is_small_and_credited() -> None:
    assert TOWER.stat().st_size < 600_000
    assert "CC BY 4.0" in (ROOT / "examples" / "CREDITS.md").read_text(encoding="utf-8")


def test_the_citation_names_this_version() -> None:
    assert f"\nversion: {pgic_core.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
