"""``--sign`` and ``--cert`` of commands that write files."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click

from .command_base import option

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..security.signatures import SigningKey

__all__ = ["signing_options"]


def signing_options(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--sign`` and ``--cert``, which the command gets as its argument ``sign``: a key, or None.

    Args:
        what: is signed, for the help: "the file".
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def bundled(*, signing_key: str | None, cert: str | None, **others: Any) -> None:
            command(sign=_signer(signing_key, cert), **others)

        made: Callable[..., None] = bundled
        for each in (
            option(
                "--cert",
                metavar="PEM",
                group="Signature",
                advanced=True,
                help="Certificates of the key of --sign, its own first.",
            ),
            option(
                "--sign",
                "signing_key",
                metavar="PEM",
                group="Signature",
                help=f"Sign {what} with this private key ('pgic sign').",
            ),
        ):
            made = each(made)
        return made

    return decorate


def _signer(signing_key: str | None, cert: str | None) -> SigningKey | None:
    if signing_key is None:
        if cert is not None:
            raise click.UsageError("--cert says whose key --sign names; name one.")
        return None
    # Not imported for those who do not sign.
    from ..security.signatures import SigningKey

    return SigningKey(signing_key, cert)
