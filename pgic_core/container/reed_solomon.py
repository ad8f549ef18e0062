"""A Cauchy Reed-Solomon code over GF(2^16) that restores lost sectors (FORMAT.md, section 10)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..errors import PgiFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    Symbols: TypeAlias = NDArray[np.uint16]
    Logs: TypeAlias = NDArray[np.int32]
    Sectors: TypeAlias = Callable[[int], bytes | None]
    """Gives the sector with a number, or None if it is lost."""

__all__ = ["Code", "add_products", "parity_logs", "restore", "restored_sectors"]

_POLYNOMIAL = 0x1100B
_ORDER = 0xFFFF
_FIRST_PARITY = 0x8000
# The log of zero: added to any other it leads to the part of the table that is zero.
_LOG_ZERO = 2 * _ORDER
# Products made at a time: their indices should stay in the cache of a core.
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Code:
    """How sectors form groups, each with its own parity.

    Attributes:
        sectors: n, how many are protected.
        groups: G; sector i belongs to group i mod G.
        parity: m, parity sectors of each group, which restore as many lost ones.
    """

    sectors: int
    groups: int
    parity: int

    @property
    def depth(self) -> int:
        """Positions of a group, k."""
        return -(-self.sectors // self.groups)

    @property
    def parity_sectors(self) -> int:
        """Parity sectors of all groups."""
        return self.groups * self.parity


def parity_logs(parity: Sequence[int] | NDArray[np.int32], position: int) -> Logs:
    """Logarithms of what a sector is multiplied with.

    Args:
        parity: numbers j of parity sectors.
        position: p, of the sector in its group.

    Returns:
        One for each j.
    """
    rows = np.asarray(parity, np.int32) + _FIRST_PARITY
    logs: Logs = (_ORDER - _tables()[1][rows ^ position]) % _ORDER
    return logs


def add_products(sums: Symbols, factors: Logs, symbols: Symbols) -> None:
    """Add the products of each factor with all symbols to the sums.

    Args:
        sums: (m, w), changed in place.
        factors: (m,), logarithms.
        symbols: (w,).
    """
    exp, log = _tables()
    logs = log[symbols]
    step = max(_CHUNK // max(len(factors), 1), 1)
    for start in range(0, len(symbols), step):
        part = logs[None, start : start + step] + factors[:, None]
        sums[:, start : start + step] ^= exp[part]


def restore(lost: Sequence[int], parity: Sequence[int], sums: Symbols) -> Symbols:
    """Lost sectors of a group.

    Args:
        lost: their positions, all different.
        parity: numbers of as many parity sectors.
        sums: (e, w), these parity sectors plus the products of all sectors that are there.

    Returns:
        (e, w), the lost sectors.
    """
    log = _tables()[1]
    x = np.asarray(lost, np.int32)
    y = np.asarray(parity, np.int32) + _FIRST_PARITY

    def product(values: NDArray[np.int32], others: NDArray[np.int32]) -> NDArray[np.int64]:
        """Logarithms of the products of all differences, a difference of zero left out."""
        differences = values[:, None] ^ others[None]
        logs: NDArray[np.int64] = np.where(differences == 0, 0, log[differences]).sum(axis=1, dtype=np.int64)
        return logs

    # The inverse of a Cauchy matrix in closed form.
    inverse = (
        (product(y, x) - product(y, y))[None]
        + (product(x, y) - product(x, x))[:, None]
        - log[x[:, None] ^ y[None]]
    )
    inverse = (inverse % _ORDER).astype(np.int32)
    out = np.zeros_like(sums)
    for column, row in enumerate(sums):
        add_products(out, inverse[:, column], row)
    return out


def restored_sectors(
    code: Code, size: int, lost: Collection[int], data: Sectors, parity: Sectors
) -> dict[int, bytes]:
    """Lost sectors by number.

    Args:
        code: how they form groups.
        size: bytes of a sector, an even number.
        lost: numbers of those to restore.
        data: gives the sectors that are not lost.
        parity: gives the parity sectors, by row * groups + group.

    Raises:
        PgiFormatError: there is too little parity.
    """
    found: dict[int, bytes] = {}
    for group in sorted({number % code.groups for number in lost}):
        gone = [number for number in lost if number % code.groups == group]
        rows: list[int] = []
        sums = np.zeros((len(gone), size // 2), np.uint16)
        for row in range(code.parity):
            sector = parity(row * code.groups + group) if len(rows) < len(gone) else None
            if sector is not None:
                sums[len(rows)] = np.frombuffer(sector, "<u2")
                rows.append(row)
        if len(rows) < len(gone):
            raise PgiFormatError("Too much of the file is lost to restore it from its parity.")
        missing = set(gone)
        for position, number in enumerate(range(group, code.sectors, code.groups)):
            if number not in missing:
                sector = data(number)
                if sector is None:  # it changed while it was read
                    raise PgiFormatError("Too much of the file is lost to restore it from its parity.")
                symbols = np.frombuffer(sector, "<u2").astype(np.uint16, copy=False)
                add_products(sums, parity_logs(rows, position), symbols)
        sectors = restore([number // code.groups for number in gone], rows, sums)
        found |= {
            number: sector.astype("<u2").tobytes() for number, sector in zip(gone, sectors, strict=True)
        }
    return found


@lru_cache(maxsize=1)
def _tables() -> tuple[Symbols, Logs]:
    """Powers of x, and logarithms to that base."""
    exp = np.zeros(3 * _ORDER, np.uint16)
    log = np.empty(_ORDER + 1, np.int32)
    powers, value = [], 1
    for _ in range(_ORDER):
        powers.append(value)
        value <<= 1
        if value > _ORDER:
            value ^= _POLYNOMIAL
    exp[:_ORDER] = exp[_ORDER:_LOG_ZERO] = powers
    log[exp[:_ORDER]] = np.arange(_ORDER, dtype=np.int32)
    log[0] = _LOG_ZERO
    return exp, log
