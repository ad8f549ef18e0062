"""The parts of ``image_data`` and the codecs that read them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..codec.alpha import LENGTH_SIZE, read_alpha_length
from ..codec.lossless.image import LosslessImage
from ..codec.picture import Channels, SampleFormat
from ..container import IMAGE_FIELDS_SIZE, Compression
from ..errors import PgiFormatError
from ..options import DecodeOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ..codec.learned.decoder import LearnedImage
    from ..container import PgiReader
    from ..limits import Limits

__all__ = ["CodedPicture", "open_coded"]


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """A picture whose stream headers were read and checked.

    Attributes:
        codec: of the colours, as :class:`.info.FileInfo` has it.
        colours: all channels, or all but ``alpha``.
        alpha: opacity plane beside learned colours, or None.
        channels: meaning of the channels of both together.
        sample_format: type of the samples.
        tile_size: width and height of a tile of the colours, in pixels.
        tiles: their number.
        preview_bytes: length of the prefix of the file that is enough for a preview.
        quality: of the learned codec, else None.
        model_digest: likewise.
        roi: int8 map of the learned codec, or None.
        filter_bytes: of the picture's own filter; 0 if there is none.
        exact: bool map of the learned codec's exact blocks, or None.
        exact_bytes: of their pixels; 0 if there are none.
        near_blocks: how many blocks are nearly exact.
    """

    codec: str
    colours: LearnedImage | LosslessImage
    alpha: LosslessImage | None
    channels: Channels
    sample_format: SampleFormat
    tile_size: tuple[int, int]
    tiles: int
    preview_bytes: int
    quality: int | None = None
    model_digest: str | None = None
    roi: NDArray[np.int8] | None = None
    filter_bytes: int = 0
    exact: NDArray[np.bool_] | None = None
    exact_bytes: int = 0
    near_blocks: int = 0

    def decode(self, options: DecodeOptions) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """All channels, (h, w, C), and with "conceal" the (h, w) mask of what was concealed."""
        if self.alpha is None or isinstance(self.colours, LosslessImage):
            return self.colours.decode(options)
        alpha, alpha_mask = self.alpha.decode(replace(options, progress=None))
        pixels = np.empty((*alpha.shape[:2], 4), np.uint8)
        _, mask = self.colours.decode(options, out=pixels[:, :, :3])
        pixels[:, :, 3:] = alpha
        if mask is not None and alpha_mask is not None:
            mask |= alpha_mask
        return pixels, mask

    def strips(self, threads: int | None) -> Iterator[NDArray[Any]]:
        """All channels of the whole picture, (rows, W, C), from top to bottom."""
        if isinstance(self.colours, LosslessImage):
            yield from self.colours.strips(threads)
            return
        top = 0
        for colours in self.colours.strips(threads):
            rows, width = colours.shape[:2]
            if self.alpha is None:
                yield colours
            else:
                alpha, _ = self.alpha.decode(DecodeOptions(window=(0, top, width, rows), threads=threads))
                yield np.concatenate([colours, alpha], axis=2)
            top += rows

    def verify(self) -> None:
        """Decode every tile, and raise where one does not, or where the model is not the one named."""
        if not isinstance(self.colours, LosslessImage):
            self.colours.model.check()
        self.colours.verify()
        if self.alpha is not None:
            self.alpha.verify()


def open_coded(reader: PgiReader, limits: Limits) -> CodedPicture:
    """Read the stream headers of a file's picture.

    Raises:
        PgiFormatError: they are damaged, break a rule or contradict the A.2 fields.
        PgiUnsupportedError: the codec is unknown here, or the picture is encrypted.
        PgiLimitError: the picture has too many tiles.
    """
    compression = reader.fields.compression_type
    if compression == Compression.LEARNED:
        coded = _open_learned(reader, limits)
    elif compression in (Compression.RAW, Compression.LOSSLESS):
        plain = compression == Compression.RAW
        image = _open_lossless(reader, limits, 0, reader.payload_length, plain=plain)
        coded = _lossless("raw" if plain else "lossless", image, reader)
    else:
        from .foreign import open_foreign

        coded = _lossless(*open_foreign(reader, limits), reader)
    if coded.sample_format.bits != reader.fields.color_depth:
        found = coded.sample_format.name.lower()
        raise PgiFormatError(f"color_depth is {reader.fields.color_depth}, but the samples are {found}.")
    return coded


def _open_learned(reader: PgiReader, limits: Limits) -> CodedPicture:
    # Not imported for pictures that need no network.
    from ..codec.learned.decoder import LearnedImage

    length = reader.payload_length
    alpha_length = read_alpha_length(reader.read_payload, length)
    alpha = None
    if alpha_length:
        alpha = _open_lossless(reader, limits, LENGTH_SIZE, alpha_length)
        if alpha.channels is not Channels.GREY or alpha.sample_format is not SampleFormat.UINT8:
            raise PgiFormatError("The opacity plane is not one channel of 8 bits.")
    start = LENGTH_SIZE + alpha_length
    fields = reader.fields
    image = LearnedImage(_part(reader, start), length - start, fields.width, fields.height, limits)
    exact, exact_bytes = image.exact.kept()
    carried = 0 if image.header.exact is None else int(image.header.exact.sum())
    return CodedPicture(
        codec="learned",
        colours=image,
        alpha=alpha,
        channels=Channels.RGB if alpha is None else Channels.RGB_ALPHA,
        sample_format=SampleFormat.UINT8,
        tile_size=(image.grid.tile, image.grid.tile),
        tiles=image.grid.count,
        preview_bytes=reader.header.image.offset + IMAGE_FIELDS_SIZE + start + image.preview_bytes,
        quality=image.header.quality,
        model_digest=image.header.model_digest,
        roi=image.header.offsets,
        filter_bytes=len(image.header.filter),
        exact=exact,
        exact_bytes=exact_bytes,
        near_blocks=carried - (0 if exact is None else int(exact.sum())),
    )


def _lossless(codec: str, image: LosslessImage, reader: PgiReader) -> CodedPicture:
    return CodedPicture(
        codec=codec,
        colours=image,
        alpha=None,
        channels=image.channels,
        sample_format=image.sample_format,
        tile_size=(image.grid.tile_width, image.grid.tile_height),
        tiles=image.grid.count,
        preview_bytes=reader.header.image.end,
    )


def _open_lossless(
    reader: PgiReader, limits: Limits, start: int, length: int, *, plain: bool = False
) -> LosslessImage:
    fields = reader.fields
    return LosslessImage(
        _part(reader, start), length, fields.width, fields.height, plain=plain, limits=limits
    )


def _part(reader: PgiReader, start: int) -> Callable[[int, int], bytes]:
    return lambda offset, length: reader.read_payload(start + offset, length)
