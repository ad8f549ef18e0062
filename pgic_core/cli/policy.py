"""``pgic policy``: sign, show."""

from __future__ import annotations

import click

from ..terminal import show as show_line
from .base import PgicGroup, option
from .value_types import EXISTING_FILE

__all__ = ["policy"]


@click.group(cls=PgicGroup)
def policy() -> None:
    """Sign or show a policy: who gets which tier of encrypted files."""


@policy.command(examples=("pgic policy sign roles.json --key office.pem",))
@click.argument("file", metavar="FILE", type=EXISTING_FILE)
@option("--key", required=True, metavar="PEM", help="Ed25519 private key of the person who signs policies.")
def sign(file: str, key: str) -> None:
    """Sign a policy.

    FILE is JSON with 'roles', which map names to tiers, and 'people', each with name, role and the line of
    a .pub file as key. The signature is written to FILE.sig.
    """
    from ..security.policy import sign_policy, signature_path

    show_line(f"{signature_path(file)}: signed with key {sign_policy(file, key)}")


@policy.command(examples=("pgic policy show roles.json --trust office.pub",))
@click.argument("file", metavar="FILE", type=EXISTING_FILE)
@option(
    "--trust",
    required=True,
    metavar="PEM",
    help="Ed25519 public key of the person who signs policies.",
)
def show(file: str, trust: str) -> None:
    """Check the signature of a policy, and list its people."""
    from ..security.policy import read_policy

    for person in read_policy(file, trust):
        tier, key = person.recipient.tier.label, person.recipient.key
        show_line(f"{person.name}: {person.role} ({tier}), key {getattr(key, 'key_id', b'').hex()}")
