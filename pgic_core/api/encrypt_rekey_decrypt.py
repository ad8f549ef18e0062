"""Encrypted files: opening them with keys, and making them of plain ones and back (A-6.5.3a, b)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..audit import audited
from ..audit.logged_facts import path_of
from ..errors import PgiKeyError, PgiOptionError
from ..security.reader_unlocking import tier_of
from ..security.recipients import recipients_of
from .edit_rules import Signatures, warn_of
from .file_editing import edit_file
from .frame_choice import frame_names

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from ..container import PgiReader
    from ..container.byte_source import SourceLike
    from ..limits import Limits
    from ..options import Progress
    from ..security.keyring import KeysLike
    from ..security.recipients import RecipientsLike
    from ..security.tier_keys import TierLike
    from .edit_rules import FrameToEdit

__all__ = [
    "RecipientInfo",
    "SecurityInfo",
    "add_recipients",
    "decrypt",
    "encrypt",
    "rekey",
    "security_info",
]


@dataclass(frozen=True, slots=True)
class RecipientInfo:
    """Somebody who may open a file.

    Attributes:
        kind: "x25519", "mlkem768-x25519", "sm2" or "passphrase".
        tier: what it opens: "metadata", "preview", "regions" or "full".
        key_id: in hex; empty for a passphrase.
    """

    kind: str
    tier: str
    key_id: str


@dataclass(frozen=True, slots=True)
class SecurityInfo:
    """What an encrypted file says of its encryption without a key.

    Attributes:
        algorithm: "AES-256-GCM" or "SM4-GCM".
        key_id: of the content, in hex; the same as long as the file is not encrypted anew.
        recipients: who may open it.
        tier: what the keys that were given open; None if nothing.
    """

    algorithm: str
    key_id: str
    recipients: tuple[RecipientInfo, ...]
    tier: str | None

    def to_dict(self) -> dict[str, object]:
        """The same as JSON holds it."""
        recipients = [
            {"kind": each.kind, "tier": each.tier, "key_id": each.key_id} for each in self.recipients
        ]
        return {
            "algorithm": self.algorithm,
            "key_id": self.key_id,
            "tier": self.tier,
            "recipients": recipients,
        }


def security_info(reader: PgiReader) -> SecurityInfo | None:
    """What a file says of its encryption; None of a plain one.

    Raises:
        PgiFormatError: it breaks a rule of FORMAT.md, section 9.
    """
    if not reader.header.image.encrypted:
        return None
    from ..security.envelope_opening import find_envelope

    envelope = find_envelope(reader)
    assert envelope is not None
    tier = tier_of(reader)
    return SecurityInfo(
        algorithm=envelope.binding.suite.algorithm,
        key_id=envelope.key_id.hex(),
        recipients=tuple(
            RecipientInfo(stanza.kind, stanza.tier.label, stanza.key_id.hex()) for stanza in envelope.stanzas
        ),
        tier=None if tier is None else tier.label,
    )


def encrypt(
    source: SourceLike,
    target: str | os.PathLike[str],
    recipients: RecipientsLike,
    *,
    tier: TierLike = "full",
    pad: bool = False,
    replace: bool = True,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> None:
    """Encrypt a ``.pgi`` file; the picture is not coded again.

    Of a sequence, all frames are encrypted that are not yet, one by one. Change frames have the tiers
    "metadata" and "full" alone.

    Args:
        source: a plain file: a path, bytes, or a binary file object.
        target: the file to make or replace, in one step; it may be the source.
        recipients: who may open it: public keys, paths of ``.pub`` files, :class:`~pgic_core.Passphrase`, or
            pairs of one of these and a tier.
        tier: of those that come without one: "metadata", "preview", "regions" or "full".
        pad: hide exact sizes, for up to 12 % more bytes.
        replace: whether a target that is there may be replaced.
        limits: what the source may ask for.
        progress: called with the share of the frames of a sequence that are done, 0 to 1.

    Warns:
        PgiWarning: frames of a sequence are signed. The signatures also sign how the frames before are
            stored, and no longer hold. Or some frames stay as they are.

    Raises:
        PgiOptionError: a recipient is none, or the picture does not have a tier; or the source is encrypted.
        PgiUnsupportedError: the extra "security" is missing, or the file has blocks that are unknown here.
        PgiFormatError: the source is damaged.
        PgiInputError: a file cannot be read or written.
    """
    from ..security.encrypted_file_writing import encrypted

    chosen = recipients_of(recipients, tier)
    change = _Some(lambda reader: encrypted(reader, chosen, pad=pad), encrypted=False)
    with audited("edit", file=path_of(source), what="encrypt"):
        edit_file(
            source,
            change,
            target=target,
            signatures=Signatures.MOVED,
            locked=True,
            replace=replace,
            limits=limits,
            progress=progress,
        )
        change.require_any(
            "The file is encrypted already. Add recipients to it (--add, add_recipients), or encrypt it "
            "anew (--rekey, rekey)."
        )
        change.warn_of_others("encrypted before, for whom it was then; '--rekey' encrypts all frames anew")


def rekey(
    source: SourceLike,
    target: str | os.PathLike[str],
    recipients: RecipientsLike,
    *,
    keys: KeysLike | None = None,
    tier: TierLike = "full",
    pad: bool = False,
    replace: bool = True,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> None:
    """Encrypt an encrypted file anew, with new keys throughout; nothing plain reaches the disk.

    Who could open the old file can no longer open this one, unless named again. What they kept stays with
    them.

    Args:
        source: an encrypted file.
        target: as of :func:`encrypt`.
        recipients: all of the new file's; likewise.
        keys: that open the source in full, as of :func:`~pgic_core.open_file`.
        tier, pad, replace, limits, progress: as of :func:`encrypt`, which says what it warns of.

    Raises:
        PgiKeyError: the keys do not open the source in full.
        PgiError: otherwise as :func:`encrypt`.
    """
    from ..security.encrypted_file_writing import encrypted

    chosen = recipients_of(recipients, tier)
    change = _Some(lambda reader: encrypted(reader, chosen, pad=pad), encrypted=True)
    with audited("edit", file=path_of(source), what="rekey"):
        edit_file(
            source,
            change,
            target=target,
            signatures=Signatures.MOVED,
            keys=keys,
            replace=replace,
            limits=limits,
            progress=progress,
        )
        change.require_any("The file is not encrypted.")
        change.warn_of_others("not encrypted, and stay open to everybody; 'pgic encrypt' encrypts them")


def add_recipients(
    path: str | os.PathLike[str],
    recipients: RecipientsLike,
    *,
    keys: KeysLike | None = None,
    tier: TierLike = "full",
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> None:
    """Let more people open an encrypted file; all but its security block is copied.

    Args:
        path: the file, which is replaced in one step.
        recipients: those to add, as of :func:`encrypt`.
        keys: that open the tiers to give away.
        tier, progress: as of :func:`encrypt`.
        limits: what the file may ask for.

    Raises:
        PgiOptionError: one can open the file already, or would get more than the keys open; or signatures of
            frames of a sequence would break, since they also sign how the frames before are stored.
        PgiError: otherwise as :func:`rekey`.
    """
    from ..security.encrypted_file_writing import add_recipients as added

    chosen = recipients_of(recipients, tier)
    change = _Some(lambda reader: added(reader, chosen), encrypted=True)
    with audited("edit", file=path_of(path), what="recipients"):
        edit_file(
            path,
            change,
            signatures=Signatures.KEPT,
            keys=keys,
            limits=limits,
            progress=progress,
        )
        change.require_any("The file is not encrypted.")
        change.warn_of_others("not encrypted, and stay open to everybody; 'pgic encrypt' encrypts them")


def decrypt(
    source: SourceLike,
    target: str | os.PathLike[str],
    *,
    keys: KeysLike | None = None,
    replace: bool = True,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> None:
    """Make a plain file of an encrypted one; the picture is not coded again.

    Args:
        source: an encrypted file: a path, bytes, or a binary file object.
        target: as of :func:`encrypt`.
        keys: that open it in full, as of :func:`~pgic_core.open_file`.
        replace, limits, progress: as of :func:`encrypt`, which says what it warns of.

    Raises:
        PgiKeyError: the keys do not open the file in full.
        PgiAuthenticationError: the file was changed after it was encrypted.
        PgiOptionError: it is not encrypted.
        PgiError: otherwise as :func:`encrypt`.
    """
    from ..security.encrypted_file_writing import decrypted

    change = _Some(lambda reader: decrypted(reader), encrypted=True)
    with audited("edit", file=path_of(source), what="decrypt"):
        edit_file(
            source,
            change,
            target=target,
            signatures=Signatures.MOVED,
            keys=keys,
            replace=replace,
            limits=limits,
            progress=progress,
        )
        change.require_any("The file is not encrypted.")


class _Some:
    """Edits a picture or the frames of a sequence that are encrypted, or those that are not.

    Frames before the first that was appended for recipients are plain, and all from there on encrypted.

    Args:
        change: gives the new file of a picture or frame.
        encrypted: which to edit; encrypted ones are opened.
    """

    def __init__(
        self, change: Callable[[PgiReader], Iterator[bytes | memoryview]], *, encrypted: bool
    ) -> None:
        self._change = change
        self._encrypted = encrypted
        self._any = False
        self._others: list[int] = []

    def __call__(self, frame: FrameToEdit) -> Iterator[bytes | memoryview] | None:
        """As a :data:`Change`."""
        if frame.reader.header.image.encrypted is not self._encrypted:
            self._others.append(frame.number)
            return None
        self._any = True
        return self._change(_open(frame) if self._encrypted else frame.reader)

    def require_any(self, error: str) -> None:
        """Raise PgiOptionError if there was nothing to edit, so that nothing was written."""
        if not self._any:
            raise PgiOptionError(error)

    def warn_of_others(self, text: str) -> None:
        """Say what is with the frames that stay as they are, if there are any."""
        if self._others:
            names = frame_names(self._others)
            warn_of(f"{names[0].upper()}{names[1:]}: {text}.")


def _open(frame: FrameToEdit) -> PgiReader:
    """The reader of an encrypted picture or frame that was opened with a key.

    Raises:
        PgiKeyError: no key opens it.
    """
    reader = frame.reader
    if reader.sealed is None:
        _ = reader.payload_length  # says why
        raise PgiKeyError("The file is encrypted.")
    return reader
