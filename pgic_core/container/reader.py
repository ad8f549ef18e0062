"""What a file holds: A.2 fields on opening, metadata, extension and image data when they are asked for."""

from __future__ import annotations

import dataclasses
import zlib
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from ..errors import PgiChecksumError, PgiFormatError, PgiUnsupportedError
from ..limits import DEFAULT_LIMITS
from .block_entry import BlockEntry, BlockType
from .block_reader import BlockReader, require_known_flags
from .deflate import DICTIONARY_BYTES, inflate
from .extension_block import ExtensionKey, location_from_map, parse_extension
from .image_fields import IMAGE_FIELDS_SIZE, Compression, ImageFields
from .metadata_block import Metadata, agrees, parse_metadata

if TYPE_CHECKING:
    from ..limits import Limits
    from .byte_source import SourceLike

__all__ = ["PgiReader", "SealedContent"]


class SealedContent(Protocol):
    """The content of an encrypted file, for a reader that was unlocked (FORMAT.md, section 9)."""

    @property
    def payload_length(self) -> int:
        """Plain bytes of ``image_data``.

        Raises:
            PgiError: they are not what the file says.
        """

    def metadata(self) -> bytes:
        """What the metadata block would store without encryption."""

    def extension(self) -> dict[str, object]:
        """The extension fields that the keys open."""

    def read_payload(self, offset: int, length: int) -> bytes:
        """Plain bytes of ``image_data``, authenticated."""


class PgiReader(BlockReader):
    """One ``.pgi`` file (A-6.3.1).

    Opening reads the header, the directory and the A.2 fields, nothing else; a prefix of the file or a
    stream is enough. ``metadata`` and ``extension`` check the CRC32 of their block when they are first
    asked for. ``read_payload`` checks nothing: the image payload carries finer checks of its own.

    A file with a parity block is read through it: lost sectors are restored, as far as enough parity is left.

    Args:
        source, limits, quiet: as of :class:`.BlockReader`.
        sequence: the file that this one is a frame of; its metadata and extension are compressed with those
            of that file as a dictionary.

    Warns:
        PgiWarning: lost sectors were restored.

    Raises:
        PgiFormatError: the bytes are no ``.pgi`` file or break a rule of FORMAT.md.
        PgiTruncatedError: they end before the A.2 fields do.
        PgiChecksumError: header, directory or A.2 fields are damaged.
        PgiUnsupportedError: a later major version, or an unknown block that must be understood.
        PgiLimitError: the picture, a block or the directory is too large.
        PgiInputError: the file cannot be opened or read.
    """

    def __init__(
        self,
        source: SourceLike,
        limits: Limits = DEFAULT_LIMITS,
        *,
        quiet: bool = False,
        sequence: PgiReader | None = None,
    ) -> None:
        super().__init__(source, limits, quiet=quiet)
        self._sequence = sequence
        self._dictionaries: dict[int, bytes] = {}
        self._sealed: SealedContent | None = None
        self._locked_because: PgiUnsupportedError | None = None
        try:
            self._fields = self._read_fields()
        except BaseException:
            self.close()
            raise

    def unlock(self, content: SealedContent) -> None:
        """From now on give the plain content of an encrypted file.

        Args:
            content: what decrypts it.
        """
        self._sealed = content
        for name in ("metadata", "extension"):  # what was read before
            self.__dict__.pop(name, None)

    def explain_lock(self, error: PgiUnsupportedError) -> None:
        """From now on raise this where encrypted content is asked for.

        Args:
            error: why it cannot be decrypted.
        """
        self._locked_because = error

    @property
    def sealed(self) -> SealedContent | None:
        """What decrypts this file; None of a plain or a locked one."""
        return self._sealed

    def require_picture(self) -> None:
        """Raise unless the file is a single picture.

        Raises:
            PgiUnsupportedError: it is a sequence.
        """
        if self._header.image.sequence:
            raise PgiUnsupportedError(
                "The file is a sequence, and this works on single pictures; 'pgic split' makes them of it."
            )

    @property
    def fields(self) -> ImageFields:
        """The A.2 fields."""
        return self._fields

    @property
    def payload_length(self) -> int:
        """Plain bytes of ``image_data``: the image data block without its A.2 fields.

        Raises:
            PgiUnsupportedError: they are encrypted.
        """
        image = self._header.image
        if image.encrypted and self._sealed is not None:
            require_known_flags(image)
            return self._sealed.payload_length
        self._require_plain(image)
        return image.length - IMAGE_FIELDS_SIZE

    @cached_property
    def metadata(self) -> Metadata:
        """The metadata block (A.3); all unknown if there is none.

        The location is exact where the extension block holds ``pgic.location``, which must agree with A.3.

        Raises:
            PgiChecksumError: the metadata or extension block is damaged.
            PgiFormatError: it breaks a rule of FORMAT.md.
            PgiTruncatedError: the file ends before it.
            PgiLimitError: it asks for too much.
            PgiUnsupportedError: it is encrypted, or needs a later version.
        """
        metadata = Metadata()
        if self._header.find(BlockType.METADATA) is not None:
            metadata = parse_metadata(self.metadata_content, self._limits, newer=self._header.newer)
        if ExtensionKey.LOCATION in self.extension:
            exact = location_from_map(self.extension[ExtensionKey.LOCATION])
            if not agrees(metadata.location, exact):
                raise PgiFormatError("The metadata block and pgic.location give different locations.")
            metadata = dataclasses.replace(metadata, location=exact if exact.known else None)
        return metadata

    @property
    def metadata_content(self) -> bytes:
        """The bytes of A.3, decrypted and inflated; empty if the file has no metadata block.

        Raises:
            PgiError: as for :attr:`metadata`.
        """
        return self.content(BlockType.METADATA)

    @cached_property
    def extension(self) -> dict[str, object]:
        """The extension block (A.4); empty if there is none. The dictionary is shared: do not change it.

        Raises:
            PgiError: as for :attr:`metadata`.
        """
        if self._sealed is not None:
            return self._sealed.extension()
        if ExtensionKey.SEALED in self.plain_extension:
            raise self._locked("extension block")
        return self.plain_extension

    @cached_property
    def plain_extension(self) -> dict[str, object]:
        """The extension block as the file has it: of an encrypted one the security mark and ciphertext.

        Raises:
            PgiError: as for :attr:`metadata`.
        """
        block = self._header.find(BlockType.EXTENSION)
        return {} if block is None else parse_extension(self._read_content(block), self._limits)

    def frame(self, source: SourceLike, *, quiet: bool = False) -> PgiReader:
        """A reader of a frame of this sequence, within the same limits.

        Args:
            source: the file of the frame.
            quiet: as for the class.

        Raises:
            PgiError: as the class.
        """
        return PgiReader(source, self._limits, quiet=quiet, sequence=self)

    def dictionary(self, block_type: int) -> bytes:
        """What the frames of this sequence compress their block of a type with (FORMAT.md, 11).

        Raises:
            PgiError: as for :attr:`metadata`.
        """
        if block_type not in self._dictionaries:
            self._dictionaries[block_type] = self.content(block_type)[-DICTIONARY_BYTES:]
        return self._dictionaries[block_type]

    def content(self, block_type: int) -> bytes:
        """The content of the metadata or extension block, decrypted as far as the block is, and inflated.

        Args:
            block_type: one of these two.

        Returns:
            The content; empty if the file has no such block.

        Raises:
            PgiError: as for :attr:`metadata`.
        """
        block = self._header.find(block_type)
        return b"" if block is None else self._read_content(block)

    def read_payload(self, offset: int, length: int) -> bytes:
        """Read part of ``image_data`` without checking it; of an encrypted file, after authenticating it.

        Args:
            offset: first byte, from the start of ``image_data``.
            length: number of bytes.

        Raises:
            PgiFormatError: the part does not lie inside ``image_data``.
            PgiTruncatedError: the file ends before it.
            PgiUnsupportedError: ``image_data`` is encrypted, or needs a later version.
        """
        image = self._header.image
        if offset < 0 or length < 0 or offset + length > self.payload_length:
            raise PgiFormatError(
                f"Bytes {offset} to {offset + length} do not lie inside the image data "
                f"of {self.payload_length} bytes."
            )
        if image.encrypted and self._sealed is not None:
            return self._sealed.read_payload(offset, length)
        return self._read(image, image.offset + IMAGE_FIELDS_SIZE + offset, length)

    def verify(self) -> None:
        """As :meth:`verify_bytes`; metadata and extension are read too, unless they are encrypted.

        Raises:
            PgiError: as :meth:`verify_bytes`; PgiFormatError also where metadata or extension break a rule.
        """
        self.verify_bytes()
        if self._sealed is not None or not any(block.encrypted for block in self.blocks):
            _ = self.metadata

    def _verify_block(self, block: BlockEntry) -> None:
        if block.sequence:
            # Not imported for pictures.
            from .sequence_reader import SequenceReader

            SequenceReader(self).verify()
        else:
            super()._verify_block(block)

    def _read_fields(self) -> ImageFields:
        image = self._header.image
        data = self._read(image, image.offset, IMAGE_FIELDS_SIZE)
        if zlib.crc32(data) != self._header.fields_crc32:
            raise PgiChecksumError(
                "The A.2 fields of the image data block are damaged: their CRC32 does not match."
            )
        fields = ImageFields.from_bytes(data)
        if (fields.compression_type == Compression.SEQUENCE) != image.sequence:
            raise PgiFormatError("compression_type and flags contradict each other on a sequence.")
        pixels = fields.width * fields.height
        self._limits.check("pixels", pixels, "The picture")
        per_byte = -(-pixels // (image.length - IMAGE_FIELDS_SIZE))
        if fields.compression_type != Compression.CHANGE:  # whose pixels are those of a frame that is checked
            self._limits.check("pixels_per_byte", per_byte, "The picture, for each byte of its image data,")
        return fields

    def _read_content(self, block: BlockEntry) -> bytes:
        """A metadata or extension block: CRC32 checked, decompressed."""
        if block.encrypted and self._sealed is not None and block.type == BlockType.METADATA:
            require_known_flags(block)
            data = self._sealed.metadata()
        else:
            self._require_plain(block)
            data = self.read_checked(block)
        if not block.compressed:
            return data
        dictionary = b"" if self._sequence is None else self._sequence.dictionary(block.type)
        return inflate(data, self._limits, block.name, dictionary)

    def _require_plain(self, block: BlockEntry) -> None:
        if block.encrypted:
            raise self._locked(block.name)
        require_known_flags(block)

    def _locked(self, name: str) -> PgiUnsupportedError:
        # A new one each time, since a traceback grows with each raise.
        known = self._locked_because
        kind = PgiUnsupportedError if known is None else type(known)
        return kind(f"The {name} is encrypted." if known is None else str(known))
