"""Checking a log: which lines were edited, dropped, put in another order, or cut (AUDIT.md)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from ..errors import PgiInputError
from .log_appending import files_of
from .log_line import MOST_BYTES, NO_HASH, Line, parse_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from .checkpoint import Head

__all__ = ["Report", "read_lines", "verify"]


@dataclass(slots=True)
class Report:
    """What :func:`verify` found.

    Attributes:
        lines: sound lines.
        faults: one sentence for each fault; none if the log is whole as far as that shows.
        notes: sentences on what is no fault, such as a writer that was interrupted.
        first: number of the first line.
        last: number of the last line, -1 if there is none.
        checkpoints: how many hold.
        signed_until: number of the last line that a checkpoint or head vouches for; -1 if none does.
    """

    lines: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    first: int = 0
    last: int = -1
    checkpoints: int = 0
    signed_until: int = -1


@dataclass(frozen=True, slots=True)
class _Place:
    """A line in a file."""

    file: str
    number: int
    raw: bytes
    ended: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"


def read_lines(path: str) -> Iterator[Line]:
    """The lines of a log and of its older files that can be read, oldest first.

    Raises:
        PgiInputError: it is not there, or cannot be read.
    """
    for place in _places(path):
        line = parse_line(place.raw)
        if line is not None:
            yield line


def verify(path: str, *, key: Ed25519PublicKey | None = None, head: Head | None = None) -> Report:
    """Check a log and its older files.

    A log proves its order and content only back from something that a forger cannot make anew: a checkpoint
    whose signature is checked, or a head that was kept elsewhere. Lines after the last of these may have
    been cut off without a trace.

    Args:
        path: of the log.
        key: that checkpoints and ``head`` are signed with; without it no signature is checked.
        head: the newest that was kept elsewhere.

    Raises:
        PgiInputError: the log is not there, or cannot be read.
    """
    report = Report()
    checker = _Checker(report, key)
    for place in _places(path):
        checker.take(place)
    checker.finish(head)
    return report


class _Checker:
    """Goes through the lines once; of each it keeps its number and hash."""

    def __init__(self, report: Report, key: Ed25519PublicKey | None) -> None:
        self._report = report
        self._key = key
        self._log = ""
        self._hashes: dict[int, str] = {}
        self._prevs: dict[int, tuple[str, str]] = {}
        self._edited: set[int] = set()
        self._highest = -1
        self._pending: list[_Place] = []

    def take(self, place: _Place) -> None:
        line = parse_line(place.raw)
        if line is None or not line.sound or not place.ended:
            self._pending.append(place)
            return
        self._settle_pending(line)
        self._take_sound(place, line)

    def finish(self, head: Head | None) -> None:
        self._settle_pending(None)
        self._check_gaps()
        self._check_chain()
        if head is not None:
            self._check_head(head)
        report = self._report
        report.last = self._highest
        if self._hashes:
            report.first = min(self._hashes)
        if report.first > 0 and self._hashes:
            report.notes.append(f"The log starts with entry {report.first:,}; older files are not here.")
        if self._key is None and report.checkpoints:
            report.notes.append("Signatures of checkpoints are not checked without the public key.")
        if head is None:
            report.notes.append(
                "Without a head that was kept elsewhere, entries cut off at the end do not show."
            )

    def _take_sound(self, place: _Place, line: Line) -> None:
        report = self._report
        if line.event == "start":
            log = line.text("log")
            if self._log and log != self._log:
                report.faults.append(f"{place}: another log starts here.")
            self._log = self._log or log
        if line.seq in self._hashes:
            if self._hashes[line.seq] == line.hash:
                report.faults.append(f"{place}: entry {line.seq:,} is there twice.")
            else:
                report.faults.append(f"{place}: there is another entry {line.seq:,}.")
            return
        if line.seq < self._highest:
            report.faults.append(
                f"{place}: entry {line.seq:,} stands after entry {self._highest:,}; the order was changed."
            )
        report.lines += 1
        self._highest = max(self._highest, line.seq)
        self._hashes[line.seq] = line.hash
        self._prevs[line.seq] = line.prev, str(place)
        if line.event == "checkpoint":
            self._check_checkpoint(place, line)

    def _settle_pending(self, after: Line | None) -> None:
        """Lines that are not sound: an interrupted writer left them if the next line says so."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        torn = "" if after is None else after.text("torn")
        for start in range(len(pending)):
            rest = b"\n".join(place.raw for place in pending[start:])
            if torn and hashlib.sha256(rest).hexdigest() == torn:
                self._report.notes.append(
                    f"{pending[start]}: a writer was interrupted; nothing relied on its line."
                )
                pending = pending[:start]
                break
        for place in pending:
            line = parse_line(place.raw)
            if not place.ended:
                self._report.faults.append(
                    f"{place}: the last line is cut; a writer was interrupted, or someone cut it."
                )
            elif line is None:
                self._report.faults.append(f"{place}: the line was cut or edited; it is no line of a log.")
            else:
                self._report.faults.append(f"{place}: entry {line.seq:,} was edited.")
            if line is not None and place.ended:
                # The others are held against the hash that it had.
                self._edited.add(line.seq)
                self._hashes.setdefault(line.seq, line.hash)
                self._highest = max(self._highest, line.seq)

    def _check_gaps(self) -> None:
        numbers = sorted(self._hashes)
        for before, after in pairwise(numbers):
            if after == before + 2:
                self._report.faults.append(f"Entry {before + 1:,} is missing.")
            elif after > before + 2:
                self._report.faults.append(f"Entries {before + 1:,} to {after - 1:,} are missing.")

    def _check_chain(self) -> None:
        for seq, (prev, place) in self._prevs.items():
            before = NO_HASH if seq == 0 else self._hashes.get(seq - 1)
            if before is not None and before != prev:
                if seq == 0:
                    self._report.faults.append(f"{place}: entry 0 follows an entry that is not here.")
                elif seq - 1 not in self._edited:
                    self._report.faults.append(
                        f"{place}: entry {seq:,} does not follow entry {seq - 1:,}, which was replaced."
                    )

    def _check_checkpoint(self, place: _Place, line: Line) -> None:
        from ..ed25519_keys import key_id_of
        from .checkpoint import Head, is_signed_by

        head = Head(self._log, line.seq - 1, line.prev, line.text("key_id"), line.text("signature"))
        if self._key is None:
            self._report.checkpoints += 1
        elif head.key_id != key_id_of(self._key):
            self._report.notes.append(f"{place}: the checkpoint is signed with another key, {head.key_id}.")
        elif not is_signed_by(self._key, head):
            self._report.faults.append(f"{place}: the signature of the checkpoint does not hold.")
        else:
            self._report.checkpoints += 1
            self._report.signed_until = line.seq - 1

    def _check_head(self, head: Head) -> None:
        from .checkpoint import is_signed_by

        faults = self._report.faults
        if self._key is not None and not is_signed_by(self._key, head):
            faults.append("The signature of the head does not hold.")
        elif self._log and head.log != self._log:
            faults.append(f"The head is that of another log, {head.log}; this one was started anew.")
        elif head.seq > self._highest:
            faults.append(
                f"The log is cut off: it ends with entry {self._highest:,}; "
                f"the head names entry {head.seq:,}."
            )
        elif self._hashes.get(head.seq) != head.hash:
            faults.append(f"Entry {head.seq:,} is not the one that the head names; the log was made anew.")
        else:
            self._report.signed_until = max(self._report.signed_until, head.seq)


def _places(path: str) -> Iterator[_Place]:
    files = files_of(path)
    if not files:
        raise PgiInputError(f"There is no audit log {path}.")
    for name in files:
        try:
            with open(name, "rb") as file:
                number = 0
                while raw := file.readline(4 * MOST_BYTES):
                    number += 1
                    yield _Place(name, number, raw.removesuffix(b"\n"), raw.endswith(b"\n"))
        except OSError as error:
            raise PgiInputError(error.errno, f"The log cannot be read: {error.strerror}", name) from error
