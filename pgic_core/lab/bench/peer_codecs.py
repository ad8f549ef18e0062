"""The codecs that are measured side by side, each as whole files in memory.

JPEG, WebP, AVIF and JPEG 2000 come with Pillow; HEIC and JPEG XL through their Pillow plugins (extra
``[eval]``). A codec that is not installed is named with the reason and left out.
"""

from __future__ import annotations

import importlib
import io
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import PgiOptionError
from ...options import FAST

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ...options import Level

__all__ = ["PEERS", "Codec", "available", "find_codec"]


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec at fixed settings.

    Attributes:
        name: for tables and the command line.
        settings: what is fixed, for people.
        qualities: ascending, sweeping the range that is of use.
        usual: the quality taken where one is enough.
        encode: ``(H, W, 3)`` uint8 and a quality to a whole file.
        decode: a whole file to ``(H, W, 3)`` uint8.
    """

    name: str
    settings: str
    qualities: tuple[int, ...]
    usual: int
    encode: Callable[[NDArray[np.uint8], int], bytes]
    decode: Callable[[bytes], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class _Format:
    """A Pillow format, with the module that registers it and the distribution it comes in."""

    name: str
    pillow_name: str
    settings: str
    options: dict[str, Any]
    qualities: tuple[int, ...]
    usual: int
    feature: str = ""
    plugin: str = ""
    distribution: str = "pillow"
    quality_option: str = "quality"

    def missing(self) -> str | None:
        """Why it cannot be used; None if it can."""
        from PIL import features

        if self.feature and not features.check(self.feature):
            return f"this Pillow was built without {self.pillow_name}"
        if self.plugin:
            try:
                self._register()
            except ImportError as error:
                missing = isinstance(error, ModuleNotFoundError)
                return f"{self.distribution} is not installed" + ("" if missing else f": {error}")
        return None

    def _register(self) -> None:
        plugin = importlib.import_module(self.plugin)
        if hasattr(plugin, "register_heif_opener"):
            plugin.register_heif_opener()

    def encode(self, picture: NDArray[np.uint8], quality: int) -> bytes:
        from PIL import Image

        buffer = io.BytesIO()
        wanted = {self.quality_option: [quality] if self.quality_option == "quality_layers" else quality}
        Image.fromarray(picture).save(buffer, self.pillow_name, **wanted, **self.options)
        return buffer.getvalue()

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        from PIL import Image

        with Image.open(io.BytesIO(data), formats=[self.pillow_name]) as image:
            return np.asarray(image.convert("RGB"))

    def codec(self) -> Codec:
        return Codec(self.name, self.settings, self.qualities, self.usual, self.encode, self.decode)


_FORMATS = (
    _Format(
        "jpeg",
        "JPEG",
        "optimised, 4:2:0",
        {"optimize": True},
        (5, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 95),
        85,
    ),
    _Format(
        "webp",
        "WEBP",
        "method 4",
        {"method": 4},
        (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100),
        80,
        feature="webp",
    ),
    _Format(
        "avif",
        "AVIF",
        "speed 6, 4:4:4",
        {"speed": 6, "subsampling": "4:4:4"},
        (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100),
        65,
        feature="avif",
    ),
    _Format(
        "heic",
        "HEIF",
        "x265, 4:4:4",
        {"chroma": 444},
        (10, 20, 30, 40, 50, 60, 70, 80, 90, 100),
        60,
        plugin="pillow_heif",
        distribution="pillow-heif",
    ),
    _Format(
        "jxl",
        "JXL",
        "effort 7",
        {"effort": 7},
        (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95),
        75,
        plugin="pillow_jxl",
        distribution="pillow-jxl-plugin",
    ),
    _Format(
        "jp2",
        "JPEG2000",
        "9-7 wavelet, aimed at a PSNR in dB",
        {"quality_mode": "dB", "irreversible": True, "mct": 1},
        (24, 27, 30, 33, 36, 39, 42, 45, 48),
        36,
        feature="jpg_2000",
        quality_option="quality_layers",
    ),
)
PEERS = tuple(entry.name for entry in _FORMATS)
"""Names of the codecs that pgic is compared with."""
_PGIC = re.compile(r"pgic(?:-e([1-9]))?(?:-(fine|perceptual))?")
_PGIC_QUALITIES = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)


def available(names: tuple[str, ...]) -> tuple[list[Codec], dict[str, str]]:
    """Codecs by name.

    Args:
        names: of :data:`PEERS`, and ``pgic`` at its default effort or ``pgic-e1`` and so on; ``-fine`` or
            ``-perceptual`` behind it decodes the same bytes at that level.

    Returns:
        Those that are installed, in the order of ``names``, and for every other one the reason.

    Raises:
        PgiOptionError: a name is unknown.
    """
    found, missing = [], {}
    for name in dict.fromkeys(names):
        try:
            found.append(find_codec(name))
        except ImportError as error:
            missing[name] = str(error)
    return found, missing


def find_codec(name: str) -> Codec:
    """The codec of this name; see :func:`available`.

    Raises:
        PgiOptionError: the name is unknown.
        ImportError: it is not installed here.
    """
    if match := _PGIC.fullmatch(name):
        effort = int(match[1]) if match[1] else None
        decode = partial(_decode_pgic, level=str(match[2] or FAST))
        return Codec(name, "", _PGIC_QUALITIES, 75, partial(_encode_pgic, effort=effort), decode)
    for entry in _FORMATS:
        if entry.name == name:
            if reason := entry.missing():
                raise ImportError(reason)
            return entry.codec()
    raise PgiOptionError(
        f"{name!r} is not a known codec; there are {', '.join(PEERS)}, pgic, pgic-fine, "
        "pgic-perceptual and pgic-e1 to e9."
    )


def _encode_pgic(picture: NDArray[np.uint8], quality: int, *, effort: int | None) -> bytes:
    from ...api import encode

    return encode(picture, quality=quality, effort=effort)


def _decode_pgic(data: bytes, *, level: Level) -> NDArray[np.uint8]:
    from ...api import decode

    return decode(data, level=level)
