"""Pillow plugin: ``.pgi`` opens and saves as Pillow's own formats do.

Importing this module registers it; :func:`register_pgi_opener` does so with options. The start-up hook
(:mod:`pgic_plugins._autoload`) makes even the import unnecessary. Worker processes that are spawned do
not inherit a registration or its options: import or register there too.

**Opening** reads header, metadata and the index of the picture; pixels are decoded by ``load()``. Modes are
L, LA, RGB, RGBA, I;16, I and F; several channels of 16 bits are rounded to 8. ``im.info`` holds ``exif``,
``icc_profile``, ``xmp``, ``dpi``, ``side_data`` (IPTC, comments, texts), ``metadata`` (A.3), ``annotations``,
``segments``, ``extension`` (A.4) and ``image_type`` (A.2), and ``im.save(name, **im.info)`` takes all of them
back. ``draft()`` decodes at 1/2, 1/4 or 1/8 of the size where that is large enough, and takes a preview where
that is good enough. ``thumbnail()`` takes the
smallest of them that is not smaller than the thumbnail: their pixels are means, and need no further ones to
choose from. ``info["synthesised"]`` is True where :data:`LEVEL` makes up detail ("perceptual",
"recognition"); the XMP then says so too.
``ImageFile.LOAD_TRUNCATED_IMAGES`` fills what is damaged or missing; ``im.damaged`` then says where.

**Saving** takes the options of :func:`pgic_core.encode`. ``exif``, ``icc_profile``, ``xmp``, ``dpi``,
``side_data``, ``metadata`` and ``image_type`` come from ``im.info`` unless they are given (``exif=b""`` for
none, and then ``metadata`` loses what it took from EXIF); what was changed in ``im.getexif()`` is stored. A
file is replaced in one step, when all of the new one is there. Thumbnails of an image that was cropped or
otherwise changed are left out, and its EXIF states its size; painting on an image in place goes unseen, so
give ``exif=b""`` then. ``annotations``, ``extension`` and ``segments`` do so only while the image is the
opened file itself in its full size: they speak of pixels that a crop or a rotation moves. Of several frames
the present one is saved, and a :class:`pgic_core.PgiWarning` says so.

**Sequences**: ``n_frames``, ``is_animated``, ``seek()``, ``tell()`` and ``ImageSequence`` work as for GIF.
``info["duration"]`` holds milliseconds where the file says them. ``save(..., save_all=True)`` makes one of
all frames and of ``append_images``. It takes ``duration``, a number or one for each frame, ``key_distance``,
and all other options for each frame.

**Errors** are those that users of Pillow catch: ``SyntaxError`` inside Pillow for bytes that are no ``.pgi``
(``UnidentifiedImageError`` outside), ``OSError`` for what is damaged or cannot be decoded here,
``DecompressionBombError`` for what exceeds Pillow's guard or a limit of ours, ``ValueError`` for options. All
of ours are :class:`pgic_core.errors.PgiError` as well.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
from typing import IO, TYPE_CHECKING, Any

from PIL import Image, ImageFile

from pgic_core.container.atomic_writing import atomic_write
from pgic_core.errors import PgiError, PgiInputError, PgiUnsupportedError
from pgic_core.magic import MAGIC
from pgic_core.options import FAST, LEVELS, PREVIEW, PREVIEW_SCALES, SCALES, DecodeOptions

from ._autoload import keep_file_until_saved
from ._image_info import info_of
from ._pillow_errors import PgiBombError, pillow_errors
from ._pillow_saving import encoded, write_frames
from ._pillow_sizes import size_within
from ._worker_threads import threads_in_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from PIL._imaging import PixelAccess

    from pgic_core.api import PgiFile
    from pgic_core.limits import Limits
    from pgic_core.options import Level, OnDamage
    from pgic_core.security.keyring import KeysLike

__all__ = [
    "KEYS",
    "LEVEL",
    "LIMITS",
    "ON_DAMAGE",
    "SCALE",
    "THREADS",
    "PgiBombError",
    "PgiImageFile",
    "register_pgi_opener",
    "save_to_path",
]

_PREVIEW_SPARE = 1.5  # a preview that is made smaller by so much looks as the level "fast" does

# Image.open takes no options, so they are settings of the module, as in Pillow's AVIF plugin.
THREADS: int | None = None
"""Threads for one picture, 1 or more; None for ``PGIC_THREADS`` or all processors, and for 1 in a worker
process of a torch DataLoader."""
LIMITS: Limits | None = None
"""What a file may ask for, beside Pillow's own guard; None for the defaults and the environment."""
ON_DAMAGE: OnDamage = "raise"
"""Whether damage raises or is filled; ``ImageFile.LOAD_TRUNCATED_IMAGES`` means "conceal" too."""
KEYS: KeysLike | None = None
"""Keys of encrypted files, as :func:`pgic_core.open_file` takes them; ``PGIC_KEYS`` names others."""
LEVEL: Level = "fast"
"""How to decode, as :meth:`pgic_core.PgiFile.decode` says: "preview" opens every file at 1/8 of its size."""
SCALE: int = 1
"""1, 2, 4 or 8: opens every file at that part of its size."""

_MODES = {
    ("uint8", 1): "L",
    ("uint8", 2): "LA",
    ("uint8", 3): "RGB",
    ("uint8", 4): "RGBA",
    ("uint16", 1): "I;16",
    ("uint16", 2): "LA",
    ("uint16", 3): "RGB",
    ("uint16", 4): "RGBA",
    ("int16", 1): "I",
    ("int32", 1): "I",
    ("float16", 1): "F",
    ("float32", 1): "F",
}


def register_pgi_opener(
    *,
    threads: int | None = None,
    limits: Limits | None = None,
    on_damage: OnDamage = "raise",
    level: Level = "fast",
    scale: int = 1,
    keys: KeysLike | None = None,
) -> None:
    """Register the plugin with Pillow and set how files are decoded from now on in this process.

    Args:
        threads: see :data:`THREADS`.
        limits: see :data:`LIMITS`.
        on_damage: see :data:`ON_DAMAGE`.
        level: see :data:`LEVEL`.
        scale: see :data:`SCALE`.
        keys: see :data:`KEYS`.

    Raises:
        PgiOptionError: an argument is none of its values.
    """
    global THREADS, LIMITS, ON_DAMAGE, LEVEL, SCALE, KEYS
    if level not in LEVELS:
        import pgic_core.models  # noqa: F401  # which tell of their further levels
    options = DecodeOptions(level, None, on_damage, threads, scale=scale)  # checks them
    THREADS, LIMITS, ON_DAMAGE, LEVEL, SCALE = threads, limits, on_damage, level, options.scale
    KEYS = keys
    Image.register_open(PgiImageFile.format, PgiImageFile, _accept)
    Image.register_save(PgiImageFile.format, _save)
    Image.register_save_all(PgiImageFile.format, _save_all)
    Image.register_extension(PgiImageFile.format, ".pgi")
    Image.register_mime(PgiImageFile.format, "image/x-pgi")
    keep_file_until_saved(Image)


def save_to_path(plain: Callable[..., None], im: Image.Image, name: str, params: Mapping[str, Any]) -> None:
    """Save a ``.pgi`` file in one step: the old one stays until the new one is complete.

    Args:
        plain: Pillow's own ``Image.save``.
        im: the image.
        name: path of the file.
        params: as given to ``save``.

    Raises:
        OSError, ValueError: as ``Image.save``.
    """
    out = io.BytesIO()
    plain(im, out, PgiImageFile.format, **params)
    atomic_write(name, out.getbuffer())


class PgiImageFile(ImageFile.ImageFile):
    """A ``.pgi`` file opened by Pillow.

    Attributes:
        damaged: (height, width) array, True where pixels were filled; None unless damage was concealed.
    """

    format = "PGI"
    format_description = "Power-grid image"
    damaged: NDArray[np.bool_] | None = None

    # Class values for images that come out of a pickle, which are pixels and no file.
    _file: PgiFile | None = None
    _sequence: PgiFile | None = None
    _number = 0
    _level: Level = FAST
    _scale = 1
    _full_size: tuple[int, int] | None = None
    _loading: contextlib.AbstractContextManager[object] = contextlib.nullcontext()

    def _open(self) -> None:
        assert self.fp is not None
        self._loading = threading.RLock()
        start = self.fp.tell()
        if self.fp.read(len(MAGIC)) != MAGIC:
            raise SyntaxError("not a PGI file")
        self.fp.seek(start)
        with pillow_errors(self.filename, self.fp):
            from pgic_core.api import open_file

            file = open_file(self.fp, limits=LIMITS, keys=KEYS)
            if file.is_sequence:
                self._sequence = file
            self._full_size = self._size = (file.width, file.height)
            # Image.open() checks later on and warns; what it would refuse must not get as far.
            if Image.MAX_IMAGE_PIXELS is not None and file.width * file.height > 2 * Image.MAX_IMAGE_PIXELS:
                Image._decompression_bomb_check(self._size)
            self._show(file, file.duration())

    def _show(self, file: PgiFile, duration: int | None) -> None:
        """Make a picture or a frame the one that is loaded next."""
        self._file = file
        kind = (file.sample_format.name.lower(), int(file.channels))
        if kind not in _MODES:
            raise PgiInputError(f"Pillow has no mode for {file.channels.label} of {kind[0]}.")
        self._mode = _MODES[kind]
        self.info = {"image_type": file.image_type}
        if duration is not None:
            self.info["duration"] = duration
        try:
            self.info.update(info_of(file))
        except PgiUnsupportedError:
            pass  # encrypted, or of a later version: the picture may be open all the same
        except PgiError:
            if not _conceals():
                raise
        if file.tier is not None:
            self.info["tier"] = file.tier
        reduced = file.tier == PREVIEW  # all that the keys open
        options = DecodeOptions(PREVIEW) if reduced else DecodeOptions(LEVEL, scale=SCALE)
        self._set_level(options.level, options.scale)
        # Pillow takes an image without tiles for loaded; load() decodes without them.
        self.tile = [ImageFile._Tile("pgi", None)]

    @property
    def n_frames(self) -> int:
        """Number of frames.

        Raises:
            OSError: the end of a sequence is damaged or missing.
        """
        if self._sequence is None:
            return 1
        with pillow_errors(self.filename, self.fp):
            return self._sequence.n_frames

    @property
    def is_animated(self) -> bool:
        """Whether there are several frames."""
        return self.n_frames > 1

    def seek(self, frame: int) -> None:
        """Go to a frame, whose ``info`` is there at once and whose pixels are decoded by ``load()``.

        Args:
            frame: from 0.

        Raises:
            EOFError: there is no such frame.
            OSError: the way to it is damaged.
        """
        if not self._seek_check(frame):
            return
        with self._loading, pillow_errors(self.filename, self.fp):
            assert self._sequence is not None
            self._show(self._sequence.frame(frame), self._sequence.duration(frame))
            self._number = frame
            self._exif = None
            self.damaged = None

    def tell(self) -> int:
        """The present frame, from 0."""
        return self._number

    def load(self) -> PixelAccess | None:
        """Decode the pixels, if that has not been done.

        Raises:
            OSError: the file is damaged, or cannot be decoded here.
        """
        with self._loading:  # several threads may want the pixels at once
            if self.tile:
                self._decode()
            return super().load()

    def _decode(self) -> None:
        if self._file is None or self.fp is None:
            raise ValueError("Operation on closed image")
        with pillow_errors(self.filename, self.fp):
            on_damage: OnDamage = "conceal" if _conceals() else "raise"
            threads = threads_in_worker(THREADS)
            options = DecodeOptions(self._level, None, on_damage, threads, scale=self._scale)
            picture, self.damaged = self._file.decode_with(options)
            self.im = picture.to_pil().im
            if picture.sample_format.bits == 16 and len(self.getbands()) > 1:
                # Not imported for pictures that Pillow holds as they are.
                from pgic_core.photos.conversion_losses import report

                name = os.path.basename(os.fsdecode(self.filename)) or "The picture"
                report(name, ["has samples of 16 bits, of which Pillow holds 8"])
        self.readonly = 0
        self.tile = []
        if self._sequence is not None:  # further frames may be wanted
            return
        self._file = None
        if self._exclusive_fp and self._close_exclusive_fp_after_loading:
            self.fp.close()
        self.fp = None

    def load_seek(self, pos: int) -> None:
        """Tell ``ImageFile.Parser`` that this format needs the whole file."""

    def draft(
        self, mode: str | None, size: tuple[int, int] | None
    ) -> tuple[str, tuple[int, int, float, float]] | None:
        """Have a smaller picture decoded instead, if that is at least as large as asked for.

        The level is then "fast", whatever :data:`LEVEL` says: smaller pictures hardly show the others. Where
        what is asked for is smaller again, the preview at 1/4 takes its place, in a third of the time.

        Args:
            mode: without effect.
            size: width and height in pixels that the result should not fall below.

        Returns:
            Mode and the box that the whole picture takes in the smaller one; None if nothing changes.
        """
        with self._loading:
            if not self.tile or self._scale > 1 or size is None:
                return None
            width, height = self.size
            room = min(width // max(size[0], 1), height // max(size[1], 1))
            scale = max((scale for scale in SCALES if scale <= room), default=1)
            if scale == 1:
                return None
            spare = min(width / max(size[0], 1), height / max(size[1], 1)) / scale
            enough = spare >= _PREVIEW_SPARE and self._has_preview(scale)
            self._set_level(PREVIEW if enough else FAST, scale)
            return self.mode, (0, 0, width / scale, height / scale)

    def _has_preview(self, scale: int) -> bool:
        """Whether the picture has a preview of a scale that shows all of it: it leaves out exact blocks."""
        assert self._file is not None
        if scale not in PREVIEW_SCALES:
            return False
        try:
            return self._file.renderer(PREVIEW, scale) is not None and self._file.exact is None
        except PgiError:  # load() says why, if it is in the way
            return False

    def thumbnail(
        self,
        size: tuple[float, float],
        resample: Image.Resampling = Image.Resampling.BICUBIC,
        reducing_gap: float | None = 2.0,
    ) -> None:
        """Make this image a thumbnail, as Pillow's own method does.

        Args:
            size: most pixels across and down.
            resample: filter of the last step.
            reducing_gap: None to decode the picture in full size first; else how much larger than the
                thumbnail it may be before the filter.
        """
        final = size_within(self.size, size)
        if final is None:
            return
        drafted = self.draft(None, final) if reducing_gap is not None else None
        if self.size != final:
            im = self.resize(final, resample, drafted and drafted[1], reducing_gap)
            self.im = im.im
            self._size = final
            self._mode = self.im.mode
        self.load()
        self.readonly = 0

    def verify(self) -> None:
        """Check CRC32 and SHA-256 of every block (A-6.3.2a), and that what was signed is unchanged.

        Nothing is decoded, and nobody is trusted: :meth:`pgic_core.PgiFile.verify` says who signed.
        The image is of no use after.

        Raises:
            OSError: something is damaged or missing, or was changed after it was signed.
        """
        if self._file is None or self.fp is None:
            raise RuntimeError("verify must be called directly after open")
        with pillow_errors(self.filename, self.fp):
            whole = self._file if self._sequence is None else self._sequence
            whole.container.verify_bytes()
            for file in whole.frames():
                file.require_unchanged()
                if file.tier is not None or not file.encrypted:
                    _ = file.metadata
        super().verify()

    def _set_level(self, level: Level, scale: int) -> None:
        """Have the picture decoded at a level and scale."""
        assert self._file is not None
        assert self._full_size is not None
        self._level, self._scale = level, scale
        width, height = self._full_size
        self._size = (-(-width // scale), -(-height // scale))
        if level in (FAST, PREVIEW):
            self._unmark()
            return
        try:
            renderer = self._file.renderer(level, scale)
        except PgiUnsupportedError:
            return  # the model is not here: load() says so
        if renderer is not None and renderer.synthesised:
            from pgic_core.camera import xmp_with_synthesised

            self.info["synthesised"] = True
            with contextlib.suppress(PgiUnsupportedError):  # a packet that is too broken stays as it is
                self.info["xmp"] = xmp_with_synthesised(self.info.get("xmp"))

    def _unmark(self) -> None:
        """Take back what was noted of synthesised detail."""
        if self.info.pop("synthesised", False):
            assert self._file is not None
            self.info.pop("xmp", None)
            if self._file.xmp:
                self.info["xmp"] = self._file.xmp


def _accept(prefix: bytes) -> bool | str:
    if not prefix.startswith(MAGIC):
        return False
    try:
        import pgic_core.api  # noqa: F401
    except Exception as error:  # a broken NumPy raises whatever it likes when it is imported
        return f"image file could not be identified because a library that PGI needs is missing: {error}"
    return True


def _save(im: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
    fp.write(encoded(im, threads=threads_in_worker(THREADS), limits=LIMITS, whole=_is_whole(im)))


def _save_all(im: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
    write_frames(im, fp, threads=threads_in_worker(THREADS), limits=LIMITS, whole=_is_whole)


def _is_whole(im: Image.Image) -> bool:
    """Whether an image is an opened ``.pgi`` file in its full size."""
    return isinstance(im, PgiImageFile) and im.size == im._full_size


def _conceals() -> bool:
    return ON_DAMAGE == "conceal" or ImageFile.LOAD_TRUNCATED_IMAGES


register_pgi_opener()
