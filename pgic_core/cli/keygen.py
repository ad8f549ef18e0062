"""``pgic keygen``."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import PgiInputError
from ..terminal import show
from .command_base import PgicCommand, option

__all__ = ["keygen"]

# Spelled out, so that help needs no algorithms.
_OPENS = ("x25519", "mlkem768-x25519", "sm2")
# By the name of the algorithm, which is "sm2" again.
_SIGNS = {"ed25519": "ed25519", "ecdsa-p256": "ecdsa-p256", "ml-dsa-65": "ml-dsa-65", "sm2-sign": "sm2"}


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
    type=click.Choice((*_OPENS, *_SIGNS)),
    default=_OPENS[0],
    metavar="KIND",
    show_default=True,
    help="For encryption: x25519; mlkem768-x25519 for archives that must stay closed to quantum computers; "
    "sm2. For signatures: ed25519; ecdsa-p256; ml-dsa-65, which quantum computers do not forge; sm2-sign.",
)
def keygen(name: str, kind: str) -> None:
    """Make a pair of keys: NAME.key, which is secret, and NAME.pub, which you give away.

    Others encrypt files for you with NAME.pub; you open them with NAME.key, which only your user can read.
    Kinds for signatures make NAME.pem, which 'pgic sign' takes and which is secret, and NAME.pem.pub for
    those who verify. pgic sends nothing anywhere. Whoever loses the only key of a file loses the file.
    """
    path = Path(name)
    if not path.name:
        raise PgiInputError(f"{name} is not a valid name for a key.")
    if kind in _SIGNS:
        from ..security.signatures.new_key import make_signing_key

        secret, public = f"{name}.pem", f"{name}.pem.pub"
        key_id = make_signing_key(_SIGNS[kind], secret)
    else:
        from ..security.keys import generate_key, write_key_pair

        key = generate_key(kind)
        secret, public = map(str, write_key_pair(key, path.parent, path.name))
        key_id = key.key_id.hex()
    show(f"{secret}: secret, keep it")
    show(f"{public}: public, give it away; its key id is {key_id}")
