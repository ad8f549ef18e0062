"""One line of the log: made, parsed and checked (AUDIT.md)."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import PgiInputError
from ..small_files import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MOST_BYTES", "NO_HASH", "Line", "made_line", "parse_line"]

MOST_BYTES = 32_768
NO_HASH = "0" * 64

_HASH = re.compile("[0-9a-f]{64}")
_END = b',"hash":'
_MOST_TEXT = 4_096
_MOST_FACTS = 24_000


@dataclass(frozen=True, slots=True)
class Line:
    """A line that can be read; whether it is sound is another matter.

    Attributes:
        seq: its number.
        prev: the hash of the line before, as it says.
        hash: its hash, as it says.
        sound: whether that is its hash indeed.
        facts: all members.
    """

    seq: int
    prev: str
    hash: str
    sound: bool
    facts: Mapping[str, object]

    @property
    def event(self) -> str:
        """What happened."""
        return str(self.facts.get("event", ""))

    def text(self, name: str) -> str:
        """A fact as text; empty if it is not there."""
        value = self.facts.get(name)
        return "" if value is None else str(value)


def made_line(seq: int, prev: str, members: Mapping[str, object]) -> tuple[bytes, str]:
    """A line with its LF, and its hash.

    Args:
        seq: its number.
        prev: hash of the line before.
        members: time, event, who, and facts; those that are None are left out, long texts are cut.
    """
    body = {"seq": seq, **{name: _bounded(value) for name, value in members.items() if value is not None}}
    text = _json(body)
    if len(text) > _MOST_FACTS:
        kept = ("seq", "time", "event", "user", "host", "pid", "file", "torn", "error")
        body = {name: body[name] for name in kept if name in body} | {"cut": len(text)}
        text = _json(body)
    start = f'{text[:-1]},"prev":"{prev}"'.encode()
    digest = hashlib.sha256(start).hexdigest()
    return start + _END + f'"{digest}"}}\n'.encode(), digest


def parse_line(raw: bytes) -> Line | None:
    """Read a line.

    Args:
        raw: without its LF.

    Returns:
        None if it is no line of a log at all.
    """
    if len(raw) > MOST_BYTES:
        return None
    try:
        facts = parse_json(raw, "")
    except PgiInputError:
        return None
    if not isinstance(facts, dict):
        return None
    seq, prev, digest = facts.get("seq"), facts.get("prev"), facts.get("hash")
    if type(seq) is not int or not 0 <= seq < 2**53:
        return None
    if not all(isinstance(each, str) and _HASH.fullmatch(each) for each in (prev, digest)):
        return None
    start, _, _ = raw.rpartition(_END)
    sound = hashlib.sha256(start).hexdigest() == digest and raw == start + _END + f'"{digest}"}}'.encode()
    return Line(seq, str(prev), str(digest), sound, facts)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _bounded(value: object) -> object:
    """The value as a line holds it."""
    if isinstance(value, str):
        text = value.encode("utf-8", "backslashreplace").decode()
        return text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT] + "..."
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if abs(value) < 1e300 else str(value)
    if isinstance(value, list | tuple):
        return [_bounded(item) for item in value[:64]]
    return _bounded(str(value))
