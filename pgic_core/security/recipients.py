"""For whom a file is encrypted (FORMAT.md, section 9.5)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import PgiOptionError
from .cipher_suites import INTERNATIONAL, find_suite
from .keys import Passphrase, PublicKey, SecretKey, read_public_key
from .security_block import PASSPHRASE, Stanza
from .tier_keys import Tier, tier_named

if TYPE_CHECKING:
    from typing import TypeAlias

    from .tier_keys import Binding, TierKey, TierLike

    RecipientLike: TypeAlias = (
        "Recipient | PublicKey | Passphrase | str | os.PathLike[str] "
        "| tuple[PublicKey | Passphrase | str | os.PathLike[str], TierLike]"
    )
    RecipientsLike: TypeAlias = "RecipientLike | Iterable[RecipientLike]"

__all__ = ["MEMORY_KIB", "Recipient", "recipients_of", "suite_of", "wrap"]

MEMORY_KIB, _PASSES, _LANES = 65_536, 3, 4
_SALT = 16


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who may open a file.

    Attributes:
        key: a public key or a passphrase.
        tier: what it opens.
        fitting: take the next tier below where a picture does not have this one, rather than refuse it.
    """

    key: PublicKey | Passphrase
    tier: Tier = Tier.FULL
    fitting: bool = False


def recipients_of(given: RecipientsLike, tier: TierLike = Tier.FULL) -> list[Recipient]:
    """Recipients as a caller names them.

    Args:
        given: one or several public keys, passphrases, paths of ``.pub`` files, :class:`Recipient`, or pairs
            of one of these and a tier.
        tier: of those that come without one.

    Raises:
        PgiOptionError: there is none, one is none of these, or a key is named twice.
        PgiInputError: a file cannot be read.
    """
    one = isinstance(given, (str, os.PathLike, PublicKey, SecretKey, Passphrase, Recipient)) or (
        isinstance(given, tuple)
        and len(given) == 2
        and given[1] in [each.label for each in Tier] + list(Tier)
    )
    items = [given] if one or not isinstance(given, Iterable) else list(given)
    found = [_recipient(item, tier_named(tier)) for item in items]
    if not found:
        raise PgiOptionError("Say for whom the file is to be encrypted.")
    ids = [each.key.key_id for each in found if isinstance(each.key, PublicKey)]
    if len(set(ids)) != len(ids):
        raise PgiOptionError("One key is named twice among the recipients.")
    return found


def _recipient(item: object, tier: Tier) -> Recipient:
    if isinstance(item, Recipient):
        return item
    if isinstance(item, tuple) and len(item) == 2:
        return _recipient(item[0], tier_named(item[1]))
    if isinstance(item, (str, os.PathLike)):
        return Recipient(read_public_key(item), tier)
    if isinstance(item, (PublicKey, Passphrase)):
        return Recipient(item, tier)
    if isinstance(item, SecretKey):
        raise PgiOptionError("Encrypting takes the public key of a recipient, not the secret one.")
    raise PgiOptionError(f"A recipient is a PublicKey, a Passphrase or a path, not {type(item).__name__}.")


def suite_of(recipients: Iterable[Recipient]) -> int:
    """The number of the suite that these recipients belong to.

    Raises:
        PgiOptionError: they belong to two: a file is as strong as the weakest way in.
    """
    numbers = {
        each.key.scheme.suite if isinstance(each.key, PublicKey) else INTERNATIONAL for each in recipients
    }
    if len(numbers) > 1:
        raise PgiOptionError("Keys of SM2 and other keys or passphrases cannot open one file.")
    return numbers.pop()


def wrap(recipient: Recipient, key: TierKey, binding: Binding) -> Stanza:
    """Wrap the key of a recipient's tier.

    Args:
        recipient: whom for.
        key: of that tier or one above.
        binding: of the file.

    Raises:
        PgiOptionError: the key is of a lower tier, or the recipient's suite is another.
    """
    if key.tier < recipient.tier:
        raise PgiOptionError(f"Who opens the tier {key.tier.label} cannot give away {recipient.tier.label}.")
    if suite_of([recipient]) != binding.suite.number:
        raise PgiOptionError("Keys of SM2 and other keys or passphrases cannot open one file.")
    plain = key.lower(recipient.tier, binding).key
    if isinstance(recipient.key, PublicKey):
        public = recipient.key
        stanza = Stanza(public.kind, recipient.tier, public.key_id, b"")
        data = public.scheme.wrap(public.data, plain, stanza.wrap_info(binding))
        return Stanza(public.kind, recipient.tier, public.key_id, data)
    salt = secrets.token_bytes(_SALT)
    stanza = Stanza(PASSPHRASE, recipient.tier, b"", b"", salt, MEMORY_KIB, _PASSES, _LANES)
    outer = recipient.key.derive(salt, MEMORY_KIB, _PASSES, _LANES)
    data = find_suite(INTERNATIONAL).seal(outer, 0, plain, stanza.wrap_info(binding))
    return Stanza(PASSPHRASE, recipient.tier, b"", data, salt, MEMORY_KIB, _PASSES, _LANES)
