"""``pgic timestamp``."""

from __future__ import annotations

from pathlib import Path

import click

from ..container import atomic_write
from ..data_files import MOST_JSON
from ..errors import PgiInputError
from ..terminal import show
from .base import PgicCommand, option

__all__ = ["timestamp"]


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
def timestamp(file: str, request: str | None, response: str | None) -> None:
    """Get a time stamp (RFC 3161) on the newest signature of a .pgi file.

    An authority confirms when a signature was there. pgic sends nothing: carry the request to the authority
    yourself, and its response back. With curl that is
    curl -H 'Content-Type: application/timestamp-query' --data-binary @photo.tsq URL -o photo.tsr

    Encrypted files need no key for it.
    """
    from ..api import add_timestamp, timestamp_request

    if (request is None) == (response is None):
        raise click.UsageError("Say --request or --response.")
    if request is not None:
        atomic_write(request, [timestamp_request(file)])
        show(f"{request}: for the authority")
    if response is not None:
        try:
            with Path(response).open("rb") as source:
                data = source.read(MOST_JSON)
        except OSError as error:
            raise PgiInputError(
                error.errno, f"The response cannot be read: {error.strerror}", response
            ) from error
        add_timestamp(file, data)
        show(f"{file}: time stamp added")
