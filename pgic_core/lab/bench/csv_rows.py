"""Rows of figures as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ...container import atomic_write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["write_records"]


def write_records(kind: type[Any], rows: Sequence[Any], path: Path) -> None:
    """Write dataclass instances, one line each; floats to six digits, NaN as nothing.

    Args:
        kind: their class.
        rows: the instances, in the order wanted.
        path: the file to make or replace.

    Raises:
        PgiInputError: it cannot be written.
    """
    names = [field.name for field in fields(kind)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        values = [getattr(row, name) for name in names]
        writer.writerow(["" if v != v else f"{v:.6g}" if isinstance(v, float) else v for v in values])
    atomic_write(path, text.getvalue().encode())
