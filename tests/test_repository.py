"""Rules that hold for the whole repository."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data

import pgic_core
import pgic_plugins
from pgic_core.lab.conformance.demands import read_clauses, read_demands

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("pgic_core", "pgic_plugins")
HEAVY = ("torch", "torchvision", "av", "matplotlib", "scipy", "skimage", "compressai")


def run(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the learned codec, the one that needs most."""
    path = tmp_path_factory.mktemp("light") / "photo.pgi"
    pgic_core.encode_to(path, skimage.data.astronaut()[:64, :64], codec="learned")
    return path


@pytest.mark.parametrize(
    "opening",
    [
        "import pgic_core; shape = pgic_core.decode(path).shape",
        "import pgic_core; shape = pgic_core.decode(path, level='preview').shape",
        "import pgic_plugins.pillow, PIL.Image, numpy; shape = numpy.asarray(PIL.Image.open(path)).shape",
        "from pgic_core.cli import app; app(['decode', path, path + '.npy'], standalone_mode=False); "
        "import numpy; shape = numpy.load(path + '.npy').shape",
    ],
)
def test_opening_a_picture_stays_light(learned: Path, opening: str) -> None:
    """Who receives a .pgi needs no torch to see it."""
    told = run(f"import sys; path = sys.argv[1]; {opening}; print(len(shape), *sys.modules)", str(learned))
    dimensions, *loaded = told.split()
    assert dimensions == "3"
    assert "onnxruntime" in loaded  # the picture was decoded indeed
    assert not set(HEAVY) & set(loaded)


def test_importing_the_package_loads_no_engine() -> None:
    loaded = run("import sys, pgic_core; print(*sys.modules)").split()
    assert "onnxruntime" not in loaded


def modules() -> list[str]:
    found = []
    for package in (pgic_core, pgic_plugins):
        found += [m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
    # Rooms that need an extra are read as text instead.
    return [name for name in found if not name.endswith("__main__")]


@pytest.mark.parametrize("name", modules())
def test_every_module_declares_sorted_public_names(name: str) -> None:
    path = ROOT / (name.replace(".", "/") + ".py")
    if not path.exists():
        path = ROOT / name.replace(".", "/") / "__init__.py"
    text = path.read_text(encoding="utf-8")
    if "__all__ = " not in text:
        # Only modules without public names of their own may do without.
        assert path.name.startswith("_") or ("def " not in text and "class " not in text), name
        return
    namespace: dict[str, list[str]] = {}
    exec(text[text.index("__all__ = ") :].split("]")[0] + "]", namespace)
    names = namespace["__all__"]
    # Constants, then classes, then functions, as the linter's sort puts them.
    order = {True: 0, False: 2}
    keys = [(order[n.isupper()] if n.isupper() or n[0].islower() or n[0] == "_" else 1, n) for n in names]
    assert [n for _, n in sorted(keys)] == names


def test_public_names_exist() -> None:
    for name in pgic_core.__all__:
        assert getattr(pgic_core, name) is not None
    assert importlib.import_module("pgic_core.errors").__all__


def test_arrows_between_rooms_point_down() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


# CompressAI's users train: its models are torch networks, ours with the trainer's weights.
REACHES_THE_LAB = {"pgic_plugins/compressai.py"}


@pytest.mark.parametrize(
    "path",
    [p.relative_to(ROOT).as_posix() for package in PACKAGES for p in sorted((ROOT / package).rglob("*.py"))],
)
def test_the_lab_is_imported_by_commands_only_and_inside_functions(path: str) -> None:
    """An import for type checking alone runs nothing, and may stand where it likes in ``cli``."""
    if path.startswith("pgic_core/lab/"):
        return
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    imports = {node for node in ast.walk(tree) if is_import_of_lab(node, path)}
    assert not imports or path.startswith("pgic_core/cli/") or path in REACHES_THE_LAB
    inside = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        for child in ast.walk(node)
    }
    at_import = [ast.unparse(node) for node in imports - inside]
    assert at_import == []


def is_import_of_lab(node: ast.AST, path: str) -> bool:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        folders = path.split("/")[: -node.level] if node.level else []
        base = ".".join([*folders, *([node.module] if node.module else [])])
        names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
    else:
        return False
    return any(f"{name}.".startswith("pgic_core.lab.") for name in names)


@pytest.mark.parametrize(
    ("text", "path", "found"),
    [
        ("import pgic_core.lab.generated_patterns", "pgic_plugins/x.py", True),
        ("from pgic_core import lab", "pgic_plugins/x.py", True),
        ("from ..lab.bench import rd", "pgic_core/cli/x.py", True),
        ("from .. import lab", "pgic_core/api/x.py", True),
        ("from .lab import x", "pgic_core/x.py", True),
        ("from .labels import x", "pgic_core/x.py", False),
        ("from .lab import x", "pgic_core/cli/x.py", False),
    ],
)
def test_an_import_of_the_lab_is_recognised(text: str, path: str, found: bool) -> None:
    assert is_import_of_lab(ast.parse(text).body[0], path) is found


def test_every_requirement_that_is_cited_is_written_down() -> None:
    cited = set()
    for path in ROOT.glob("pgic_*/**/*"):
        if path.suffix in {".py", ".md"}:
            found = re.findall(r"\b[AB]-(?:B\.)?\d+(?:\.\d+)*[a-z]?\b", path.read_text(encoding="utf-8"))
            cited |= set(found)
    assert len(cited) > 20
    assert cited <= {demand.id for demand in read_demands()} | set(read_clauses())


def lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """Lines from ``def`` to the end, without the docstring, comments and blank lines."""
    docstring = range(0)
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        docstring = range(first.lineno, (first.end_lineno or first.lineno) + 1)
    numbers = range(function.lineno, (function.end_lineno or function.lineno) + 1)
    texts = (lines[number - 1].strip() for number in numbers if number not in docstring)
    return sum(bool(text) and not text.startswith("#") for text in texts)


def test_no_function_has_more_than_60_lines_of_code() -> None:
    long = []
    functions = 0
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        lines = source.splitlines()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                functions += 1
                if (count := lines_of_code(node, lines)) > 60:
                    long.append(f"{path.relative_to(ROOT)}: {node.name} has {count}")
    assert functions > 2_000
    assert not long
