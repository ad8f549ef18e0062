"""A Cauchy Reed-Solomon code over GF(2^16) that restores lost sectors (FORMAT.md, section 10)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    Symbols: TypeAlias = NDArray[np.uint16]
    Logs: TypeAlias = NDArray[np.int32]

__all__ = ["Code", "add_products", "parity_logs", "restore"]

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
