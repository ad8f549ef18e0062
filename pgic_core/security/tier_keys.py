"""Tiers of access, and their keys, which follow from each other (FORMAT.md, sections 9.1 and 9.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from ..errors import PgiOptionError

if TYPE_CHECKING:
    from typing import TypeAlias

    from .cipher_suites import Suite

__all__ = ["KEY_BYTES", "Binding", "Tier", "TierKey", "TierLike", "tier_named"]

KEY_BYTES = 32


class Tier(IntEnum):
    """What a key opens; each contains those below it."""

    METADATA = 1
    PREVIEW = 2
    REGIONS = 3
    FULL = 4

    @property
    def label(self) -> str:
        """The name that users type."""
        return self.name.lower()


if TYPE_CHECKING:
    TierLike: TypeAlias = Tier | str


def tier_named(tier: TierLike) -> Tier:
    """A tier by its name.

    Raises:
        PgiOptionError: there is none of this name.
    """
    if isinstance(tier, Tier):
        return tier
    names = [each.label for each in Tier]
    if tier not in names:
        raise PgiOptionError(f"tier must be one of {', '.join(names)}, not {tier!r}.")
    return Tier[tier.upper()]


@dataclass(frozen=True, slots=True)
class Binding:
    """What every key and message of a file is bound to.

    Attributes:
        suite: algorithms.
        version: of the file, when it was encrypted.
        file_id: 16 random bytes.
    """

    suite: Suite
    version: int
    file_id: bytes

    def labelled(self, label: str) -> bytes:
        """X(label) of FORMAT.md."""
        return (
            label.encode() + bytes([0, self.suite.number]) + self.version.to_bytes(2, "little") + self.file_id
        )


@dataclass(frozen=True, slots=True)
class TierKey:
    """The key of a tier; it never shows in messages.

    Attributes:
        tier: which.
        key: 32 bytes.
    """

    tier: Tier
    key: bytes = field(repr=False)

    def lower(self, tier: Tier, binding: Binding) -> TierKey:
        """The key of this tier or of one below it."""
        key = self.key
        for step in range(self.tier - 1, tier - 1, -1):
            key = binding.suite.expand(key, binding.labelled(f"pgi tier {Tier(step).label}"))
        return TierKey(tier, key)

    def commitment(self, binding: Binding) -> bytes:
        """32 bytes that stand for this key and all others of the file."""
        lowest = self.lower(Tier.METADATA, binding)
        return binding.suite.expand(lowest.key, binding.labelled("pgi commit"))

    def mac(self, data: bytes, binding: Binding) -> bytes:
        """MAC of the envelope's map."""
        lowest = self.lower(Tier.METADATA, binding)
        return binding.suite.mac(binding.suite.expand(lowest.key, binding.labelled("pgi mac")), data)

    def seal_key(self, salt: bytes, block_type: int, tier: Tier, binding: Binding) -> bytes:
        """Key of the messages of a seal that are of ``tier``, this one or one below."""
        info = binding.labelled("pgi seal") + block_type.to_bytes(2, "little") + bytes([tier])
        return binding.suite.derive(self.lower(tier, binding).key, salt, info)
