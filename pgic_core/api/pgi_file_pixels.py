"""The picture in an open ``.pgi`` file: decoded on demand, whole or in part."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..audit import audited
from ..audit.logged_facts import facts_of, facts_of_options
from ..codec.picture import Picture
from ..codec.windows_decoded_together import grouped_options
from ..container import DETAILS, Compression
from ..errors import PgiLimitError
from ..options import ADAPTIVE, PREVIEW, DecodeOptions, Level, OnDamage, Window
from ..security.reader_unlocking import require_pixels
from .pgi_file_fields import StoredFields

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ..codec.learned.symbols_for_engines import PictureSymbols
    from ..models import Renderer
    from ..options import Progress
    from ..roi import RegionsLike

__all__ = ["Decoded", "StoredPicture"]


class Decoded(NamedTuple):
    """Decoded pixels, and which of them were filled in.

    Attributes:
        pixels: (H, W) or (H, W, C).
        damaged: (H, W), True where damage may have changed the pixel.
    """

    pixels: NDArray[Any]
    damaged: NDArray[np.bool_]


class StoredPicture(StoredFields):
    """What a file says, and its picture; each call decodes just what it asks for, and is logged."""

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
                rest as "fast"; "perceptual" with synthesised texture for eyes, "recognition" with such for
                detectors and classifiers, both never for evidence. A model need not have the last four. They
                show pictures without loss as they are.
            scale: 1, 2, 4 or 8, pixels of the stored picture along one side of a decoded pixel. "preview" has
                8, or 4 if that is asked for.
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
            self._require_open(options)
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
            self._require_open(options, latent=latent)
            options = self._with_cells(options)
            try:
                return symbols_of(self._coded, options, latent=latent)
            except MemoryError as error:
                raise self._too_large() from error

    def _require_open(self, options: DecodeOptions, *, latent: bool = False) -> None:
        """Raise PgiKeyError unless the keys of an encrypted file open what is to be decoded."""
        if latent or options.level != PREVIEW:
            require_pixels(self._reader)

    def _with_cells(self, options: DecodeOptions) -> DecodeOptions:
        """Options whose regions are cells of 8 x 8 pixels of the stored picture.

        Raises:
            PgiOptionError: regions are none of what :meth:`decode` takes, or there are none.
        """
        if options.level != ADAPTIVE:
            return options
        # Not imported for those who decode at other levels.
        from ..roi import key_cells

        size = self.width, self.height
        asked = self.strategy.roi != DETAILS
        roi = self._coded.facts.roi if asked else None
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
            self._require_open(options)
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
