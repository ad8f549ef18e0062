"""The package: its public names, and that importing it stays light."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pgic_core


def test_all_is_sorted_and_complete() -> None:
    assert pgic_core.__all__ == sorted(
        pgic_core.__all__, key=lambda name: (not name.isupper(), name[0] == "_" or name[0].islower(), name)
    )
    for name in pgic_core.__all__:
        assert getattr(pgic_core, name) is not None
    assert set(pgic_core.__all__) <= set(dir(pgic_core))


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = pgic_core.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import pgic_core", "numpy PIL cbor2 onnxruntime constriction click rich torch"),
        ("import pgic_core; pgic_core.encode, pgic_core.PgiFile", "PIL onnxruntime click rich torch"),
        ("import pgic_core.cli", "numpy PIL onnxruntime rich torch"),
        (
            "import numpy, pgic_core; pgic_core.decode(pgic_core.encode(numpy.zeros((9, 9), 'f4')))",
            "PIL onnxruntime torch",
        ),
        (
            "import numpy, pgic_core; pgic_core.decode(pgic_core.encode(numpy.zeros((9, 9, 3), 'u1')))",
            "torch click rich",
        ),
    ],
)
def test_imports_stay_light(code: str, absent: str) -> None:
    check = f"import sys; {code}; print(*sorted(set({absent.split()}) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
