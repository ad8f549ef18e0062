"""Roles: a signed file says which tier of a file each person is to get (A-6.5.3b).

A policy is JSON, with public keys as key files have them::

    {
      "roles": {"inspector": "preview", "analyst": "full"},
      "people": [{"name": "Anna", "role": "analyst", "key": "pgic-public x25519 6e0a... ..."}]
    }

Beside it lies its signature, ``NAME.sig``. The policy chooses what is wrapped for whom when a file is
encrypted. Nothing of it is enforced when a file is opened: there, keys decide.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ..container import atomic_write
from ..data_files import parse_json, read_bytes
from ..errors import PgiAuthenticationError, PgiError, PgiInputError
from .keys import PublicKey, parse_keys
from .recipients import Recipient, recipients_of
from .tiers import Tier

__all__ = ["Person", "read_policy", "recipients_by_policy", "sign_policy", "signature_path"]

_LABEL = b"pgic policy\0"
_MOST_BYTES = 1 << 20


class Person:
    """Somebody in a policy.

    Args:
        name: as the policy has it.
        role: one of its roles.
        recipient: the key, and the tier of the role.
    """

    __slots__ = ("name", "recipient", "role")

    def __init__(self, name: str, role: str, recipient: Recipient) -> None:
        self.name = name
        self.role = role
        self.recipient = recipient


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
    _people(parse_json(data, os.fspath(path)), os.fspath(path))
    signer = Signer(os.fspath(key))
    members = {"key_id": signer.key_id, "signature": signer.sign(_LABEL + data)}
    atomic_write(signature_path(path), json.dumps(members).encode() + b"\n")
    return signer.key_id


def read_policy(path: str | os.PathLike[str], trust: str | os.PathLike[str]) -> list[Person]:
    """The people of a signed policy.

    Args:
        path: of the policy; its signature lies beside it.
        trust: path of the Ed25519 public key, in PEM, of who may sign policies.

    Raises:
        PgiAuthenticationError: it is not signed with that key, or was changed since.
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
    return _people(parse_json(data, name), name)


def recipients_by_policy(path: str | os.PathLike[str], trust: str | os.PathLike[str]) -> list[Recipient]:
    """The recipients that a signed policy names; see :func:`read_policy`.

    Each gets the tier of the role, or where a picture does not have that tier the next below it.
    """
    return [person.recipient for person in read_policy(path, trust)]


def _people(policy: Any, name: str) -> list[Person]:
    wrong = PgiInputError(
        f"{name} is no policy: it needs 'roles' with tiers, and 'people' with name, role and key."
    )
    if not isinstance(policy, Mapping) or set(policy) != {"roles", "people"}:
        raise wrong
    roles, people = policy["roles"], policy["people"]
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
