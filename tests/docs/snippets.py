"""Code blocks of Markdown pages, and how they are run.

Blocks marked ``sh`` and ``python`` are run in the order of their page, in one folder; blocks of other marks
(``console``, ``text``, ``toml``) are only shown.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

from click.testing import CliRunner

from pgic_core.cli import app

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# The two commands that set up a clone: .ci/run runs them.
_SETUP = "python3 -m venv "


class Snippet(NamedTuple):
    """A code block: its language, its text, and the line of the page on which the text starts."""

    language: str
    text: str
    line: int


def snippets(page: Path) -> list[Snippet]:
    """The code blocks of ``page`` that are run."""
    text = page.read_text(encoding="utf-8")
    return [
        Snippet(match[1], match[2], text.count("\n", 0, match.start(2)) + 1)
        for match in _BLOCK.finditer(text)
    ]


def run_python(snippet: Snippet, page: Path, namespace: dict[str, Any]) -> None:
    """Run a block; tracebacks name the page and its line."""
    code = compile("\n" * (snippet.line - 1) + snippet.text, str(page), "exec")
    exec(code, namespace)


def run_shell(snippet: Snippet) -> None:
    """Run each line of a block, all of which must be commands of pgic, within this process."""
    for line in snippet.text.splitlines():
        words = shlex.split(line, comments=True)
        if not words or line.startswith(_SETUP):
            continue
        assert words[0] == "pgic", f"line {snippet.line}: only pgic is run: {line}"
        result = CliRunner().invoke(app, words[1:])
        assert result.exit_code == 0, f"{line}\n{result.output}\n{result.exception!r}"
