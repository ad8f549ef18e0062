"""Options that name keys: ``--key`` opens files, ``--to`` says for whom they are encrypted."""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from ..errors import PgiInputError
from ..security.keyring import Keyring
from ..security.keys import Passphrase, read_public_key
from ..security.recipients import Recipient
from ..security.tier_keys import Tier, tier_named
from ..small_files import MOST_KEY, read_bytes
from .command_base import option

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..security.keyring import KeyLike

__all__ = ["TIER", "key_options", "recipient_options"]

_GROUP = "Encryption"
_PASSPHRASE = "passphrase"
TIER = click.Choice([tier.label for tier in Tier])


def key_options(
    *, advanced: bool, name: str = "--key"
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--key``, which the command gets as its argument ``keys``: what :func:`pgic_core.open_file` takes.

    Args:
        advanced: whether only ``--help-all`` shows it.
        name: of the option, where ``--key`` is another key: ``--unlock``.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def bundled(*, opening_keys: tuple[str, ...], **others: Any) -> None:
            keys = [_key(text) for text in opening_keys]
            Keyring(keys)  # a file that is no key ends the command before any work
            command(keys=keys, **others)

        return option(
            name,
            "opening_keys",
            multiple=True,
            metavar="FILE",
            group=_GROUP,
            advanced=advanced,
            help="Key of an encrypted file: a .key file, 'passphrase' to be asked for one, or "
            "passphrase:FILE; may be repeated. [default: the files that PGIC_KEYS names]",
        )(bundled)

    return decorate


def recipient_options(command: Callable[..., None]) -> Callable[..., None]:
    """``--to``, ``--tier`` and ``--policy``, which the command gets as ``recipients``, a list or None."""

    @functools.wraps(command)
    def bundled(
        *,
        to: tuple[str, ...],
        tier: str | None,
        policy: str | None,
        trust: str | None,
        policy_serial: int | None,
        **others: Any,
    ) -> None:
        command(recipients=_recipients(to, tier, policy, trust, policy_serial), **others)

    made: Callable[..., None] = bundled
    for decorate in (
        option(
            "--policy-serial",
            type=click.IntRange(min=0),
            metavar="N",
            group=_GROUP,
            advanced=True,
            help="Refuse a policy whose serial number is below N. [default: PGIC_POLICY_SERIAL]",
        ),
        option(
            "--trust",
            metavar="PEM",
            group=_GROUP,
            advanced=True,
            help="Ed25519 public key of the person who signs policies.",
        ),
        option(
            "--policy",
            metavar="FILE",
            group=_GROUP,
            advanced=True,
            help="Encrypt for the people of a signed policy, each for the tier of the role ('pgic policy').",
        ),
        option(
            "--tier",
            type=TIER,
            metavar="TIER",
            group=_GROUP,
            help="What they may see: metadata, preview, regions or full, each with those before it. "
            "[default: full]",
        ),
        option(
            "--to",
            multiple=True,
            metavar="[TIER:]FILE.pub",
            group=_GROUP,
            help="Encrypt for the owner of this key, for 'passphrase' or passphrase:FILE; may be repeated.",
        ),
    ):
        made = decorate(made)
    return made


def _recipients(
    to: tuple[str, ...], tier: str | None, policy: str | None, trust: str | None, policy_serial: int | None
) -> list[Recipient] | None:
    """Those whom the options name; None for nobody.

    Raises:
        click.UsageError: the options do not go together.
    """
    if tier is not None and not to:
        raise click.UsageError("--tier says what the owners of the keys of --to may see; name one.")
    if (policy is None) != (trust is None):
        raise click.UsageError("--policy and --trust belong together: a policy has to be signed.")
    if policy_serial is not None and policy is None:
        raise click.UsageError("--policy-serial says how old the file of --policy may be; name one.")
    found = [_recipient(text, tier_named(tier or Tier.FULL)) for text in to]
    if policy is not None and trust is not None:
        from ..security.policy import recipients_by_policy

        found += recipients_by_policy(policy, trust, least_serial=policy_serial)
    return found or None


def _key(text: str) -> KeyLike:
    return _passphrase(text, repeat=False) or text


def _recipient(text: str, tier: Tier) -> Recipient:
    head, colon, rest = text.partition(":")
    if colon and head in TIER.choices:
        tier, text = tier_named(head), rest
    elif colon and head != _PASSPHRASE and os.path.exists(rest) and not os.path.exists(text):
        raise click.UsageError(f"--to {text}: {head} is no tier; there are {', '.join(TIER.choices)}.")
    return Recipient(_passphrase(text, repeat=True) or read_public_key(text), tier)


def _passphrase(text: str, *, repeat: bool) -> Passphrase | None:
    """What ``passphrase`` and ``passphrase:FILE`` stand for; None for anything else."""
    head, colon, path = text.partition(":")
    if head != _PASSPHRASE:
        return None
    if colon:
        return Passphrase(_first_line(path))
    if not sys.stdin.isatty():
        raise PgiInputError("A passphrase is asked for on a terminal only; passphrase:FILE reads one.")
    return Passphrase(click.prompt("Passphrase", hide_input=True, confirmation_prompt=repeat, err=True))


def _first_line(path: str) -> str:
    try:
        return read_bytes(path, "passphrase", MOST_KEY).decode().partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError:
        raise PgiInputError(f"{path} is not text.") from None
