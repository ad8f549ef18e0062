"""Roles: a signed file says which tier of a file each person is to get (A-6.5.3b).

A policy is JSON, with public keys as key files have them::

    {
      "serial": 12, "until": "2027-12-31",
      "roles": {"inspector": "preview", "analyst": "full"},
      "people": [{"name": "Anna", "role": "analyst", "key": "pgic-public x25519 6e0a... ..."}]
    }

Beside it lies its signature, ``NAME.sig``. The policy chooses what is wrapped for whom when a file is
encrypted. Nothing of it is enforced when a file is opened: there, keys decide.

An older policy has an older signature, which holds as well. So each has a serial number, and who knows the
newest refuses those below it: ``PGIC_POLICY_SERIAL``, or an argument. After ``until`` (UTC) none counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ..container import atomic_write
from ..errors import PgiAuthenticationError, PgiError, PgiInputError, PgiOptionError
from ..small_files import parse_json, read_bytes
from .keys import PublicKey, parse_keys
from .recipients import Recipient, recipients_of
from .tier_keys import Tier

__all__ = [
    "SERIAL_VARIABLE",
    "Person",
    "Policy",
    "read_policy",
    "recipients_by_policy",
    "sign_policy",
    "signature_path",
]

SERIAL_VARIABLE = "PGIC_POLICY_SERIAL"
"""Environment variable: the newest serial number that is known."""

_LABEL = b"pgic policy\0"
_NAMES = {"serial", "until", "roles", "people"}
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a policy.

    Attributes:
        name: as the policy has it.
        role: one of its roles.
        recipient: the key, and the tier of the role.
    """

    name: str
    role: str
    recipient: Recipient


@dataclass(frozen=True, slots=True)
class Policy:
    """What a policy says.

    Attributes:
        serial: its number; a newer policy has a higher one.
        until: when it ends; None if it does not.
        people: who gets what.
    """

    serial: int
    until: datetime | None
    people: tuple[Person, ...]

    def check_age(self, name: str, least: int, now: datetime) -> None:
        """Check that it is not too old.

        Raises:
            PgiAuthenticationError: its serial number is below ``least``, or it has ended.
        """
        if self.serial < least:
            raise PgiAuthenticationError(
                f"{name} is an old policy: its serial number is {self.serial}, the newest known is {least}."
            )
        if self.until is not None and now > self.until:
            raise PgiAuthenticationError(
                f"{name} is an old policy: it ended at {self.until.isoformat(timespec='seconds')}."
            )


def signature_path(path: str | os.PathLike[str]) -> str:
    """Where the signature of a policy lies."""
    return f"{os.fspath(path)}.sig"


def sign_policy(path: str | os.PathLike[str], key: str | os.PathLike[str]) -> str:
    """Sign a policy after checking it; the signature replaces an older one.

    Args:
        path: of the policy.
        key: path of an Ed25519 private key in PEM.

    Returns:
        The id of the key, in hex.

    Raises:
        PgiInputError: the policy is none, or a file cannot be read or written.
        PgiUnsupportedError: the extra "security" is missing.
    """
    from ..ed25519_keys import Signer

    data = read_bytes(path, "policy", _MOST_BYTES)
    _policy(parse_json(data, os.fspath(path)), os.fspath(path))
    signer = Signer(os.fspath(key))
    members = {"key_id": signer.key_id, "signature": signer.sign(_LABEL + data)}
    atomic_write(signature_path(path), json.dumps(members).encode() + b"\n")
    return signer.key_id


def read_policy(
    path: str | os.PathLike[str], trust: str | os.PathLike[str], *, least_serial: int | None = None
) -> Policy:
    """A signed policy.

    Args:
        path: of the policy; its signature lies beside it.
        trust: path of the Ed25519 public key, in PEM, of who may sign policies.
        least_serial: the newest serial number that is known; ``PGIC_POLICY_SERIAL``, or 0, if not given.

    Raises:
        PgiAuthenticationError: it is not signed with that key, was changed since, or is too old.
        PgiOptionError: ``PGIC_POLICY_SERIAL`` is no number.
        PgiInputError: it is no policy, or a file cannot be read.
        PgiUnsupportedError: the extra "security" is missing.
    """
    from ..ed25519_keys import is_signature_of, load_public_key

    name, data = os.fspath(path), read_bytes(path, "policy", _MOST_BYTES)
    key = load_public_key(os.fspath(trust))
    members = parse_json(read_bytes(signature_path(path), "signature", _MOST_BYTES), signature_path(path))
    signature = members.get("signature") if isinstance(members, Mapping) else None
    if not isinstance(signature, str) or not is_signature_of(key, signature, _LABEL + data):
        raise PgiAuthenticationError(
            f"{name} is not signed with the key {os.fspath(trust)}, or was changed since."
        )
    policy = _policy(parse_json(data, name), name)
    least = _serial_of_environment() if least_serial is None else least_serial
    policy.check_age(name, least, datetime.now(UTC))
    return policy


def recipients_by_policy(
    path: str | os.PathLike[str], trust: str | os.PathLike[str], *, least_serial: int | None = None
) -> list[Recipient]:
    """The recipients that a signed policy names; see :func:`read_policy`.

    Each gets the tier of the role, or where a picture does not have that tier the next below it.
    """
    policy = read_policy(path, trust, least_serial=least_serial)
    return [person.recipient for person in policy.people]


def _serial_of_environment() -> int:
    text = os.environ.get(SERIAL_VARIABLE, "") or "0"
    if not text.isascii() or not text.isdigit():
        raise PgiOptionError(f"{SERIAL_VARIABLE} must be a whole number, not {text!r}.")
    return int(text)


def _policy(content: Any, name: str) -> Policy:
    if not isinstance(content, Mapping) or not {"serial", "roles", "people"} <= set(content) <= _NAMES:
        raise PgiInputError(
            f"{name} is not a policy: it needs 'serial', 'roles' with tiers and 'people' with name, role and "
            "key, and may have 'until'."
        )
    serial = content["serial"]
    if isinstance(serial, bool) or not isinstance(serial, int) or serial < 0:
        raise PgiInputError(f"{name}: 'serial' must be a whole number, higher in each newer policy.")
    people = _people(content["roles"], content["people"], name)
    return Policy(serial, _end(content.get("until"), name), tuple(people))


def _end(until: object, name: str) -> datetime | None:
    if until is None:
        return None
    try:
        if not isinstance(until, str):
            raise ValueError
        moment = datetime.fromisoformat(until)
    except ValueError:
        raise PgiInputError(
            f"{name}: 'until' must be a date such as 2027-12-31, or a time in ISO 8601."
        ) from None
    if len(until) == len("2027-12-31"):  # a day counts to its end
        moment += timedelta(days=1)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _people(roles: Any, people: Any, name: str) -> list[Person]:
    wrong = PgiInputError(
        f"{name} is not a policy: 'roles' name tiers, and 'people' have name, role and key."
    )
    tiers = {tier.label: tier for tier in Tier}
    if not isinstance(roles, Mapping) or not isinstance(people, list) or not people:
        raise wrong
    if not all(isinstance(tier, str) and tier in tiers for tier in roles.values()):
        raise wrong
    found = []
    for entry in people:
        if not isinstance(entry, Mapping) or set(entry) != {"name", "role", "key"}:
            raise wrong
        if not all(isinstance(value, str) for value in entry.values()) or entry["role"] not in roles:
            raise wrong
        keys = parse_keys(entry["key"], f"{name}: the key of {entry['name']}")
        if len(keys) != 1 or not isinstance(keys[0], PublicKey):
            raise PgiInputError(f"{name}: {entry['name']} needs one public key.")
        tier = tiers[roles[entry["role"]]]
        found.append(Person(entry["name"], entry["role"], Recipient(keys[0], tier, fitting=True)))
    try:
        recipients_of([person.recipient for person in found])
    except PgiError as error:
        raise PgiInputError(f"{name}: {error}") from error
    return found
