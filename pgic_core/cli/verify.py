"""``pgic verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..options import FAST
from ..security.signatures.signature_info import HOLDS, LOCKED, SUPERSEDED
from ..terminal import say
from .batch import run_batch
from .command_base import PgicCommand, option
from .file_facts_output import pgi_sources
from .file_options import run_options
from .key_options import key_options
from .paths import STREAM, Source
from .pipe_inputs import stdin_stream
from .running import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..security.keyring import KeyLike
    from ..security.signatures import SignatureInfo
    from .batch import Progress
    from .file_options import RunOptions

__all__ = ["verify"]


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic verify photo.pgi",
        "pgic verify archive -j 4",
        "pgic verify archive --trust roots.pem --crl authority.crl",
    ),
)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@option(
    "--trust",
    metavar="PEM",
    help="Certificates or public keys of those who are trusted; one of them must have signed each file.",
)
@option(
    "--crl",
    multiple=True,
    metavar="FILE",
    advanced=True,
    help="List of revoked certificates, in PEM or DER, for those of --trust; may be repeated.",
)
@key_options(advanced=True)
@run_options
def verify(
    inputs: tuple[str, ...], running: RunOptions, keys: list[KeyLike], trust: str | None, crl: tuple[str, ...]
) -> None:
    """Check every byte of .pgi files, and their signatures.

    pgic checks CRC32 and SHA-256, and decodes the picture. It also names the renderer that draws the level
    fast here. Parts of an encrypted file that no key opens are checked by CRC32 and SHA-256 only.

    A changed file that was signed is an error. Without --trust nobody is trusted, and pgic names keys only.

    INPUT is a .pgi file, a pattern, a folder with all folders below it, or - for standard input.
    """
    from ..api import open_file

    if crl and trust is None:
        raise click.UsageError("--crl lists revoked certificates of those whom --trust names; name them.")
    sources = pgi_sources(inputs)
    run = Run.plan(len(sources), running)
    said: dict[str, list[str]] = {}

    def work(source: Source, progress: Progress) -> str:
        with open_file(stdin_stream() if source.name == STREAM else source.name, keys=keys) as file:
            signatures = file.verify(trust, crl, progress=progress)
            facts = file.info()
        kept = f", {facts.exact_share:.2%} of the picture kept bit for bit" if facts.exact_blocks else ""
        drawn = next((f", drawn by renderer {r.digest[:16]}" for r in facts.renderers if r.level == FAST), "")
        opened = ""
        if file.encrypted:
            what = "no key opens its content" if file.tier is None else f"keys open the tier {file.tier}"
            opened = f", encrypted, {what}"
        if facts.sequence is None:
            said[source.name] = [line for each in signatures for line in _said(each)]
        else:
            said[source.name] = _said_of_frames(signatures, facts.sequence.frames, trust=trust is not None)
        frames = ""
        if facts.sequence is not None:
            frames = f", all {facts.sequence.frames:,} frames"
            if facts.sequence.unfinished_bytes:
                frames += (
                    f", behind them {facts.sequence.unfinished_bytes:,} bytes of one that was not finished"
                )
        return f"{source.name}: sound{frames}{opened}{kept}{drawn}"

    told = (run.verbose or len(sources) == 1) and not run.quiet
    report = run_batch(
        sources,
        lambda source: source.name,
        work,
        jobs=run.jobs,
        verbose=told,
        show_progress=not run.quiet,
    )
    if told:
        for name, lines in said.items():
            for line in lines:
                say(f"{name}: {line}" if len(sources) > 1 else line)
    if len(sources) > 1 and not run.quiet:
        say(f"{len(sources) - len(report.failures)} of {len(sources)} files are sound")
    report.finish()


def _said_of_frames(found: Sequence[SignatureInfo], frames: int, *, trust: bool) -> list[str]:
    """What the signatures of all frames of a sequence prove together.

    Args:
        found: the signatures.
        frames: of the sequence.
        trust: whether only trusted ones prove something.
    """
    lines = []
    signers: dict[tuple[str, ...], list[SignatureInfo]] = {}
    for each in found:
        signers.setdefault((each.signer, each.algorithm, each.reason, each.state), []).append(each)
    for (signer, algorithm, reason, state), own in signers.items():
        # A signature names those that stand before it on its frame.
        count = len({each.id for each in own} - {name for each in own for name in each.previous})
        are = "is" if count == 1 else "are"
        lines.append(f"  {count:,} of {frames:,} frames {are} signed by {signer}, {algorithm}: {state}")
        if reason:
            lines.append(f"    not proven: who signed, since {reason}")
    counted = [each.frame for each in found if each.state == HOLDS and each.frame and each.trusted >= trust]
    placed = [place.number for place in counted if place.proves_before]
    earlier = [place.number for place in counted if not place.proves_before]
    if earlier and max(earlier) > max(placed, default=-1):
        lines.append(
            "    not proven: what frames without a signature of their own show and say, "
            f"since an earlier version signed frame {max(earlier)}"
        )
    if placed:
        last = max(placed)
        what = f"frames 0 to {last} are" if last else "frame 0 is"
        lines.append(f"    proven: {what} as the signer of frame {last} found them, in this order")
    if found:
        unplaced = "" if frames - 1 in placed + earlier else "that all frames are in their place; "
        lines.append(f"    not proven: {unplaced}that no frame followed; the time; what the pictures show")
    return lines


def _said(found: SignatureInfo) -> list[str]:
    """What a signature proves and what not, one thing a line."""
    from ..camera.timestamps import text_of_milliseconds

    when = text_of_milliseconds(found.time_ms)
    lines = [f"  signed by {found.signer}, {found.algorithm}, at {when} by the signer's clock"]
    if found.reason:
        lines.append(f"    not proven: who signed, since {found.reason}")
    if found.revocation_checked:
        by = "" if found.stamped_ms is None else " by the time of its stamp"
        lines.append(f"    proven: lists of their issuers name none of its certificates as revoked{by}")
    if found.revocation_checked is False:
        lines.append("    not proven: that its certificate was not revoked (--crl)")
    if found.state == SUPERSEDED:
        lines.append(f"    signed an earlier state; since changed: {', '.join(found.changed)}")
    if found.state == LOCKED:
        lines.append("    not proven: that the content is what was signed, since no key opens it")
    if found.state == HOLDS:
        parts = f", except {found.unchecked:,} parts that no key opens" if found.unchecked else ""
        lines.append(f"    proven: picture, metadata and extension are as this key signed them{parts}")
        if found.model:
            lines.append(f"    signed too: model {found.model}")
        if found.watermark:
            lines.append(f"    signed too: watermark {found.watermark}")
        if found.original:
            lines.append(f"    signed too: the camera's file had SHA-256 {found.original}")
    if found.stamped_ms is not None:
        at = text_of_milliseconds(found.stamped_ms)
        lines.append(f"    proven: it was signed by {at}, as a trusted authority states")
        lines.append("    not proven: what the picture shows")
    else:
        lines.append("    not proven: the time, which nobody trusted confirms; what the picture shows")
    return lines
