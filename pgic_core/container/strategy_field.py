"""``pgic.strategy``: how a file's quantisation and rate were adapted to its picture (A-6.3.1d)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from ..errors import PgiFormatError

__all__ = ["DETAILS", "Strategy", "strategy_from_map"]

DETAILS = "details"
"""Where regions come from that nobody asked for: the encoder found details there that it would lose."""
_TARGETS = ("bytes", "psnr")
_MOST_OCTAVES = 4.0


@dataclass(frozen=True, slots=True)
class Strategy:
    """The adaptive compression strategy; what was not adapted is None.

    Attributes:
        roi: where regions kept in more detail come from: the name of a model, ``annotations``, ``boxes``,
            ``mask``, ``map`` or ``details``.
        steps: octaves by which quantisation steps are finer outside those regions and inside, -4 to 4.
        exact: where regions kept bit for bit come from, likewise.
        target: what the rate was chosen to meet: ``bytes`` and how many at most, or ``psnr`` and dB at least.
    """

    roi: str | None = None
    steps: tuple[float, float] | None = None
    exact: str | None = None
    target: tuple[str, float] | None = None

    def to_map(self) -> dict[str, object]:
        """The value of ``pgic.strategy``; empty where nothing was adapted."""
        values: dict[str, object] = {
            "roi": self.roi,
            "steps": None if self.steps is None else [_short(step) for step in self.steps],
            "exact": self.exact,
            "target": None if self.target is None else [self.target[0], _short(self.target[1])],
        }
        return {name: value for name, value in values.items() if value is not None}

    def sentences(self) -> list[str]:
        """The same for people."""
        told = []
        if self.roi is not None:
            told.append(
                "more detail where it would be lost" if self.roi == DETAILS else f"more detail by {self.roi}"
            )
        if self.steps is not None:
            told.append("steps finer by {:+g} octaves outside and {:+g} inside".format(*self.steps))
        if self.exact is not None:
            told.append(f"exact by {self.exact}")
        if self.target is not None:
            kind, value = self.target
            told.append(f"at most {value:,.0f} bytes" if kind == "bytes" else f"at least {value:g} dB")
        return told


def strategy_from_map(value: object) -> Strategy:
    """Read the value of ``pgic.strategy``; names that are not known here are passed over.

    Raises:
        PgiFormatError: it is no map, or a name of section 7 has another value.
    """
    if not isinstance(value, Mapping):
        raise PgiFormatError("pgic.strategy must be a map.")
    for name in ("roi", "exact"):
        if name in value and not (isinstance(value[name], str) and value[name]):
            raise PgiFormatError(f"pgic.strategy has a {name} that is no text, or empty.")
    steps, target = value.get("steps", (0, 0)), value.get("target", ("psnr", 1))
    if not _is_pair(steps) or not all(_is_number(step) and abs(step) <= _MOST_OCTAVES for step in steps):
        raise PgiFormatError("pgic.strategy has steps that are not two numbers from -4 to 4.")
    if not _is_pair(target) or target[0] not in _TARGETS or not _is_number(target[1]) or target[1] <= 0:
        raise PgiFormatError("pgic.strategy has a target that is not 'bytes' or 'psnr' and a number above 0.")
    return Strategy(
        value.get("roi"),
        (float(steps[0]), float(steps[1])) if "steps" in value else None,
        value.get("exact"),
        (str(target[0]), float(target[1])) if "target" in value else None,
    )


def _is_pair(value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _short(value: float) -> float:
    """An integer where it is one: shorter in CBOR."""
    return int(value) if float(value).is_integer() else float(value)
