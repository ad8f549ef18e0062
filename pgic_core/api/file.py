"""An open ``.pgi`` file: parsed once, decoded on demand, whole or in part."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..audit import audited
from ..audit.facts import facts_of, facts_of_options, path_of
from ..codec.picture import Picture
from ..codec.windows import grouped_options
from ..container import BlockType, Compression
from ..errors import PgiLimitError, PgiUnsupportedError
from ..limits import Limits
from ..options import ADAPTIVE, DecodeOptions, Level, OnDamage, Window
from ..security.access import open_reader, require_pixels, verify_sealed
from ..security.signatures.info import require_trusted
from .file_description import describe
from .framed_file import FramedFile

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from numpy.typing import NDArray

    from ..codec.learned.symbols import PictureSymbols
    from ..container import PgiReader
    from ..container.source import SourceLike
    from ..models import Renderer
    from ..options import Progress
    from ..roi import RegionsLike
    from ..security.keyring import KeysLike
    from ..security.signatures import SignatureInfo
    from .file_info import FileInfo

__all__ = ["Decoded", "Level", "OnDamage", "PgiFile", "Window"]


class Decoded(NamedTuple):
    """Decoded pixels, and which of them were filled in.

    Attributes:
        pixels: (H, W) or (H, W, C).
        damaged: (H, W), True where damage may have changed the pixel.
    """

    pixels: NDArray[Any]
    damaged: NDArray[np.bool_]


class PgiFile(FramedFile):
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def decode(
        self,
        *,
        level: Level = "fast",
        scale: int = 1,
        window: Window | None = None,
        regions: RegionsLike | None = None,
        on_damage: OnDamage = "raise",
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> NDArray[Any]:
        """Decode the picture or a part of it (A-6.5.1a).

        Args:
            level: "fast" for every pixel; "preview" for one for each 8 x 8, read from a prefix of the file;
                "fine" for every pixel through a larger network; "adaptive" for key regions as "fine" and the
                rest as "fast"; "perceptual" with synthesised texture, never for evidence. A model need not
                have the last three. They show pictures without loss as they are.
            scale: 1, 2, 4 or 8, pixels of the stored picture along one side of a decoded pixel.
            window: x, y, width, height in pixels of the stored picture, whatever the scale; a reduced picture
                covers it with whole pixels. Only the tiles that it needs are read.
            regions: with "adaptive", what to decode as "fine": a mask (H, W) or boxes (x, y, w, h), polygons
                or annotations, in pixels of the upright picture. If not given, the file's own: where its ROI
                map is finest, and its annotations.
            on_damage: "raise", or "conceal" to fill damaged tiles; :meth:`decode_with_mask` says which.
            threads: 1 or more; ``PGIC_THREADS`` or all processors if not given.
            progress: called with the share done, 0 to 1.

        Returns:
            (H, W) for grey, else (H, W, C); the sample type of the file. EXIF orientation is not applied.

        Raises:
            PgiFormatError: the picture is damaged (PgiChecksumError, PgiTruncatedError) or breaks a rule.
            PgiOptionError: an argument is out of range.
            PgiUnsupportedError: codec or model (PgiModelError) are not here, or the picture is encrypted.
            PgiLimitError: the picture asks for more than the limits allow.
        """
        options = DecodeOptions(level, window, on_damage, threads, progress, scale, regions)
        return self.decode_with(options)[0].to_array()

    def decode_with_mask(
        self,
        *,
        level: Level = "fast",
        scale: int = 1,
        window: Window | None = None,
        regions: RegionsLike | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Decoded:
        """As :meth:`decode` with ``on_damage="conceal"``, and the mask of what was concealed."""
        options = DecodeOptions(level, window, "conceal", threads, progress, scale, regions)
        picture, mask = self.decode_with(options)
        assert mask is not None
        return Decoded(picture.to_array(), mask)

    def decode_windows(
        self,
        windows: Sequence[Window],
        *,
        level: Level = "fast",
        scale: int = 1,
        regions: RegionsLike | None = None,
        on_damage: OnDamage = "raise",
        threads: int | None = None,
    ) -> list[NDArray[Any]]:
        """Decode several windows, and what they have in common once.

        Args:
            windows: each as for :meth:`decode`.
            level, scale, regions, on_damage, threads: as for :meth:`decode`.

        Returns:
            An array for each, as :meth:`decode` gives it, in order.

        Raises:
            PgiError: as :meth:`decode`.
        """
        options = DecodeOptions(level, None, on_damage, threads, None, scale, regions)
        return [picture.to_array() for picture in self.decode_windows_with(options, windows)]

    def decode_windows_with(self, options: DecodeOptions, windows: Sequence[Window]) -> list[Picture]:
        """As :meth:`decode_windows`, with options that were checked when they were made."""
        found: dict[int, Picture] = {}
        for together, places in grouped_options(options, windows, self.width, self.height):
            picture, _ = self.decode_with(together)
            for number, here in places:
                found[number] = Picture(np.ascontiguousarray(picture.pixels[here]), self.image_type)
        return [found[number] for number in range(len(windows))]

    def decode_picture(
        self,
        level: Level = "fast",
        window: Window | None = None,
        on_damage: OnDamage = "raise",
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> tuple[Picture, NDArray[np.bool_] | None]:
        """As :meth:`decode`, as a :class:`Picture`, with the mask or None."""
        return self.decode_with(DecodeOptions(level, window, on_damage, threads, progress))

    def decode_with(self, options: DecodeOptions) -> tuple[Picture, NDArray[np.bool_] | None]:
        """As :meth:`decode_picture`, with options that were checked when they were made."""
        with audited("decode", **facts_of(self._reader), **facts_of_options(options)):
            if options.level != "preview":
                require_pixels(self._reader)
            options = self._with_cells(options)
            try:
                pixels, mask = self._coded.decode(options)
            except MemoryError as error:
                raise self._too_large() from error
        return Picture(pixels, self.image_type), mask

    def symbols_with(
        self, options: DecodeOptions, *, latent: bool = False
    ) -> tuple[PictureSymbols, NDArray[np.uint8] | None] | None:
        """What another engine needs to show the picture or its latent, which it is logged as decoding.

        Args:
            options: as for :meth:`decode_with`; progress has no meaning here.
            latent: read what the latent takes.

        Returns:
            As :func:`pgic_core.codec.learned.image_with_opacity.symbols_of`.

        Raises:
            PgiError: as :meth:`decode`.
        """
        if self._reader.fields.compression_type not in (Compression.LEARNED, Compression.CHANGE):
            return None
        # Not imported for those who decode here.
        from ..codec.learned.image_with_opacity import symbols_of

        asked = facts_of_options(options) | ({"level": "latent"} if latent else {})
        with audited("decode", **facts_of(self._reader), **asked):
            if latent or options.level != "preview":
                require_pixels(self._reader)
            options = self._with_cells(options)
            try:
                return symbols_of(self._coded, options, latent=latent)
            except MemoryError as error:
                raise self._too_large() from error

    def _with_cells(self, options: DecodeOptions) -> DecodeOptions:
        """Options whose regions are cells of 8 x 8 pixels of the stored picture.

        Raises:
            PgiOptionError: regions are none of what :meth:`decode` takes, or there are none.
        """
        if options.level != ADAPTIVE:
            return options
        # Not imported for those who decode at other levels.
        from ..roi import key_cells

        roi, size = self._coded.facts.roi, (self.width, self.height)
        return replace(
            options, regions=key_cells(options.regions, roi, self.annotations, *size, self.orientation)
        )

    def renderer(self, level: Level = "fast", scale: int = 1) -> Renderer | None:
        """What draws the picture at a level; None for pictures that no model draws.

        For "adaptive" it is what draws the key regions.

        Raises:
            PgiModelError: the model is not installed, or does not have the level.
        """
        return self._coded.renderer(level, scale)

    def latent(self, window: Window | None = None, threads: int | None = None) -> NDArray[np.float32]:
        """The dequantised latent, without synthesis: see :func:`pgic_core.decode_latent`.

        Args:
            window: x, y, width, height in pixels of the stored picture; covered with whole latent positions.
            threads: 1 or more; ``PGIC_THREADS`` or all processors if not given.

        Returns:
            float32 (M, h, w).

        Raises:
            PgiUnsupportedError: the picture has no latent.
            PgiError: as :meth:`decode`.
        """
        options = DecodeOptions(window=window, threads=threads)
        asked = facts_of_options(options) | {"level": "latent"}
        with audited("decode", **facts_of(self._reader), **asked):
            require_pixels(self._reader)
            try:
                return self._coded.latent(options.window, options.thread_count)
            except MemoryError as error:
                raise PgiLimitError(
                    "There is not enough memory for the latent; a window needs less."
                ) from error

    def strips(
        self,
        *,
        level: Level = "fast",
        scale: int = 1,
        regions: RegionsLike | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Iterator[NDArray[Any]]:
        """Decode the picture a strip of full width at a time, so that memory does not grow with the height.

        Args:
            level: as for :meth:`decode`, like the next two.
            scale: 1, 2, 4 or 8.
            regions: with "adaptive", what to decode as "fine".
            threads: 1 or more; as many as there are processors if not given.
            progress: called with the share done, 0 to 1.

        Yields:
            (rows, W, C) from top to bottom, C also of grey; the number of rows is the codec's affair.

        Raises:
            PgiError: as :meth:`decode`; what was yielded before was sound.
        """
        options = DecodeOptions(level, threads=threads, scale=scale, regions=regions)
        # Logged before the first strip is out of hand.
        with audited("decode", **facts_of(self._reader), **facts_of_options(options)):
            if options.level != "preview":
                require_pixels(self._reader)
            options, coded = self._with_cells(options), self._coded
        done, rows = 0, -(-self.height // options.scale)
        try:
            for strip in coded.strips(options):
                yield strip
                done += len(strip)
                if progress is not None:
                    progress(done / rows)
        except MemoryError as error:
            raise self._too_large() from error

    def _too_large(self) -> PgiLimitError:
        return PgiLimitError(
            f"There is not enough memory to decode {self.width} x {self.height} pixels; "
            "a window, a preview or strips() need less."
        )

    @property
    def signatures(self) -> tuple[SignatureInfo, ...]:
        """What the file's signatures prove, none of them trusted; see :meth:`check_signatures`."""
        return self.check_signatures()

    def check_signatures(self, trust: str | os.PathLike[str] | None = None) -> tuple[SignatureInfo, ...]:
        """Check the signatures of the file against all of its content that is open.

        Args:
            trust: file of certificates or public keys in PEM, of those who are trusted. Without it nobody is.

        Returns:
            What each signature proves, in the order in which they were made, broken ones included.

        Raises:
            PgiAuthenticationError: one is forged, or one was taken out.
            PgiFormatError: one breaks a rule of the format, or the file is damaged.
            PgiInputError: ``trust`` cannot be read.
            PgiUnsupportedError: the extra "security" is missing.
        """
        if trust is None and self._reader.header.find(BlockType.SECURITY) is None:
            return ()
        # Not imported for files without signatures.
        from ..security.signatures.checking import check_signatures
        from ..security.signatures.trust import Trust

        return check_signatures(self._reader, None if trust is None else Trust.from_pem(trust))

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
        """
        # Not imported for those who prove nothing.
        from ..security.signatures.proof import make_proof

        return make_proof(self._reader, window, self.check_signatures())

    def verify(self, trust: str | os.PathLike[str] | None = None) -> tuple[SignatureInfo, ...]:
        """Check every byte of the file, all that reading parses (A-6.3.2a), and signatures.

        That is: metadata, extension fields, every tile, feature maps where they can be decoded here, and the
        files of the model against its digest. Of an encrypted file, content that no key opens is checked by
        CRC32 and SHA-256 alone.

        Args:
            trust: as of :meth:`check_signatures`; then one of them must have signed the file as it is.

        Returns:
            What each signature proves.

        Raises:
            PgiAuthenticationError: the file was changed after it was signed or encrypted, or nobody who is
                trusted signed it.
            PgiKeyError: the file is encrypted, and telling whether a trusted signature holds takes a key.
            PgiFormatError: something is damaged; the message says what.
            PgiUnsupportedError: the picture cannot be decoded here; PgiModelError if the model is not what
                its digest stands for.
        """
        if self._frames is not None:
            return self._verify_frames(trust)
        self._reader.verify_bytes()
        # Before anything is parsed, so that a change after signing is called just that.
        signatures = self.check_signatures(trust)
        require_trusted(signatures, trust=trust is not None)
        if self.tier is not None or not self.encrypted:
            _ = self._reader.metadata
        self.info()
        if self.encrypted and not verify_sealed(self._reader):
            return signatures
        self._coded.verify()
        if "pgic.features" in self._reader.extension:
            self._verify_features()
        return signatures

    def _verify_frames(self, trust: str | os.PathLike[str] | None) -> tuple[SignatureInfo, ...]:
        """Check all frames and the chain of their hashes."""
        self.container.verify_bytes()
        _ = self.container.metadata, self.container.extension
        return tuple(found for frame in self.frames() for found in frame.verify(trust))

    def _verify_features(self) -> None:
        # Not imported for those who have none.
        from ..features import decode_features, inspect_features
        from ..features.carry import features_in

        stream = features_in(self._reader.extension) or b""
        inspect_features(stream, limits=self._limits)
        with contextlib.suppress(PgiUnsupportedError):  # those in HEVC need PyAV
            decode_features(stream, limits=self._limits)

    def info(self) -> FileInfo:
        """What there is to know without decoding pixels; of an encrypted file, what its keys open."""
        return describe(self)
