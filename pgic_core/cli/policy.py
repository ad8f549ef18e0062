"""``pgic policy``: sign, show."""

from __future__ import annotations

import click

from ..terminal import show as show_line
from .command_base import PgicGroup, option
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

    FILE is JSON with 'serial', a number that is higher in each newer policy; 'roles', which map names to
    tiers; 'people', each with name, role and the line of a .pub file as key; and perhaps 'until', the last
    day on which it counts. The signature is written to FILE.sig.
    """
    from ..security.policy import sign_policy, signature_path

    show_line(f"{signature_path(file)}: signed with key {sign_policy(file, key)}")


@policy.command(examples=("pgic policy show roles.json --trust office.pub",))
@click.argument("file", metavar="FILE", type=EXISTING_FILE)
@option("--trust", required=True, metavar="PEM", help="Ed25519 public key of the person who signs policies.")
@option(
    "--policy-serial",
    type=click.IntRange(min=0),
    metavar="N",
    help="Refuse a policy whose serial number is below N. [default: PGIC_POLICY_SERIAL]",
)
def show(file: str, trust: str, policy_serial: int | None) -> None:
    """Check the signature of a policy, and list its people."""
    from ..security.policy import read_policy

    found = read_policy(file, trust, least_serial=policy_serial)
    until = "" if found.until is None else f", until {found.until.isoformat(timespec='minutes')}"
    show_line(f"serial {found.serial}{until}")
    for person in found.people:
        tier, key = person.recipient.tier.label, person.recipient.key
        show_line(f"{person.name}: {person.role} ({tier}), key {getattr(key, 'key_id', b'').hex()}")
