"""What the list of demands claims is there: code, tests and commands; the page says it."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pgic_core.cli import app
from pgic_core.errors import PgiInputError
from pgic_core.lab.conformance import counted, html_page, markdown_page, read_demands

ROOT = Path(__file__).resolve().parents[3]
DEMANDS = read_demands()
MET = [demand for demand in DEMANDS if demand.state == "met"]


def names_of(path: Path) -> set[str]:
    """What a module defines at its top."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def test_every_demand_of_both_documents_is_there() -> None:
    ids = [demand.id for demand in DEMANDS]
    assert len(ids) == len(set(ids)) == 76
    assert sum(demand.document == "B" for demand in DEMANDS) == 10
    assert {"A-6.1a", "A-6.5.3g", "A-B.2e", "A-9.3.3", "B-0", "B-2d", "B-6"} <= set(ids)


@pytest.mark.parametrize("demand", DEMANDS, ids=lambda demand: demand.id)
def test_code_and_tests_that_are_cited_are_there(demand: object) -> None:
    cite(demand, ROOT)


def cite(demand: object, root: Path) -> None:
    for place in demand.code:  # type: ignore[attr-defined]
        path, _, name = place.partition("::")
        assert (root / path).is_file(), place
        assert not name or name in names_of(root / path), place
    for place in demand.tests:  # type: ignore[attr-defined]
        path, _, name = place.partition("::")
        assert name.startswith("test_")
        assert name in names_of(root / path), place
    for line in demand.bench:  # type: ignore[attr-defined]
        words = shlex.split(line)
        assert words[0] == "pgic"
        command: click.Command | None = app
        for word in words[1:]:
            assert isinstance(command, click.Group)
            command = command.get_command(click.Context(command), word)
            assert command is not None, line


@pytest.mark.parametrize("demand", MET, ids=lambda demand: demand.id)
def test_what_is_met_names_a_test_that_runs_by_default(demand: object) -> None:
    """Whether it ran and passed is told at the end of a whole run (tests/conftest.py)."""
    assert any(runs_by_default(place) for place in demand.tests)  # type: ignore[attr-defined]


def runs_by_default(place: str) -> bool:
    path, _, name = place.partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    marks = "".join(ast.unparse(decorator) for decorator in function.decorator_list)
    return not re.search(r"\bmark\.(slow|skip|xfail)\b(?!if)", marks)


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ('says = "X."\nstate = "met"\ncode = ["a.py"]', "code and tests show what is met"),
        ('says = "X."\nstate = "met"\ntests = ["a.py::test_a"]', "code and tests show what is met"),
        ('says = "X."\nstate = "not"', "says what is open"),
        ('says = "X."\nstate = "met"\ncode = ["a"]\ntests = ["b"]\nopen = "Much."', "says what is open"),
        ('says = "X."\nstate = "perhaps"\nopen = "Much."', "its state is one of"),
        ('says = "X"\nstate = "not"\nopen = "Much."', "in a sentence"),
        ('says = "X."\nstate = "not"\nopen = "Much."\nblame = "us"', "blame"),
    ],
)
def test_claims_without_proof_are_refused(entry: str, complaint: str) -> None:
    with pytest.raises(PgiInputError, match=complaint):
        read_demands(f'["A-1"]\n{entry}\n')


def test_code_that_is_gone_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def here(): ...\ndef test_a(): ...\n")
    entry = '["A-1"]\nsays = "X."\nstate = "met"\ncode = ["a.py::{}"]\ntests = ["a.py::test_a"]\n'
    cite(read_demands(entry.format("here"))[0], tmp_path)
    with pytest.raises(AssertionError, match="gone"):
        cite(read_demands(entry.format("gone"))[0], tmp_path)


class Rows(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "tr" and given.get("id"):
            self.ids.append(str(given["id"]))
        self.links += [str(given[name]) for name in ("src", "href") if name in given]


def test_the_page_shows_every_demand_and_needs_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["conformance", "-o", str(page)])
    assert done.exit_code == 0, done.output
    rows = Rows()
    rows.feed(page.read_text(encoding="utf-8"))
    assert rows.ids == [demand.id for demand in DEMANDS]
    assert rows.links == []


def test_counts_stand_at_the_top() -> None:
    for text in (html_page(DEMANDS, "1"), markdown_page(DEMANDS)):
        head = text[: text.index("A-6.0")]
        assert all(str(count) in head for count in counted(DEMANDS).values())


def test_states_and_kinds_of_page() -> None:
    shown = CliRunner().invoke(app, ["conformance", "--state", "not"])
    assert shown.exit_code == 0
    assert f"{counted(DEMANDS)['not']} demands" in shown.stdout
    wrong = CliRunner().invoke(app, ["conformance", "-o", "page.pdf"])
    assert wrong.exit_code == 2
    assert ".html or .md" in wrong.stderr


def test_the_list_is_part_of_the_package(tmp_path: Path) -> None:
    """Read from another folder, as an installed package is; nothing of the repository is needed."""
    code = "import sys; from pgic_core.cli import main; sys.argv = ['pgic', 'conformance', '--json']; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert '"A-6.1a"' in done.stdout
