"""imageio plugin: ``.pgi`` through ``imageio.v3`` and ``imageio.v2``.

Importing this module registers it under the name ``pgi``, before imageio's own plugins; the start-up hook
(:mod:`pgic_plugins._autoload`) makes even the import unnecessary. A file is known by its first bytes,
whatever its name. Files of other formats are left as they were for the plugins that follow; so are streams
that cannot seek back, which need ``extension=".pgi"``. A damaged ``.pgi`` raises
:class:`pgic_core.errors.PgiError` and is not offered to other plugins, some of which return garbage for any
bytes.

To write bytes, or to a file object, say what is wanted: ``imwrite("<bytes>", image, extension=".pgi")`` or
``plugin="pgi"``.
Vendor fields share that keyword with imageio; give them to ``imopen(...).write(image, extension={...})``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import imageio.config
import numpy as np
from imageio.core.request import RETURN_BYTES, InitializationError, IOMode, Request
from imageio.core.v3_plugin_api import ImageProperties, PluginV3

from pgic_core.api import encode, open_file
from pgic_core.errors import PgiOptionError
from pgic_core.magic import MAGIC
from pgic_core.options import DecodeOptions

from ._autoload import register_imageio
from ._image_info import info_of

if TYPE_CHECKING:
    from collections.abc import Iterator
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
    """One ``.pgi`` file that imageio reads or writes; it holds one picture.

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
        self._written = False
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
        """Decode the picture.

        Args:
            index: 0 or None; ``...`` puts an axis of length 1 before.
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
            ValueError: ``index`` is another number.
            PgiError: as :func:`pgic_core.decode`.
        """
        _check(index)
        file = self._opened(keys)
        picture, _ = file.decode_with(
            DecodeOptions(level, window, on_damage, threads, scale=scale, regions=regions)
        )
        mode = mode or pilmode
        pixels = picture.to_array() if mode is None else np.array(picture.to_pil().convert(mode))
        if rotate and file.orientation in _UPRIGHT:
            pixels = np.ascontiguousarray(_UPRIGHT[file.orientation](pixels))
        return pixels[np.newaxis] if index is ... else pixels

    def iter(self, **options: Any) -> Iterator[NDArray[Any]]:
        """Yield the one picture; options as for :meth:`read`."""
        yield self.read(**options)

    def write(
        self,
        ndimage: ArrayLike | list[ArrayLike],
        *,
        is_batch: bool | None = None,
        **options: Unpack[EncodeOptions],
    ) -> bytes | None:
        """Encode one picture; nothing is written if that fails.

        Args:
            ndimage: (H, W) or (H, W, 1-4); or a list or batch of exactly one such picture.
            is_batch: whether the first axis counts pictures; if not given, four axes and lists do.
            options: as for :func:`pgic_core.encode`.

        Returns:
            The file if imageio was asked for ``"<bytes>"``, else None.

        Raises:
            ValueError: there are several pictures, or one was written before; a file holds one.
            PgiError: as :func:`pgic_core.encode`.
        """
        if self._written:
            raise PgiOptionError(
                "A .pgi file holds one picture, and this one has been written; write each picture to a file "
                "of its own."
            )
        if is_batch is None:
            is_batch = isinstance(ndimage, (list, tuple)) or np.ndim(ndimage) == 4
        pixels = np.asarray(ndimage)
        if is_batch:
            if len(pixels) != 1:
                raise PgiOptionError(f"A .pgi file holds one picture, not {len(pixels)}.")
            pixels = pixels[0]
        data = encode(pixels, **options)
        self.request.get_file().write(data)
        self._written = True
        return data if str(self.request.raw_uri).startswith(RETURN_BYTES) else None

    def properties(self, index: Index = None) -> ImageProperties:
        """Shape, type and spacing without decoding.

        Args:
            index: as for :meth:`read`.

        Returns:
            ``spacing`` is the resolution in pixels per inch, where the file says it.
        """
        _check(index)
        file = self._opened()
        shape: tuple[int, ...] = (file.height, file.width)
        if file.channels > 1:
            shape = (*shape, int(file.channels))
        if index is ...:
            shape = (1, *shape)
        return ImageProperties(
            shape=shape,
            dtype=file.sample_format.dtype,
            n_images=1 if index is ... else None,
            is_batch=index is ...,
            spacing=file.dpi,
        )

    def metadata(self, index: Index = None, exclude_applied: bool = True) -> dict[str, Any]:
        """What the file says beside its pixels.

        Args:
            index: as for :meth:`read`.
            exclude_applied: without effect, because nothing is applied unless :meth:`read` is told to.

        Returns:
            Keys as in Pillow's ``im.info`` (:mod:`pgic_plugins.pillow`), and ``orientation``, 1 to 8.
        """
        _check(index)
        file = self._opened()
        return {**info_of(file), "orientation": file.orientation}

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


def _check(index: Index) -> None:
    if index not in (None, ..., 0):
        raise PgiOptionError(f"The file holds one picture: index must be 0, not {index!r}.")


register_imageio(imageio.config)
