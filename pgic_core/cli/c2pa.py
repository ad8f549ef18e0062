"""``pgic c2pa``: export, check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..terminal import show
from .command_base import PgicGroup, option
from .value_types import EXISTING_FILE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["c2pa"]

_SUFFIX = ".c2pa"


@click.group(cls=PgicGroup)
def c2pa() -> None:
    """Write and check C2PA manifests beside .pgi files.

    Programs that know C2PA (Content Credentials) but not pgic can read them. These commands need the extra
    'c2pa'.
    """


@c2pa.command(
    examples=(
        "pgic c2pa export a.pgi --key my.pem --cert chain.pem --original a.jpg",
        "pgic c2pa export a.pgi --key my.pem --cert chain.pem --captured",
    )
)
@click.argument("file", metavar="FILE", type=EXISTING_FILE)
@option("--key", required=True, metavar="PEM", help="Private key that signs: Ed25519 or P-256.")
@option(
    "--cert",
    required=True,
    metavar="PEM",
    help="Certificates of the key, its own first; C2PA asks for the extended key usage emailProtection.",
)
@option("--original", metavar="PHOTO", help="The photo that was coded; its hash goes into the manifest.")
@option("--captured", is_flag=True, help="Say that a camera took the picture, in place of --original.")
@option("-o", "--output", metavar="OUT.c2pa", help="The manifest. [default: FILE.c2pa]")
def export(file: Path, key: str, cert: str, original: str | None, captured: bool, output: str | None) -> None:
    """Write a C2PA manifest for FILE as it is stored.

    The manifest names pgic's own signatures in FILE. Any change of the stored bytes invalidates it:
    encrypting, protecting, editing, a time stamp. So export last. Nothing is sent anywhere, and no thumbnail
    is made.
    """
    from ..api.c2pa_sidecar import export_c2pa
    from ..security.signatures import SigningKey

    if captured == (original is not None):
        raise click.UsageError("Say where the picture comes from: --original PHOTO, or --captured.")
    target = output or f"{file}{_SUFFIX}"
    export_c2pa(file, target, SigningKey(key, cert), original=original)
    show(f"{target}: manifest for {file}")


@c2pa.command(examples=("pgic c2pa check photo.pgi --trust roots.pem",))
@click.argument("file", metavar="FILE", type=EXISTING_FILE)
@option("--manifest", metavar="IN.c2pa", help="The manifest. [default: FILE.c2pa]")
@option("--trust", metavar="PEM", help="Certificates of those who are trusted to vouch for signers.")
def check(file: Path, manifest: str | None, trust: str | None) -> None:
    """Check a C2PA manifest of FILE with C2PA's own reader."""
    from ..api.c2pa_sidecar import check_c2pa

    found = check_c2pa(file, manifest or f"{file}{_SUFFIX}", trust=trust)
    who = found.signer if found.trusted else "somebody who is not trusted"
    show(f"{file}: as the manifest was signed, by {who} ({found.algorithm})")
    show(f"  says: {', '.join(found.actions)}")
    for signature in found.signatures:
        show(f"  names the signature {signature}")
