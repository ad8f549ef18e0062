"""Signing files (A-6.5.3b, c); :meth:`.PgiFile.verify` says what signatures prove."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from ..audit import audited
from ..audit.logged_facts import path_of
from ..container import PgiReader
from ..errors import PgiAuthenticationError, PgiInputError, PgiOptionError
from ..limits import Limits
from ..security.reader_unlocking import has_signatures
from .edit_rules import Signatures
from .file_editing import edit_file
from .frame_choice import chosen_frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..options import Progress
    from ..security.keyring import KeysLike
    from ..security.signatures import SigningKey
    from ..security.signatures.window_proof import ProvenWindow
    from .edit_rules import FrameToEdit
    from .frame_choice import FramesLike

__all__ = ["add_timestamp", "check_proof", "sign", "timestamp_request"]

_CHUNK = 1 << 20
_KEEP = (
    "Sign the last frame alone (--frame -1): that signs all frames before, too. Or renew signatures that do "
    "not hold any more (--renew)."
)
_RENEW_ALL = "Renew these, too."


def sign(
    path: str | os.PathLike[str],
    key: SigningKey,
    *,
    original: str | os.PathLike[str] | None = None,
    frames: FramesLike = None,
    renew: bool = False,
    keys: KeysLike | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> bool:
    """Sign a file in place; its picture and metadata are copied byte for byte.

    A file that is signed gets one more signature, which names those before it. The signature of a frame of a
    sequence also says where the frame stands, by its number and the bytes of all frames before.

    Args:
        path: the file.
        key: that signs.
        original: the camera's file, whose SHA-256 is signed too; of one picture or frame.
        frames: those of a sequence that are signed: a number, which counts from the end if it is negative,
            or a slice; None for all. The signature of the last frame covers all others too.
        renew: supersede signatures that no longer hold, and leave alone what is not signed or holds. All
            signed frames of a sequence behind the first that changes must be among ``frames``.
        keys: for an encrypted file, as of :class:`.PgiFile`; they must open it in full.
        limits: what the file may ask for.
        progress: called with the share of the frames that are done, 0 to 1.

    Returns:
        Whether anything was signed; with ``renew`` there may be nothing to sign.

    Raises:
        PgiOptionError: there are no such frames, or signatures of frames behind them would break.
        PgiKeyError: the file is encrypted, and the keys do not open it in full.
        PgiFormatError: it is damaged.
        PgiUnsupportedError: a later version wrote it.
        PgiLimitError: it has too many signatures.
        PgiInputError: a file cannot be read or written.
    """
    # Not imported for those who do not sign.
    from ..security.signatures.signature_making import signed

    digest = b"" if original is None else _digest_of(original)
    done: list[int] = []

    def change(frame: FrameToEdit) -> Iterator[bytes | memoryview] | None:
        if renew and not _is_stale(frame):
            return None
        if done and original is not None:
            raise PgiOptionError("The original is the camera's file of one picture; name one frame.")
        done[:] = [frame.number]
        reader = frame.reader
        if reader.header.image.encrypted and reader.sealed is None:
            _ = reader.payload_length  # says why
        return signed(reader, key, original=digest, frame=frame.place)

    with audited("edit", file=path_of(path), what="sign"):
        edit_file(
            path,
            change,
            signatures=Signatures.RENEWED if renew else Signatures.KEPT,
            advice=_RENEW_ALL if renew else _KEEP,
            frames=frames,
            keys=keys,
            limits=limits,
            progress=progress,
        )
    return bool(done)


def _is_stale(frame: FrameToEdit) -> bool:
    """Whether a picture or frame was signed, and a signature does not hold where it stands now."""
    # Not imported for those who do not renew.
    from ..security.signatures.signature_checking import check_signatures
    from ..security.signatures.signature_info import LOCKED, placed, require_trusted

    if not has_signatures(frame.reader):
        return False
    try:
        found = check_signatures(frame.reader)
        require_trusted(found if frame.place is None else placed(found, frame.place), trust=False)
    except PgiAuthenticationError:
        return True
    return any(each.state == LOCKED for each in found)  # whoever signs it says that it takes a key


def timestamp_request(
    path: str | os.PathLike[str], *, frame: int = -1, limits: Limits | None = None
) -> bytes:
    """The request (RFC 3161) to an authority for a time stamp on the newest signature of a file, DER.

    Args:
        path: the file; an encrypted one needs no key.
        frame: of a sequence, whose signature is meant. That of the last frame also signs all frames before.
        limits: what the file may ask for.

    Raises:
        PgiOptionError: the file is not signed.
        PgiError: as :func:`add_timestamp`.
    """
    from ..security.envelope_opening import records_of
    from ..security.signatures.signature_record import signatures_in
    from ..security.signatures.time_stamps import request_for

    with PgiReader(path, limits or Limits.from_environment()) as file:
        reader = _frame_of(file, frame)
        encrypted = reader.header.image.encrypted
        found = signatures_in(records_of(reader), reader.limits, encrypted=encrypted)
        if not found:
            raise PgiOptionError("The file is not signed; sign it first.")
        return request_for(found[-1])


def add_timestamp(
    path: str | os.PathLike[str], response: bytes, *, frame: int = -1, limits: Limits | None = None
) -> None:
    """Put the time stamp of an authority into a file, in place; all but the security block is copied.

    Args:
        path: the file; an encrypted one needs no key.
        response: what the authority answered to :func:`timestamp_request`, DER.
        frame: as there.
        limits: what the file may ask for.

    Raises:
        PgiOptionError: there is no such frame, or it would break the signatures of frames behind it.
        PgiInputError: the response is no time stamp on a signature of the file; or a file cannot be read or
            written.
        PgiFormatError: the file is damaged.
        PgiUnsupportedError: a later version wrote it, or the extra "security" is missing.
    """
    from ..security.signatures.signature_making import stamped

    with audited("edit", file=path_of(path), what="timestamp"):
        edit_file(
            path,
            lambda each: stamped(each.reader, response),
            signatures=Signatures.KEPT,
            frames=frame,
            locked=True,
            limits=limits,
        )


def _frame_of(reader: PgiReader, number: int) -> PgiReader:
    """The reader of a frame, which is the picture itself if the file is one."""
    if not reader.header.image.sequence:
        chosen_frames(1, number)
        return reader
    # Not imported for pictures.
    from ..container.sequence_reader import SequenceReader

    sequence = SequenceReader(reader)
    return sequence.open_frame(sequence.record(chosen_frames(len(sequence), number)[0]))


def check_proof(
    proof: bytes,
    *,
    trust: str | os.PathLike[str] | None = None,
    crls: Sequence[str | os.PathLike[str]] = (),
    limits: Limits | None = None,
) -> ProvenWindow:
    """Check a proof that :meth:`.PgiFile.prove` made.

    Args:
        proof: its bytes.
        trust: file of certificates or public keys in PEM; then one of their owners must have signed.
        crls: files with lists of revoked certificates, as of :meth:`.PgiFile.check_signatures`.
        limits: what the proof may ask for.

    Returns:
        The parts that were signed, and by which key; without ``trust`` that is not who signed.

    Raises:
        PgiAuthenticationError: it proves nothing, or not that somebody who is trusted signed.
        PgiFormatError: it is no proof.
        PgiInputError: ``trust`` or a list cannot be read.
        PgiUnsupportedError: the extra "security" is missing.
    """
    from ..security.cipher_suites import require_extra
    from ..security.signatures.signer_trust import Trust
    from ..security.signatures.window_proof import check_proof as check

    require_extra("To check signatures")
    roots = None if trust is None else Trust.from_pem(trust, crls)
    found = check(proof, roots, limits or Limits.from_environment())
    if roots is not None and not found.trusted:
        raise PgiAuthenticationError(
            f"The proof is signed by key {found.key_id}, not trusted: {found.reason}."
        )
    return found


def _digest_of(path: str | os.PathLike[str]) -> bytes:
    sha = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(_CHUNK):
                sha.update(piece)
    except OSError as error:
        raise PgiInputError(
            error.errno, f"The original cannot be read: {error.strerror}", os.fspath(path)
        ) from error
    return sha.digest()
