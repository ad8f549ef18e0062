"""Memory of codecs side by side, on pictures as large as they come (A-6.1b, A-B.2f)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .printed_tables import new_table
from .speed import in_fresh_process, operations, workplace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from rich.table import Table

    from .peer_codecs import Codec

__all__ = ["MemoryRow", "measure_memory", "memory_table"]


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """One codec and operation.

    Attributes:
        codec: its name.
        operation: ``encode``, ``decode``, and for pgic ``preview`` and ``window`` (512 x 512, central; the
            others have to decode everything for it).
        quality: given to the codec.
        file_bytes: of the coded picture.
        seconds: from the start of the process to the result.
        peak: bytes of memory of the process, interpreter, libraries and, for encode, the picture included.
        per_pixel_byte: ``peak`` over the bytes of the RGB picture.
    """

    codec: str
    operation: str
    quality: int
    file_bytes: int
    seconds: float
    peak: int
    per_pixel_byte: float


def measure_memory(
    picture: NDArray[np.uint8],
    codecs: Sequence[Codec],
    *,
    qualities: dict[str, int] | None = None,
    threads: int | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> list[MemoryRow]:
    """Measure each operation once, in a process of its own.

    Args:
        picture: ``(H, W, 3)``.
        codecs: side by side.
        qualities: by codec name; the codec's usual one where not given.
        threads: processors that all of them may use; all there are if not given.
        on_step: called after each process.

    Raises:
        PgiError: a codec fails.
    """
    rows = []
    with workplace(picture, threads) as folder:
        for codec in codecs:
            quality = (qualities or {}).get(codec.name, codec.usual)
            for operation in operations(codec.name):
                figures = in_fresh_process(folder, codec.name, operation, quality, 0)
                file_bytes = (folder / codec.name).stat().st_size
                peak = figures["peak"]
                rows.append(
                    MemoryRow(
                        codec.name,
                        operation,
                        quality,
                        file_bytes,
                        figures["cold"],
                        peak,
                        peak / picture.nbytes,
                    )
                )
                on_step()
    return rows


def memory_table(rows: Sequence[MemoryRow]) -> Table:
    """For people."""
    table = new_table(
        "Peak memory, one process for each line",
        ["codec", "operation"],
        ["quality", "file MB", "seconds", "peak MB", "x RGB bytes"],
    )
    for row in rows:
        table.add_row(
            row.codec,
            row.operation,
            str(row.quality),
            f"{row.file_bytes / 1e6:.2f}",
            f"{row.seconds:.1f}",
            f"{row.peak / 1e6:.0f}",
            f"{row.per_pixel_byte:.2f}",
        )
    return table
