"""Counts the forgeries of the test suite by kind: ``python -m tests.security.attack_table``.

Each is a test with the mark ``attack``, which names the kind. As a plugin of pytest this module writes what
was collected to the file that ``ATTACK_TABLE`` names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("tests/security", "tests/audit/test_chain.py", "tests/container/test_parity.py")
VARIABLE = "ATTACK_TABLE"


def pytest_collection_finish(session: pytest.Session) -> None:
    kinds = Counter(
        mark.args[0] for item in session.items for mark in item.iter_markers("attack") if mark.args
    )
    if target := os.environ.get(VARIABLE):
        Path(target).write_text(json.dumps(kinds))


def counted() -> dict[str, int]:
    """Cases by kind, as pytest collects them."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "table.json"
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "attack"]
        command += ["-p", "tests.security.attack_table", "-p", "no:cacheprovider", *PLACES]
        environment = os.environ | {VARIABLE: str(target)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        found: dict[str, int] = json.loads(target.read_text())
    return dict(sorted(found.items()))


if __name__ == "__main__":
    table = counted()
    for kind, count in table.items():
        print(f"{count:5}  {kind}")
    print(f"{sum(table.values()):5}  in all")
