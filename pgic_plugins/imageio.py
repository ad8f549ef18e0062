"""imageio plugin: ``.pgi`` through ``imageio.v3`` and ``imageio.v2``.

Importing this module registers it under the name ``pgi``, before imageio's own plugins; the start-up hook
(:mod:`pgic_plugins._autoload`) makes even the import unnecessary. A file is known by its first bytes,
whatever its name. Files of other formats are left as they were for the plugins that follow; so are streams
that cannot seek back, which need ``extension=".pgi"``. A damaged ``.pgi`` raises
:class:`pgic_core.errors.PgiError` and is not offered to other plugins, some of which return garbage for any
bytes.

To write bytes, or to a file object, say what is wanted: ``imwrite("<bytes>", image, extension=".pgi")`` or
``plugin="pgi"``.
A sequence has several images: ``index`` is the number of a frame and ``...`` stands for all, ``imiter`` gives
one after the other, and without an index it is the first. Several images that are written into one file
become a sequence; ``duration=`` says for how many milliseconds they are shown.
Vendor fields share that keyword with imageio; give them to ``imopen(...).write(image, extension={...})``.
"""

from __future__ import annotations

import shutil
import tempfile
from typing import IO, TYPE_CHECKING, Any, cast

import imageio.config
import numpy as np
from imageio.core.request import RETURN_BYTES, InitializationError, IOMode, Request
from imageio.core.v3_plugin_api import ImageProperties, PluginV3

from pgic_core.api import SequenceWriter, encode, open_file
from pgic_core.container.sequence_appending import begin_sequence
from pgic_core.errors import PgiOptionError
from pgic_core.magic import MAGIC
from pgic_core.options import DEFAULT_KEY_DISTANCE, DecodeOptions

from ._autoload import register_imageio
from ._image_info import info_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import EllipsisType
    from typing import Unpack

    from numpy.typing import ArrayLike, NDArray

    from pgic_core.api import EncodeOptions, PgiFile
    from pgic_core.options import Level, OnDamage, Window
    from pgic_core.roi import RegionsLike
    from pgic_core.security.keyring import KeysLike

    Index = int | EllipsisType | None

__all__ = ["ContentPgiPlugin", "PgiPlugin"]

_EXTENSION = ".pgi"
_IN_MEMORY = 64 << 20
_UPRIGHT = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels.swapaxes(0, 1)[:, ::-1],
    7: lambda pixels: pixels.swapaxes(0, 1)[::-1, ::-1],
    8: lambda pixels: pixels.swapaxes(0, 1)[::-1],
}


class PgiPlugin(PluginV3):
    """One ``.pgi`` file that imageio reads or writes: a picture or a sequence.

    Args:
        request: what imageio was asked for.
        keys: of an encrypted file, as of :func:`pgic_core.open_file`.

    Raises:
        InitializationError: the bytes are no ``.pgi`` file, or the file to write is to be another format.
        PgiError: they are one, but it is damaged or not to be read here.
    """

    def __init__(self, request: Request, *, keys: KeysLike | None = None) -> None:
        super().__init__(request)
        self._file: PgiFile | None = None
        self._still: tuple[bytes, float | None] | None = None  # a single picture that was written
        self._frames: _Frames | None = None
        if request.mode.io_mode is IOMode.write:
            if request.extension not in (None, _EXTENSION):
                raise InitializationError("The pgi plugin writes .pgi files; say extension='.pgi'.")
            return
        if not _is_ours(request):
            raise InitializationError("This is not a .pgi file, or a stream; for that, say extension='.pgi'.")
        try:
            self._file = open_file(request.get_file(), keys=keys)
        except BaseException:
            request.finish()
            raise

    def close(self) -> None:
        """Close the file and finish the request."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._frames is not None:
            self._frames.move_to(self.request.get_file(), over=self._still is not None)
            self._frames = None
        super().close()

    def read(
        self,
        *,
        index: Index = None,
        level: Level = "fast",
        scale: int = 1,
        window: Window | None = None,
        regions: RegionsLike | None = None,
        on_damage: OnDamage = "raise",
        mode: str | None = None,
        rotate: bool = False,
        threads: int | None = None,
        pilmode: str | None = None,
        keys: KeysLike | None = None,
    ) -> NDArray[Any]:
        """Decode a picture.

        Args:
            index: of the frame; None for the first; ``...`` for all, along a new first axis.
            level: as for :func:`pgic_core.decode`.
            scale: 1, 2, 4 or 8, by which each side is smaller.
            window: x, y, width, height in pixels of the stored picture.
            regions: with level "adaptive", what to decode finely.
            on_damage: "raise", or "conceal" to fill what is damaged.
            mode: a mode of Pillow to convert to, as imageio's Pillow plugin does.
            rotate: turn the result upright, as EXIF says.
            threads: 1 or more; ``PGIC_THREADS`` or all processors if not given.
            pilmode: what ``imageio.v2`` calls ``mode``.
            keys: of an encrypted file, as of :func:`pgic_core.open_file`; for ``imread``, which gives its
                options to this method.

        Returns:
            (H, W) for grey, else (H, W, C), writable.

        Raises:
            ValueError: there is no such frame.
            PgiError: as :func:`pgic_core.decode`.
        """

        def decoded(file: PgiFile) -> NDArray[Any]:
            picture, _ = file.decode_with(
                DecodeOptions(level, window, on_damage, threads, scale=scale, regions=regions)
            )
            kind = mode or pilmode
            pixels = picture.to_array() if kind is None else np.array(picture.to_pil().convert(kind))
            if rotate and file.orientation in _UPRIGHT:
                return np.ascontiguousarray(_UPRIGHT[file.orientation](pixels))
            return pixels

        if index is ...:
            return np.stack([decoded(file) for file in self._opened(keys).frames()])
        return decoded(self._opened(keys).frame(index or 0))

    def iter(self, **options: Any) -> Iterator[NDArray[Any]]:
        """Yield the frames one after the other; options as for :meth:`read`."""
        for index in range(self._opened().n_frames):
            yield self.read(index=index, **options)

    def write(
        self,
        ndimage: ArrayLike | list[ArrayLike],
        *,
        is_batch: bool | None = None,
        duration: float | None = None,
        **options: Unpack[EncodeOptions],
    ) -> bytes | None:
        """Encode pictures; with the second one the file becomes a sequence.

        Args:
            ndimage: (H, W) or (H, W, 1-4); or a list or batch of such pictures.
            is_batch: whether the first axis counts pictures; if not given, four axes and lists do.
            duration: for how many milliseconds each is shown, in a sequence.
            options: as for :func:`pgic_core.encode`.

        Returns:
            The file so far if imageio was asked for ``"<bytes>"``, else None.

        Raises:
            ValueError: there are no pictures.
            PgiError: as :meth:`pgic_core.SequenceWriter.append`; the pictures before are in the file.
        """
        if is_batch is None:
            is_batch = isinstance(ndimage, (list, tuple)) or np.ndim(ndimage) == 4
        pictures = [np.asarray(each) for each in ndimage] if is_batch else [np.asarray(ndimage)]  # type: ignore[union-attr]
        if not pictures:
            raise PgiOptionError("A .pgi file holds one picture or more, not 0.")
        if self._still is None and self._frames is None and len(pictures) == 1:
            data = encode(pictures[0], **options)
            self.request.get_file().write(data)
            self._still = data, duration
        else:
            frames = self._frames or _Frames.after(self._still)
            for picture in pictures:
                frames.writer.append(picture, duration=duration, **options)
            self._frames, data = frames, b""
        if not str(self.request.raw_uri).startswith(RETURN_BYTES):
            return None
        return data or self._frames.content()  # type: ignore[union-attr]

    def properties(self, index: Index = None) -> ImageProperties:
        """Shape, type and spacing without decoding.

        Args:
            index: as for :meth:`read`.

        Returns:
            ``spacing`` is the resolution in pixels per inch, where the file says it.
        """
        whole = self._opened()
        file = whole.frame(0 if index is ... else index or 0)
        shape: tuple[int, ...] = (file.height, file.width)
        if file.channels > 1:
            shape = (*shape, int(file.channels))
        count = whole.n_frames if index is ... else None
        if count is not None:
            shape = (count, *shape)
        return ImageProperties(
            shape=shape,
            dtype=file.sample_format.dtype,
            n_images=count,
            is_batch=index is ...,
            spacing=file.dpi,
        )

    def metadata(self, index: Index = None, exclude_applied: bool = True) -> dict[str, Any]:
        """What the file says beside its pixels.

        Args:
            index: as for :meth:`read`.
            exclude_applied: without effect, because nothing is applied unless :meth:`read` is told to.

        Returns:
            Keys as in Pillow's ``im.info`` (:mod:`pgic_plugins.pillow`), and ``orientation``, 1 to 8; of a
            sequence also ``n_images``, and ``duration`` in milliseconds where the file says it.
        """
        whole, number = self._opened(), 0 if index is ... else index or 0
        file, duration = whole.frame(number), whole.duration(number)
        found = {**info_of(file), "orientation": file.orientation}
        if whole.is_sequence:
            found["n_images"] = whole.n_frames
        return found if duration is None else found | {"duration": duration}

    def _opened(self, keys: KeysLike | None = None) -> PgiFile:
        """The file; with keys, opened anew."""
        if self._file is None:
            raise ValueError("The file is closed, or is being written.")
        if keys is not None:
            source = self.request.get_file()
            if getattr(source, "seekable", lambda: False)():
                source.seek(0)
            self._file = open_file(source, keys=keys)
        return self._file


class ContentPgiPlugin(PgiPlugin):
    """The plugin as imageio asks it when nobody named it: it writes only what is to be called ``.pgi``."""

    def __init__(self, request: Request, *, keys: KeysLike | None = None) -> None:
        if request.mode.io_mode is IOMode.write and request.extension != _EXTENSION:
            raise InitializationError("Nothing says that this is to be a .pgi file.")
        super().__init__(request, keys=keys)


def _is_ours(request: Request) -> bool:
    file = request.get_file()
    if not hasattr(file, "tell") or not getattr(file, "seekable", lambda: True)():
        return bool(request.extension == _EXTENSION)
    # A file starts at its first byte, wherever it stands: as for imageio's other plugins.
    position = file.tell()
    file.seek(0)
    ours = bool(file.read(len(MAGIC)) == MAGIC)
    file.seek(0 if ours else position)
    return ours


class _Frames:
    """A sequence that grows in a temporary file, since imageio opens what is written for writing alone."""

    def __init__(self, start: Iterable[bytes | memoryview]) -> None:
        self._made = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by move_to
        for piece in start:
            self._made.write(piece)
        self._made.seek(0)
        self.writer = SequenceWriter(cast("IO[bytes]", self._made), append=True)

    @classmethod
    def after(cls, still: tuple[bytes, float | None] | None) -> _Frames:
        """A sequence that starts with a picture and its duration, or with nothing."""
        if still is None:
            return cls(())
        data, duration = still
        return cls(begin_sequence(data, key_distance=DEFAULT_KEY_DISTANCE, duration=round(duration or 0)))

    def content(self) -> bytes:
        """The file so far."""
        self._made.seek(0)
        return self._made.read()

    def move_to(self, file: Any, *, over: bool) -> None:
        """Write the sequence to a file.

        Args:
            file: where to.
            over: whether it takes the place of a picture that was written before.

        Raises:
            PgiOptionError: it does, and the file cannot seek.
        """
        with self._made:
            self.writer.close()
            if self.writer.n_frames:
                if over:
                    _rewind(file)
                self._made.seek(0)
                shutil.copyfileobj(self._made, file)


def _rewind(file: Any) -> None:
    try:
        file.seek(0)
        file.truncate()
    except OSError as error:
        raise PgiOptionError(
            "The target cannot seek, so that one picture goes into it; write several as a list."
        ) from error


register_imageio(imageio.config)
