"""What must go through one door does: printing, opening photos, reading data files of others."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
# The trainer runs on its owner's pictures, and is not part of what opens files of others.
SOURCES = [
    path
    for package in ("pgic_core", "pgic_plugins")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "training" not in path.parts
]


def calls(source: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a source, with what is called: ``click.echo``, ``print``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def prints(source: str) -> list[int]:
    """Lines that write text to the terminal."""
    doors = ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write", "Console")
    return [call.lineno for name, call in calls(source) if name in doors or name.endswith(".Console")]


def opens_any_photo(source: str) -> list[int]:
    """Lines that open a photo of whatever format its bytes are."""
    return [
        call.lineno
        for name, call in calls(source)
        if name in ("Image.open", "PIL.Image.open") and "formats" not in {word.arg for word in call.keywords}
    ]


def reads_foreign_data(source: str) -> list[int]:
    """Lines that read JSON or arrays."""
    doors = ("json.load", "json.loads", "np.load", "numpy.load", "pickle.load", "pickle.loads")
    return [call.lineno for name, call in calls(source) if name in doors]


def found(check: object, allowed: set[str]) -> dict[str, list[int]]:
    lines = {
        str(path.relative_to(ROOT)): check(path.read_text(encoding="utf-8"))  # type: ignore[operator]
        for path in SOURCES
    }
    return {name: numbers for name, numbers in lines.items() if numbers and name not in allowed}


def test_one_module_prints() -> None:
    # The start-up hook imports nothing of pgic, and escapes by itself what Python's -v shows. The bench of
    # devices reads the figures of its worker from a pipe, line by line.
    allowed = {
        "pgic_core/terminal.py",
        "pgic_plugins/_autoload.py",
        "pgic_plugins/torchvision/device_worker.py",
    }
    assert not found(prints, allowed)


def test_photos_are_opened_by_a_list_of_formats() -> None:
    assert not found(opens_any_photo, set())


def test_one_module_reads_json_and_arrays() -> None:
    # These read what another process of pgic wrote a moment ago.
    own = {
        "pgic_core/lab/bench/device_decoding.py",
        "pgic_core/lab/bench/loader_speed.py",
        "pgic_core/lab/bench/speed.py",
        "pgic_core/lab/bench/speed_worker.py",
        "pgic_core/lab/evaluate/task_running.py",
        "pgic_plugins/torchvision/device_worker.py",
        "pgic_plugins/torchvision/loader_worker.py",
    }
    assert not found(reads_foreign_data, {"pgic_core/small_files.py", *own})


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (prints, "print(name)"),
        (prints, "def f():\n    click.echo(x, err=True)"),
        (prints, "sys.stderr.write(x)"),
        (prints, "rich.console.Console(stderr=True)"),
        (opens_any_photo, "with Image.open(path) as image: pass"),
        (reads_foreign_data, "json.loads(path.read_bytes())"),
        (reads_foreign_data, "np.load(path, allow_pickle=False)"),
    ],
)
def test_the_doors_are_watched(check: object, source: str) -> None:
    assert check(source)  # type: ignore[operator]
