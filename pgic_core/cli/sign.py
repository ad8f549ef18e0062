"""``pgic sign``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .command_base import PgicCommand, option
from .file_facts_output import pgi_sources
from .file_options import run_options
from .frame_numbers import edited_frames
from .key_options import key_options
from .running import do_each

if TYPE_CHECKING:
    from ..security.keyring import KeyLike
    from .batch import Progress
    from .file_options import RunOptions

__all__ = ["sign"]


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic sign photo.pgi --key drone.pem --cert drone-chain.pem",
        "pgic sign flight --key office.pem",
        "pgic sign photo.pgi --key office.pem --original DJI_0042.JPG",
        "pgic sign site.pgi --frame -1 --key office.pem",
    ),
)
@click.argument("inputs", nargs=-1, required=True, metavar="FILE...")
@option(
    "--key",
    required=True,
    metavar="PEM",
    help="Private key that signs: Ed25519, P-256, ML-DSA-65 or SM2, without a passphrase.",
)
@option("--cert", metavar="PEM", help="Certificates of the key, its own first.")
@option("--original", metavar="FILE", help="Sign the SHA-256 of the camera's file, too.")
@option(
    "--renew",
    is_flag=True,
    help="Supersede signatures that do not hold any more, because something was edited, and no others.",
)
@edited_frames
@key_options(advanced=False, name="--unlock")
@run_options
def sign(
    inputs: tuple[str, ...],
    key: str,
    cert: str | None,
    original: str | None,
    renew: bool,
    frames: int | slice | None,
    keys: list[KeyLike],
    running: RunOptions,
) -> None:
    """Sign .pgi files in place.

    A signature covers the picture and all metadata, encrypted or not. It survives encrypting, decrypting and
    parity (not in sequences: sign those last); changed metadata breaks it. A file that is signed gets one
    more signature, beside those it has. 'pgic verify --trust' says what signatures prove.

    The frames of a sequence are signed one by one, each with its place. The signature of a frame also signs
    how all frames before are stored. So signing the last frame alone (--frame -1) signs the whole sequence,
    and keeps the signatures that are there. What changes a frame, parity and encryption too, breaks the
    signatures of later ones.

    FILE is a .pgi file, a pattern, or a folder with all folders below it.
    """
    from ..api import sign as sign_file
    from ..security.signatures import SigningKey

    signer = SigningKey(key, cert)
    sources = pgi_sources(inputs)
    if original is not None and len(sources) != 1:
        raise click.UsageError("--original is the camera's file of one photo; name one FILE.")

    def work(name: str, progress: Progress) -> str:
        done = sign_file(
            name, signer, original=original, frames=frames, renew=renew, keys=keys, progress=progress
        )
        if not done:
            return f"{name}: no signature has to be renewed"
        return f"{name}: signed by key {signer.key_id.hex()} ({signer.algorithm})"

    do_each([source.name for source in sources], work, running)
