"""``pgic audit``: show, verify, watch, checkpoint, key."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..terminal import json_items, say, show
from .command_base import PgicGroup, option
from .value_types import EXISTING_FILE, OUTPUT_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..audit.log_line import Line

__all__ = ["audit"]

_SHOWN = ("file", "picture", "level", "window", "what", "key_id", "tier", "bytes", "error", "reason")
_PAUSE_S = 1.0
# A file that is no log at all has as many faults as lines.
_FAULTS_NAMED = 20


@click.group(cls=PgicGroup)
def audit() -> None:
    """Show, check and watch the audit log.

    pgic writes a log where the environment variable PGIC_AUDIT names a file.
    """


@audit.command(
    "show", examples=("pgic audit show audit.log", "pgic audit show audit.log --event deny --user lin --json")
)
@click.argument("log", metavar="LOG", type=click.Path(path_type=Path))
@option("--event", metavar="NAME", help="Only events of this name: open, decode, encode, edit, key or deny.")
@option("--user", metavar="NAME", help="Only events of this user.")
@option("--file", "name", metavar="TEXT", help="Only events whose file or picture digest has this in it.")
@option(
    "--since", metavar="ISO", help="Only events from this time on, such as 2026-11-27 or 2026-11-27T08:00Z."
)
@option("--failed", is_flag=True, help="Only what failed or was denied.")
@option("--json", "as_json", is_flag=True, help="A JSON list of whole lines.")
def show_(
    log: Path,
    event: str | None,
    user: str | None,
    name: str | None,
    since: str | None,
    failed: bool,
    as_json: bool,
) -> None:
    """Show the events of a log and of its older files."""
    from ..audit.chain_check import read_lines

    def wanted(line: Line) -> bool:
        return (
            (event is None or line.event == event)
            and (user is None or line.text("user") == user)
            and (name is None or name in line.text("file") or name in line.text("picture"))
            and (since is None or line.text("time") >= since)
            and (not failed or line.event == "deny" or "error" in line.facts)
        )

    lines = filter(wanted, read_lines(str(log)))
    if as_json:
        with json_items() as item:
            for line in lines:
                item(dict(line.facts))
        return
    for line in lines:
        facts = (f"{key}={line.facts[key]}" for key in _SHOWN if key in line.facts)
        show(str(line.seq), line.text("time"), line.text("user"), line.event, " ".join(facts))


@audit.command(
    examples=(
        "pgic audit verify audit.log",
        "pgic audit verify audit.log --key audit.key.pub --head head.json",
    )
)
@click.argument("log", metavar="LOG", type=click.Path(path_type=Path))
@option("--key", type=EXISTING_FILE, metavar="FILE.pub", help="Public key of the checkpoints.")
@option("--head", type=EXISTING_FILE, metavar="HEAD.json", help="The newest head that was kept elsewhere.")
def verify(log: Path, key: Path | None, head: Path | None) -> None:
    """Check that no entry was edited, removed, moved or cut.

    Entries count from 0, as 'pgic audit show' counts them. FILE:LINE in front of a fault counts the lines of
    that file from 1, as editors do.

    Whoever can write to the log can rewrite it, back to the last signed checkpoint. Lines that were cut off
    at its end show only against a head that was kept elsewhere.
    """
    from ..audit.chain_check import verify as check
    from ..audit.checkpoint import read_head
    from ..ed25519_keys import load_public_key

    report = check(
        str(log),
        key=None if key is None else load_public_key(str(key)),
        head=None if head is None else read_head(str(head)),
    )
    for note in report.notes:
        say(f"pgic: {note}")
    for fault in report.faults[:_FAULTS_NAMED]:
        say(f"pgic: {fault}")
    if len(report.faults) > _FAULTS_NAMED:
        say(f"pgic: {log}: {len(report.faults) - _FAULTS_NAMED:,} more faults")
    if report.faults:
        sys.exit(1)
    signed = f", signed up to entry {report.signed_until:,}" if report.signed_until >= 0 else ""
    show(f"{log}: entries {report.first:,} to {report.last:,} are whole{signed}")


@audit.command(examples=("pgic audit watch audit.log", "pgic audit watch audit.log --follow --hours 7-19"))
@click.argument("log", metavar="LOG", type=click.Path(path_type=Path))
@option("--follow", is_flag=True, help="Keep watching as the log grows, until interrupted.")
@option(
    "--failures",
    type=click.IntRange(min=1),
    default=5,
    metavar="N",
    help="Failures in a minute. [default: 5]",
)
@option(
    "--hours",
    default="6-22",
    metavar="FROM-TO",
    help="The usual day, by this machine's clock. [default: 6-22]",
)
@option(
    "--exports",
    type=click.IntRange(min=1),
    default=200,
    metavar="N",
    help="Pictures that one user decodes in ten minutes. [default: 200]",
)
def watch(log: Path, follow: bool, failures: int, hours: str, exports: int) -> None:
    """Report failures, unusual hours and mass exports.

    It reports bursts of failed or denied events of one user, work outside the usual day, and many pictures
    decoded in full size in a short time.

    The exit status is 1 if there was any.
    """
    from ..audit.unusual_events import Rules
    from ..audit.unusual_events import watch as find

    first, last = _hours(hours)
    rules = Rules(failures=failures, first_hour=first, last_hour=last, exports=exports)
    found = False
    for finding in find(_growing(str(log), follow), rules):
        found = True
        show(finding.time, finding.kind, f"line {finding.seq}", finding.text)
    if found:
        sys.exit(1)


@audit.command(
    examples=("pgic audit checkpoint audit.log --key audit.key --head /mnt/head.json",),
)
@click.argument("log", metavar="LOG", type=click.Path(path_type=Path))
@option(
    "--key", required=True, type=EXISTING_FILE, metavar="FILE", help="Private key, made by 'pgic audit key'."
)
@option(
    "--head", type=OUTPUT_FILE, metavar="HEAD.json", help="Write the head to this file, to keep it elsewhere."
)
def checkpoint(log: Path, key: Path, head: Path | None) -> None:
    """Sign the end of a log."""
    from ..audit.recording import checkpoint as sign

    made = sign(str(log), str(key), None if head is None else str(head))
    show(f"{log}: signed up to entry {made.seq:,} with key {made.key_id}")


@audit.command(examples=("pgic audit key audit.key",))
@click.argument("name", metavar="NAME", type=OUTPUT_FILE)
def key(name: Path) -> None:
    """Make a key for checkpoints.

    NAME is for those who sign, NAME.pub for those who check.
    """
    from ..ed25519_keys import make_key

    made = make_key(str(name))
    show(f"{name} and {name}.pub: key {made}")


def _growing(path: str, follow: bool) -> Iterator[Line]:
    """The lines of a log, and those that are added later."""
    from ..audit.chain_check import read_lines

    last = -1
    while True:
        for line in read_lines(path):
            if line.seq > last:
                last = line.seq
                yield line
        if not follow:
            return
        time.sleep(_PAUSE_S)


def _hours(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and int(first) < int(last) <= 24):
        raise click.UsageError(f"--hours must look like 6-22, not {text!r}.")
    return int(first), int(last)
