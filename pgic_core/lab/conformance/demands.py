"""The demands of both documents, read from ``requirements.toml`` beside this module."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from ...errors import PgiInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["STATES", "Demand", "Document", "State", "counted", "read_clauses", "read_demands"]

State: TypeAlias = Literal["met", "partly", "not"]
STATES: tuple[State, ...] = get_args(State)

Document: TypeAlias = Literal["A", "B"]
"""A: the draft of the image codec (电力设备巡检图像智能编解码技术导则); B: that of the feature maps."""


@dataclass(frozen=True, slots=True)
class Demand:
    """One demand of a document.

    Attributes:
        id: document and clause, such as ``A-6.1a``.
        says: the demand in one sentence.
        state: "met", "partly" or "not".
        code: what does it: paths, or ``path::name`` of something at the top of a module.
        tests: what would fail if it were not so: ``path::function``.
        bench: commands that measure it.
        open: what is not met or not measured; empty if the demand is met.
        departure: what is done otherwise than the clause says, and why; mostly empty.
    """

    id: str
    says: str
    state: State
    code: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    bench: tuple[str, ...] = ()
    open: str = ""
    departure: str = ""

    @property
    def document(self) -> Document:
        """The document that it stands in."""
        return "A" if self.id.startswith("A-") else "B"

    def __post_init__(self) -> None:
        for holds, rule in (
            (self.id[:2] in ("A-", "B-"), "its id begins with A- or B-"),
            (self.state in STATES, f"its state is one of {', '.join(STATES)}"),
            (self.says.endswith("."), "it says its demand in a sentence"),
            (self.state != "met" or (self.code and self.tests), "code and tests show what is met"),
            ((self.state == "met") == (not self.open), "what is not met says what is open, and only that"),
        ):
            if not holds:
                raise PgiInputError(f"Demand {self.id}: {rule}.")


def read_demands(text: str | None = None) -> list[Demand]:
    """All demands, in the order of the documents.

    Args:
        text: TOML to read instead of the file of the package.

    Raises:
        PgiInputError: an entry breaks the rules that stand at the top of the file.
    """
    demands = []
    for name, entry in _tables(text).items():
        if name == "clauses":
            continue
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
        }
        try:
            demands.append(Demand(name, **values))
        except TypeError as error:
            raise PgiInputError(f"Demand {name}: {error}.") from error
    return demands


def read_clauses() -> dict[str, str]:
    """Clauses that hold several demands, by number, and what they are about."""
    return dict(_tables(None)["clauses"])


def counted(demands: Sequence[Demand]) -> dict[State, int]:
    """How many demands are in each state."""
    counts = Counter(demand.state for demand in demands)
    return {state: counts[state] for state in STATES}


def _tables(text: str | None) -> dict[str, dict[str, Any]]:
    if text is None:
        text = (files(__package__) / "requirements.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
