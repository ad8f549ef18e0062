"""The figures as CSV, and as Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
import io
from dataclasses import astuple, fields
from typing import TYPE_CHECKING, Any

from ...container import atomic_write
from .picture_ranking import picture_ranking, ranking_rows
from .point_task import EvalPoint
from .requirement_table import USUAL_QUALITY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .summary_figures import Figures

__all__ = ["write_rows", "write_tables"]


def write_tables(folder: Path, figures: Figures) -> None:
    """Write ``points`` and, where there are any, the others: each as .csv and .parquet.

    Floats stand in full, so that two runs can be compared to the last digit. A figure that is not there is
    empty in CSV and null in Parquet.

    Raises:
        PgiInputError: a file cannot be written.
    """
    names = tuple(field.name for field in fields(EvalPoint))
    _write(folder / "points", names, [astuple(point) for point in figures.points])
    for name, rows in _tables(figures):
        if rows:
            columns = tuple(rows[0])
            _write(folder / name, columns, [tuple(row[column] for column in columns) for row in rows])


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write mappings of the same keys as CSV, floats to six digits.

    Raises:
        PgiInputError: the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0] if rows else ())
    for row in rows:
        values = ("" if _missing(v) else f"{v:.6g}" if isinstance(v, float) else v for v in row.values())
        writer.writerow(values)
    atomic_write(path, text.getvalue().encode())


def _tables(figures: Figures) -> tuple[tuple[str, list[dict[str, Any]]], ...]:
    return (
        ("exact", figures.exact),
        ("ratio", figures.ratio),
        ("speed", figures.speed),
        ("recognition", figures.recognition),
        ("ranking", ranking_rows(picture_ranking(figures, USUAL_QUALITY))),
    )


def _write(path: Path, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([["" if _missing(v) else v for v in row] for row in rows])
    atomic_write(path.with_suffix(".csv"), text.getvalue().encode())
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return
    columns = {
        name: [None if _missing(row[index]) else row[index] for row in rows]
        for index, name in enumerate(names)
    }
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(columns), sink)
    atomic_write(path.with_suffix(".parquet"), sink.getvalue().to_pybytes())


def _missing(value: object) -> bool:
    return isinstance(value, float) and value != value
