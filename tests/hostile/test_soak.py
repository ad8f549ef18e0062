"""Threads do not change a byte, and nothing leaks; the long runs are ``-m slow``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .soak import compare_threads, run_rounds

if TYPE_CHECKING:
    from pathlib import Path


def test_eight_threads_give_the_bytes_of_one() -> None:
    assert compare_threads(24) == 0


def test_rounds_leave_no_file_open(tmp_path: Path) -> None:
    _, files = run_rounds(6, tmp_path)
    assert len(set(files)) == 1


@pytest.mark.slow
def test_eight_threads_and_500_files() -> None:
    assert compare_threads(500) == 0


@pytest.mark.slow
def test_memory_stays_flat_over_2000_rounds(tmp_path: Path) -> None:
    memory, files = run_rounds(2000, tmp_path)
    assert len(set(files)) == 1
    assert memory[-1] - memory[0] < 10e6
