"""What signatures of a file prove, and whether that is enough."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...errors import PgiAuthenticationError, PgiKeyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .signed_statement import FramePlace

__all__ = ["BROKEN", "HOLDS", "LOCKED", "SUPERSEDED", "SignatureInfo", "placed", "require_trusted"]

HOLDS, SUPERSEDED, BROKEN, LOCKED = "holds", "superseded", "broken", "locked"
_NAMED = 8


@dataclass(frozen=True, slots=True)
class SignatureInfo:
    """What a signature proves.

    Attributes:
        id: in hex.
        key_id: of the key that signed, in hex.
        algorithm: "ed25519", "ecdsa-p256", "ml-dsa-65" or "sm2".
        state: "holds" (what could be checked is as it was signed), "superseded" (it is not, but a later
            signature that holds names this one), "broken" (it is not), or "locked" (encrypted, and no key).
        trusted: whether given roots say whose key it is. Nothing else here may be relied on unless this is
            True and the state "holds".
        reason: why it is not trusted; empty if it is.
        subject: name in the certificate; empty without one.
        time_ms: UTC milliseconds by the signer's clock; a claim, which no third party confirms.
        stamped_ms: UTC milliseconds that a trusted authority states (RFC 3161); None without one. The
            signer's certificate is held against this time, not the present.
        changed: parts that were changed since, at most some.
        unchecked: number of parts that could not be checked for want of a key.
        model: digest of the model, in hex; None unless it was signed and checked, as for what follows.
        renderers: level and digest of each renderer that the signer had.
        original: SHA-256 of the camera's file, in hex.
        frame: where the picture was to stand in a sequence; ``verify`` of the sequence checks that it does.
            If its ``proves_before`` is False, an earlier version signed it, and it proves this frame alone.
        watermark: id of the watermark, in hex.
        previous: ids of the signatures before.
        revocation_checked: of one that is trusted by its certificate, whether lists say that none on the way
            to the root was revoked; else None.
    """

    id: str
    key_id: str
    algorithm: str
    state: str
    trusted: bool
    reason: str
    subject: str
    time_ms: int
    stamped_ms: int | None = None
    changed: tuple[str, ...] = ()
    unchecked: int = 0
    model: str | None = None
    renderers: tuple[tuple[str, str], ...] = ()
    original: str | None = None
    frame: FramePlace | None = None
    watermark: str | None = None
    previous: tuple[str, ...] = ()
    revocation_checked: bool | None = None

    @property
    def signer(self) -> str:
        """Who signed, in words that claim no more than is known."""
        if self.trusted:
            return f"{self.subject or 'a trusted key'} (key {self.key_id})"
        return f"key {self.key_id}, not trusted"

    def to_dict(self) -> dict[str, object]:
        """The same as JSON holds it."""
        found: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        for name in ("changed", "previous"):
            found[name] = list(getattr(self, name))
        found["renderers"] = [list(each) for each in self.renderers]
        found["frame"] = None if self.frame is None else [_plain(each) for each in self.frame.items()]
        return found


def placed(found: Sequence[SignatureInfo], place: FramePlace) -> tuple[SignatureInfo, ...]:
    """Signatures of a frame, of which those that state another place do not hold.

    Args:
        found: all of a frame.
        place: where it stands.

    Returns:
        The same, with such signatures as superseded.

    Raises:
        PgiAuthenticationError: one states another place, and no later one supersedes it.
    """
    known = list(found)
    named: set[str] = set()
    for at, each in reversed(list(enumerate(found))):
        if each.state == HOLDS and each.frame is not None and not each.frame.agrees(place):
            reason = _misplaced(each.frame, place)
            if each.id not in named:
                raise PgiAuthenticationError(f"Frame {place.number} {reason} ({each.signer}).")
            known[at] = replace(each, state=SUPERSEDED, changed=(f"the frame {reason}",), frame=None)
        named |= set(each.previous)
    return tuple(known)


def _misplaced(signed: FramePlace, place: FramePlace) -> str:
    if signed.number != place.number:
        return f"was signed as frame {signed.number}"
    if signed.before != place.before:
        return "was signed behind other frames than those that are there"
    if signed.duration != place.duration:
        return "was signed with another duration"
    if not signed.outer or signed.reference != place.reference:
        return "was signed as a change of another frame than the one that it changes now"
    return "was signed beside other metadata of the sequence"


def _plain(item: object) -> object:
    return item.hex() if isinstance(item, bytes) else item


def require_trusted(found: Sequence[SignatureInfo], *, trust: bool) -> None:
    """Raise unless signatures hold.

    Args:
        found: all of a file.
        trust: whether one must be there that is trusted.

    Raises:
        PgiAuthenticationError: the file was changed; or no trusted signature holds.
        PgiKeyError: that takes a key to tell.
    """
    for each in found:
        if each.state == BROKEN:
            raise PgiAuthenticationError(
                f"The file was changed after it was signed ({each.signer}): {_listed(each.changed)}."
            )
    if not trust:
        return
    if not found:
        raise PgiAuthenticationError("The file is not signed.")
    if any(each.trusted and each.state == HOLDS for each in found):
        return
    if any(each.trusted and each.state == LOCKED for each in found):
        raise PgiKeyError("The file is encrypted, and it takes a key to tell whether its signature holds.")
    last = found[-1]
    reason = last.reason or "what it signed was changed"
    raise PgiAuthenticationError(f"No trusted signature holds: signed by {last.signer}; {reason}.")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
