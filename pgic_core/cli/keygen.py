"""``pgic keygen``."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import PgiInputError
from ..terminal import show
from .base import PgicCommand, option

__all__ = ["keygen"]

# Spelled out, so that help needs no algorithms.
_KINDS = ("x25519", "mlkem768-x25519", "sm2", "ed25519")
_SIGNS = "ed25519"


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic keygen anna",
        "pgic keygen --kind mlkem768-x25519 archive",
        "pgic keygen --kind ed25519 drone      makes drone.pem, for pgic sign",
    ),
)
@click.argument("name", metavar="NAME")
@option(
    "--kind",
    type=click.Choice(_KINDS),
    default=_KINDS[0],
    metavar="KIND",
    show_default=True,
    help="x25519; mlkem768-x25519 for archives that must stay closed to quantum computers; sm2; or "
    "ed25519, which signs.",
)
def keygen(name: str, kind: str) -> None:
    """Make a pair of keys: NAME.key, which is secret, and NAME.pub, which you give away.

    Others encrypt files for you with NAME.pub; you open them with NAME.key, which only your user can read.
    A key of the kind ed25519 is for 'pgic sign': NAME.pem is secret, NAME.pem.pub is for those who verify.
    Nothing is asked or sent anywhere. Whoever loses the only key of a file loses the file.
    """
    from ..security.keys import generate_key, write_key_pair

    path = Path(name)
    if not path.name:
        raise PgiInputError(f"{name} is no name for a key.")
    if kind == _SIGNS:
        from ..ed25519_keys import make_key

        make_key(f"{name}.pem")
        show(f"{name}.pem: secret, keep it")
        show(f"{name}.pem.pub: public, give it away")
        return
    secret, public = write_key_pair(generate_key(kind), path.parent, path.name)
    show(f"{secret}: secret, keep it")
    show(f"{public}: public, give it away")
