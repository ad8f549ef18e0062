"""An open ``.pgi`` file: parsed once, decoded on demand, its signatures and bytes checked."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ..audit import audited
from ..audit.logged_facts import facts_of, path_of
from ..closing_on_exit import Closing
from ..container import BlockType
from ..errors import (
    PgiAuthenticationError,
    PgiError,
    PgiFormatError,
    PgiKeyError,
    PgiOptionError,
    PgiUnsupportedError,
    of_frame,
)
from ..limits import Limits
from ..security.reader_unlocking import open_reader, verify_sealed
from ..security.signatures.signature_info import HOLDS, placed, require_trusted
from .file_info_reading import describe
from .pgi_file_frames import FramedFile

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from ..container import PgiReader
    from ..container.byte_source import SourceLike
    from ..container.sequence_records import Record
    from ..options import Progress, Window
    from ..security.keyring import KeysLike
    from ..security.signatures import SignatureInfo
    from .file_info import FileInfo

__all__ = ["PgiFile"]


class PgiFile(FramedFile, Closing):
    """An open ``.pgi`` file. A sequence decodes and describes as its first frame does; see :meth:`frame`.

    Opening reads header, directory and A.2 fields only. Everything else is read on demand, by several
    threads at once if need be. Use it as a context manager, or call :meth:`close`.

    Args:
        source: a path, bytes, or a binary file object. The object may be a stream that cannot seek. The file
            may be truncated, as long as the parts that are asked for are there.
        limits: what the file may ask for; by default those of the environment.
        keys: for an encrypted file, one or several :class:`~pgic_core.SecretKey`, paths of ``.key`` files or
            :class:`~pgic_core.Passphrase`. Beside these, files named by ``PGIC_KEYS`` and keys of plugins are
            tried, and nothing else. Without a key the file opens, and only what it says openly can be read.

    Raises:
        PgiFormatError: the bytes are no ``.pgi`` file, or header or directory are damaged.
        PgiUnsupportedError: a later version is needed.
        PgiLimitError: the file asks for more than the limits allow.
        PgiAuthenticationError: the file was changed after it was encrypted.
        PgiInputError: it, or a key file, cannot be read.
    """

    def __init__(
        self, source: SourceLike, *, limits: Limits | None = None, keys: KeysLike | None = None
    ) -> None:
        limits = limits or Limits.from_environment()
        with audited("open", file=path_of(source)) as event:
            reader = open_reader(source, limits, keys, sequences=True)
            try:
                if reader.header.image.sequence:
                    reader = self._first_frame(reader, limits, keys)
            except BaseException:
                reader.close()
                raise
            super().__init__(reader, limits)
            event.facts |= facts_of(self._reader)

    def _first_frame(self, reader: PgiReader, limits: Limits, keys: KeysLike | None) -> PgiReader:
        """The reader of a sequence's first frame."""
        # Not imported for pictures.
        from .frame_access import FrameAccess

        self._frames = FrameAccess(reader, limits, keys)
        return self._frames.open(self._frames.record(0))[0]

    def close(self) -> None:
        """Close what was opened here."""
        self.container.close()

    @property
    def signatures(self) -> tuple[SignatureInfo, ...]:
        """What the file's signatures prove, none of them trusted; see :meth:`check_signatures`."""
        return self.check_signatures()

    def check_signatures(
        self,
        trust: str | os.PathLike[str] | None = None,
        crls: Sequence[str | os.PathLike[str]] = (),
    ) -> tuple[SignatureInfo, ...]:
        """Check the signatures of the file against all of its content that is open.

        Args:
            trust: file of certificates or public keys in PEM, of those who are trusted. Without it nobody is.
            crls: files with lists of revoked certificates, in PEM or DER. Where any are given, each
                certificate below a root needs a current one; without, revocation is not checked.

        Returns:
            What each signature proves, in the order in which they were made, broken ones included.

        Raises:
            PgiAuthenticationError: one is forged, or one was taken out.
            PgiFormatError: one breaks a rule of the format, or the file is damaged.
            PgiInputError: ``trust`` or a list cannot be read.
            PgiOptionError: there are lists, and no ``trust``.
            PgiUnsupportedError: the extra "security" is missing.
        """
        if trust is None and crls:
            raise PgiOptionError("Lists of revoked certificates go with the certificates that are trusted.")
        if trust is None and self._reader.header.find(BlockType.SECURITY) is None:
            return ()
        # Not imported for files without signatures.
        from ..security.signatures.signature_checking import check_signatures
        from ..security.signatures.signer_trust import Trust

        return check_signatures(self._reader, None if trust is None else Trust.from_pem(trust, crls))

    def require_unchanged(self) -> None:
        """Raise if the file was changed after it was signed; whoever signed it.

        Raises:
            PgiAuthenticationError: it was.
            PgiError: otherwise as :meth:`check_signatures`.
        """
        require_trusted(self.check_signatures(), trust=False)

    def prove(self, window: Window) -> bytes:
        """Prove that a window was signed, for someone who does not get the rest of the file.

        Args:
            window: x, y, width, height in pixels of the stored picture; covered with whole tiles.

        Returns:
            The proof, which :func:`pgic_core.check_proof` checks. It holds these tiles in plain, and tells
            nothing of other parts.

        Raises:
            PgiAuthenticationError: no signature holds.
            PgiKeyError: the file is encrypted, and its keys do not open these tiles.
            PgiOptionError: the window touches no tile.
            PgiUnsupportedError: it is a change frame.
        """
        # Not imported for those who prove nothing.
        from ..security.signatures.window_proof import make_proof

        return make_proof(self._reader, window, self.check_signatures())

    def verify(
        self,
        trust: str | os.PathLike[str] | None = None,
        crls: Sequence[str | os.PathLike[str]] = (),
        *,
        progress: Progress | None = None,
    ) -> tuple[SignatureInfo, ...]:
        """Check every byte of the file, all that reading parses (A-6.3.2a), and signatures.

        That is: metadata, extension fields, every tile, feature maps where they can be decoded here, and the
        files of the model against its digest. Of an encrypted file, content that no key opens is checked by
        CRC32 and SHA-256 alone.

        Args:
            trust: as of :meth:`check_signatures`; then one of them must have signed the file as it is.
            crls: likewise.
            progress: called with the share of the frames that are done, 0 to 1.

        Returns:
            What each signature proves; of a sequence, those of all frames.

        Raises:
            PgiAuthenticationError: the file was changed after it was signed or encrypted, or nobody who is
                trusted signed it.
            PgiKeyError: the file is encrypted, and telling whether a trusted signature holds takes a key.
            PgiFormatError: something is damaged; the message says what.
            PgiUnsupportedError: the picture cannot be decoded here; PgiModelError if the model is not what
                its digest stands for.
        """
        if self._frames is not None:
            return self._verify_frames(trust, crls, progress)
        signatures = self._verify_picture(trust, crls)
        require_trusted(signatures, trust=trust is not None)
        return signatures

    def _verify_picture(
        self, trust: str | os.PathLike[str] | None, crls: Sequence[str | os.PathLike[str]]
    ) -> tuple[SignatureInfo, ...]:
        """As :meth:`verify`, whoever signed the picture or frame."""
        self._reader.verify_bytes()
        # Before anything is parsed, so that a change after signing is called just that.
        signatures = self.check_signatures(trust, crls)
        require_trusted(signatures, trust=False)
        if self.tier is not None or not self.encrypted:
            _ = self._reader.metadata
        self.info()
        if self.encrypted and not verify_sealed(self._reader):
            return signatures
        self._coded.verify()
        if "pgic.features" in self._reader.extension:
            self._verify_features()
        return signatures

    def _verify_frames(
        self,
        trust: str | os.PathLike[str] | None,
        crls: Sequence[str | os.PathLike[str]],
        progress: Progress | None,
    ) -> tuple[SignatureInfo, ...]:
        """Check all frames, the chain of their hashes, and that each stands where its signatures say.

        A trusted signature of a frame that states its whole place covers all frames before, too.
        """
        # Not imported for pictures.
        from ..container.sequence_blocks import check_outer, outer_hash
        from ..container.sequence_reader import NO_CHAIN
        from ..security.signatures.signed_statement import FramePlace

        assert self._frames is not None
        self.container.verify_bytes()
        _ = self.container.metadata, self.container.extension
        found: list[SignatureInfo] = []
        untrusted: PgiError | None = None
        since = 0  # the first frame that is not trusted
        before, sequence = NO_CHAIN, self._frames.sequence
        check_outer(sequence)
        outer = outer_hash(sequence)
        for number, frame in enumerate(self.frames()):
            record = sequence.record(number)
            try:
                signatures = frame._verify_picture(trust, crls)
            except (PgiFormatError, PgiUnsupportedError) as error:
                raise of_frame(error, number) from error
            reference = None if record.is_key else sequence.reference(record).number
            own = outer if number else NO_CHAIN
            signatures = placed(signatures, FramePlace(number, record.duration, before, reference, own))
            if trust is not None:
                earlier, untrusted = untrusted, _still_untrusted(record, signatures, untrusted)
                since = since if earlier else number
            found += signatures
            before = sequence.chain_after(before, record)
            if progress is not None:
                progress((number + 1) / self.n_frames)
        if untrusted is not None:
            raise _with_reason(untrusted, since, found)
        return tuple(found)

    def _verify_features(self) -> None:
        # Not imported for those who have none.
        from ..features import decode_features, inspect_features
        from ..features.features_in_file import features_in

        stream = features_in(self._reader.extension) or b""
        inspect_features(stream, limits=self._limits)
        with contextlib.suppress(PgiUnsupportedError):  # those in HEVC need PyAV
            decode_features(stream, limits=self._limits)

    def info(self) -> FileInfo:
        """What there is to know without decoding pixels; of an encrypted file, what its keys open."""
        return describe(self)


def _still_untrusted(
    record: Record, signatures: Sequence[SignatureInfo], before: PgiError | None
) -> PgiError | None:
    """Why nobody who is trusted signed a frame or one before it; None if somebody did.

    Args:
        record: of the frame.
        signatures: of the frame, held against its place.
        before: the same of the frames before.
    """
    try:
        require_trusted(signatures, trust=True)
    except PgiKeyError as error:  # with a key, its signature may cover the frames before
        return of_frame(error, record.number)
    except (PgiFormatError, PgiUnsupportedError) as error:
        return before or of_frame(error, record.number)
    places = [each.frame for each in signatures if each.trusted and each.state == HOLDS and each.frame]
    if any(place.proves_before for place in places):
        return None
    if not places and not record.is_key:
        return before or PgiAuthenticationError(
            f"Frame {record.number} changes another, and its trusted signature does not say which."
        )
    return before


def _with_reason(error: PgiError, since: int, found: Sequence[SignatureInfo]) -> PgiError:
    """Why frames are not trusted; also that signatures of an earlier version prove their own frame alone.

    Args:
        error: about the first of them.
        since: its number.
        found: all signatures of the sequence.
    """
    places = [each.frame for each in found if each.trusted and each.state == HOLDS and each.frame]
    if not places or places[-1].number <= since:
        return error
    return type(error)(
        f"{error} An earlier version signed frame {places[-1].number}, which does not prove the frames "
        "before it; sign the last frame again."
    )
