"""Every hook is documented with its exact signature, and has a test."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from pgic_core.hooks import PluginSet, specs

HOOKS = PluginSet(()).hook_names
DOCUMENT = (Path(specs.__file__).parent / "HOOKS.md").read_text()
TESTS = ast.parse((Path(__file__).parent / "test_each_hook.py").read_text())


def _documented() -> dict[str, str]:
    """Signatures by heading."""
    return dict(re.findall(r"^### (\w+)\n\n```python\ndef (\w+\(.*)\n```$", DOCUMENT, re.MULTILINE))


@pytest.mark.parametrize("hook", HOOKS)
def test_signature_is_documented(hook: str) -> None:
    signature = str(inspect.signature(getattr(specs, hook))).replace("'", "")
    assert _documented().get(hook) == f"{hook}{signature}"


def test_nothing_else_is_documented() -> None:
    assert sorted(re.findall(r"^### (\w+)$", DOCUMENT, re.MULTILINE)) == list(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_has_a_test_that_implements_it(hook: str) -> None:
    tests = [n for n in TESTS.body if isinstance(n, ast.FunctionDef) and n.name == f"test_hook_{hook}"]
    assert tests
    inside = [n.name for n in ast.walk(tests[0]) if isinstance(n, ast.FunctionDef)]
    assert hook in inside


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_has_types_and_a_docstring(hook: str) -> None:
    function = getattr(specs, hook)
    signature = inspect.signature(function)
    assert inspect.getdoc(function)
    annotations = [p.annotation for p in signature.parameters.values()] + [signature.return_annotation]
    assert inspect.Signature.empty not in annotations
