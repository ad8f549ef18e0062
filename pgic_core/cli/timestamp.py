"""``pgic timestamp``."""

from __future__ import annotations

import click

from ..container import atomic_write
from ..small_files import read_bytes
from ..terminal import show
from .command_base import PgicCommand, option
from .value_types import FRAME

__all__ = ["timestamp"]

_MOST_RESPONSE = 1 << 20  # with its chain of certificates it has a few KB


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic timestamp photo.pgi --request photo.tsq",
        "pgic timestamp photo.pgi --response photo.tsr",
    ),
)
@click.argument("file", metavar="FILE")
@option("--request", metavar="OUT.tsq", help="Write the request for the newest signature.")
@option("--response", metavar="IN.tsr", help="Put the response of the authority into the file.")
@option(
    "--frame",
    type=FRAME,
    default=-1,
    metavar="N",
    group="Sequences",
    help="Stamp the signature of this frame of a sequence. [default: -1, the last, which signs all before]",
)
def timestamp(file: str, request: str | None, response: str | None, frame: int) -> None:
    """Get a time stamp (RFC 3161) on the newest signature of a .pgi file.

    An authority confirms when a signature was there. pgic sends nothing: carry the request to the authority
    yourself, and its response back. With curl, send it by --data-binary and with the header
    'Content-Type: application/timestamp-query'.

    Encrypted files need no key for it.
    """
    from ..api import add_timestamp, timestamp_request

    if (request is None) == (response is None):
        raise click.UsageError("Say --request or --response.")
    if request is not None:
        atomic_write(request, [timestamp_request(file, frame=frame)])
        show(f"{request}: for the authority")
    if response is not None:
        add_timestamp(file, read_bytes(response, "response", _MOST_RESPONSE), frame=frame)
        show(f"{file}: time stamp added")
