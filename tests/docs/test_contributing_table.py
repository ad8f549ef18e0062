"""The table "Where things are" of CONTRIBUTING.md names what is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_places_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Where things are")[2]
    paths = re.findall(r"`(pgic_core/[\w/.]+)`", text)
    assert len(paths) >= 8
    assert [path for path in paths if not (ROOT / path).exists()] == []
    for name, path in re.findall(r"`([\w.]+)` in `([\w/.]+)`", text):
        assert f"def {name.rpartition('.')[2]}(" in (ROOT / path).read_text(encoding="utf-8")
