"""Samples of more than 8 bits that Pillow reduces to 8: PNG, TIFF, PPM, HEIC and others."""

from __future__ import annotations

import os
import re
import struct
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin

from ..errors import PgiInputError
from .imagecodecs_samples import samples_by_imagecodecs
from .jxl_header import jxl_header
from .orientation import upright_pixels
from .sample_format import SampleFormat
from .tiff_samples import TiffLayout, read_tiff_samples, tiff_layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["AnyTiffFile", "deep_samples", "file_of"]

# Raw modes of Pillow's PNG reader, and those that give the lower bytes of the same samples.
_PNG_LOW = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}
_HEAD_BYTES = 1 << 16


class AnyTiffFile(TiffImagePlugin.TiffImageFile):
    """A TIFF of a kind for which Pillow has no mode, but :mod:`.tiff_samples` reads.

    Its ``mode`` only says the number of channels, and Pillow cannot load it; :func:`deep_samples` does.
    """

    def _setup(self) -> None:
        try:
            super()._setup()
        except SyntaxError:
            layout = _tiff_layout(self)
            if layout is None:
                raise
            self._mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[layout.colours + layout.has_alpha]
            self._size = layout.width, layout.height
            self._tile_size = self._size
            self.tile = []
            for tag, name in ((34675, "icc_profile"), (700, "xmp")):
                with suppress(KeyError, TypeError):
                    self.info[name] = bytes(self.tag_v2[tag])


def deep_samples(image: Image.Image, losses: list[str]) -> NDArray[Any] | None:
    """The samples of an image that Pillow would reduce, garble or refuse.

    Args:
        image: as Pillow opened it. One that is loaded is looked up in its file again, where it still is
            what the file says.
        losses: gets a predicate where samples are reduced all the same.

    Returns:
        (H, W, C) of uint16 and other types that a picture may have; None where Pillow's samples are all there
        is.

    Raises:
        PgiInputError: the file is damaged, or its samples cannot be coded.
    """
    readers = {
        "PNG": _png,
        "TIFF": _tiff,
        "PPM": _ppm,
        "HEIF": _heif,
        "AVIF": _avif,
        "JPEG2000": _jpeg2000,
        "JXL": _jxl,
    }
    read = readers.get(getattr(image, "format", None) or "")
    if read is None:
        return None
    loaded = bool(getattr(image, "_im", None)) and not getattr(image, "tile", None)
    with file_of(image) as file:
        if file is None:
            if loaded and _claims_more(image):
                losses.append("has samples of more than 8 bits; the 8 that Pillow loaded are coded")
            return None
        try:
            pixels = read(image, file, losses)
        except PgiInputError:
            raise
        except (OSError, SyntaxError, ValueError, struct.error, EOFError, RuntimeError) as error:
            raise PgiInputError(f"The picture cannot be read: {error}.") from error
    if pixels is None:
        return None
    if loaded and not _is_same(image, pixels):
        losses.append("has samples of more than 8 bits in its file; those that were changed since are coded")
        return None
    return _codable(pixels, losses)


@contextmanager
def file_of(image: Image.Image) -> Iterator[IO[bytes] | None]:
    """The file behind an image, from its start, where it is left as it was; None if there is none."""
    file = getattr(image, "fp", None) or getattr(image, "_fp", None)
    if file is not None and not getattr(file, "closed", True):
        position = file.tell()
        try:
            file.seek(0)
            yield file
        finally:
            if not file.closed:  # Pillow closes it once it has loaded the picture
                file.seek(position)
        return
    name = getattr(image, "filename", None)
    try:
        opened = open(name, "rb") if name and os.path.isfile(name) else None  # noqa: SIM115
    except OSError:
        opened = None
    if opened is None:
        yield None
        return
    with opened:
        yield opened


def _claims_more(image: Image.Image) -> bool:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        layout = _tiff_layout(image)
        return layout is not None and not layout.is_plain
    return False


def _is_same(image: Image.Image, pixels: NDArray[Any]) -> bool:
    """Whether an image that was loaded still shows what its file holds."""
    if (image.height, image.width) != pixels.shape[:2]:
        return False
    if pixels.dtype != np.uint16:
        return True
    high = (pixels >> 8).astype(np.uint8)
    shown = np.atleast_3d(np.asarray(image))
    if shown.dtype != np.uint8:
        return False
    if high.shape[2] == 2 and shown.shape[2] == 4:  # as Pillow opens grey with opacity
        high = high[:, :, (0, 0, 0, 1)]
    count = min(shown.shape[2], high.shape[2])
    return bool((np.abs(shown[:, :, :count].astype(np.int16) - high[:, :, :count]) <= 1).all())


def _codable(pixels: NDArray[Any], losses: list[str]) -> NDArray[Any]:
    """Samples in a type that a picture may have, and that holds every value where there is one."""
    name = pixels.dtype.name
    names = {kind.name.lower() for kind in SampleFormat}
    if name in names:
        return pixels
    if name == "int8":
        losses.append("has signed samples of 8 bits; they are coded as 16 bits with the same values")
        return pixels.astype(np.int16)
    raise PgiInputError(f"The picture has samples of type {name}, which a .pgi file cannot hold.")


def _png(image: Image.Image, file: IO[bytes], losses: list[str]) -> NDArray[Any] | None:
    head = file.read(33)
    if len(head) < 33 or head[24] != 16:
        return None
    if getattr(image, "tell", lambda: 0)() != 0:
        losses.append("has samples of 16 bits; 8 of this frame are coded")
        return None
    first = _png_with(file, None)
    raw_mode = first.tile[0].args if first.tile else None
    colour_key = first.info.get("transparency")
    if raw_mode == "I;16B":
        if not isinstance(colour_key, int):
            return None
        pixels = _loaded(first)[:, :, np.newaxis].astype(np.uint16)
    elif raw_mode == "LA;16B":
        # Two samples of two bytes each, as four of one.
        pixels = np.ascontiguousarray(_loaded(_png_with(file, "RGBA"))).view(">u2").astype(np.uint16)
    elif isinstance(raw_mode, str) and raw_mode in _PNG_LOW:
        low = _loaded(_png_with(file, _PNG_LOW[raw_mode]))
        pixels = _loaded(first).astype(np.uint16) << 8 | low
    else:
        return None
    if colour_key is not None and pixels.shape[2] in (1, 3):
        clear = (pixels == np.asarray(colour_key, np.uint16)).all(axis=2, keepdims=True)
        pixels = np.concatenate([pixels, np.where(clear, 0, 65535).astype(np.uint16)], axis=2)
    return pixels


def _png_with(file: IO[bytes], raw_mode: str | None) -> PngImagePlugin.PngImageFile:
    """The picture of a PNG file, to be unpacked as ``raw_mode`` says."""
    file.seek(0)
    image = PngImagePlugin.PngImageFile(file)
    if raw_mode is not None:
        image.tile = [image.tile[0]._replace(args=raw_mode)]
    return image


def _loaded(image: Image.Image) -> NDArray[Any]:
    image.load()
    return np.asarray(image)


def _tiff_layout(image: TiffImagePlugin.TiffImageFile) -> TiffLayout | None:
    return tiff_layout(image.tag_v2, "<" if image.tag_v2.prefix == b"II" else ">")


def _tiff(image: Image.Image, file: IO[bytes], losses: list[str]) -> NDArray[Any] | None:
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return None
    layout = _tiff_layout(image)
    more = 0 if layout is None else layout.samples - layout.colours - layout.has_alpha
    if more:
        losses.append(f"has {more} more channel{'s' if more > 1 else ''}; colours and opacity are coded")
    if layout is None:
        if max(image.tag_v2.get(258, (1,))) > 8 and image.mode in ("L", "LA", "RGB", "RGBA", "CMYK", "LAB"):
            losses.append("has samples of more than 8 bits; 8 of them are coded")
        return None
    if layout.is_plain and not isinstance(image, AnyTiffFile):
        return None
    pixels = read_tiff_samples(file, layout)
    if getattr(image, "_im", None) and not image.tile:
        # Pillow has turned it upright while it loaded, and taken its orientation away.
        file.seek(0)
        fresh = TiffImagePlugin.TiffImageFile(file) if image.tell() == 0 else None
        orientation = 1 if fresh is None else fresh.getexif().get(274, 1)  # of its tags, or else of its XMP
        pixels = upright_pixels(pixels, orientation)
    return pixels


def _ppm(image: Image.Image, file: IO[bytes], losses: list[str]) -> NDArray[Any] | None:
    head = re.match(
        rb"P6\s+(?:#[^\n]*\n\s*)*(\d+)\s+(?:#[^\n]*\n\s*)*(\d+)\s+(?:#[^\n]*\n\s*)*(\d+)\s", file.read(1024)
    )
    if head is None:
        return None
    width, height, top = (int(number[:10]) for number in head.groups())
    if not 255 < top < 65536 or (width, height) != image.size:
        return None
    file.seek(head.end())
    data = file.read(width * height * 6)
    if len(data) < width * height * 6:
        raise PgiInputError("The picture cannot be read: the file ends within it.")
    pixels = np.frombuffer(data, ">u2").reshape(height, width, 3).astype(np.uint32)
    return np.minimum((pixels * 65535 + top // 2) // top, 65535).astype(np.uint16)


def _heif(image: Image.Image, file: IO[bytes], losses: list[str]) -> NDArray[Any] | None:
    if int(image.info.get("bit_depth") or 8) <= 8:
        return None
    import pillow_heif

    heif = pillow_heif.open_heif(file, convert_hdr_to_8bit=False)
    frame = heif[image.tell()]
    pixels = np.array(frame)  # a copy: the samples are gone when the file is
    return np.atleast_3d(pixels) if pixels.dtype == np.uint16 else None


def _avif(image: Image.Image, file: IO[bytes], losses: list[str]) -> NDArray[Any] | None:
    head = file.read(_HEAD_BYTES)
    at = head.find(b"pixi")  # version and flags, number of channels, bits of each
    bits = head[at + 9] if 0 <= at < len(head) - 10 else 8
    return _deeper_or_named(image, file, bits, losses)


def _jpeg2000(image: Image.Image, file: IO[bytes], losses: list[str]) -> NDArray[Any] | None:
    head = file.read(_HEAD_BYTES)
    at = head.find(b"\xff\x4f\xff\x51")
    if not 0 <= at < len(head) - 43 or image.mode in ("I;16", "I"):
        return None
    return _deeper_or_named(image, file, (head[at + 42] & 0x7F) + 1, losses)


def _jxl(image: Image.Image, file: IO[bytes], losses: list[str]) -> NDArray[Any] | None:
    header = jxl_header(file)
    if header is not None and header.animated:
        losses.append("is animated; its first frame is coded")
    if header is None or image.mode in ("I;16", "F"):
        return None
    return _deeper_or_named(image, file, header.bits, losses)


def _deeper_or_named(
    image: Image.Image, file: IO[bytes], bits: int, losses: list[str]
) -> NDArray[Any] | None:
    """All bits where a library reads them; else the loss is named."""
    if bits <= 8:
        return None
    samples = samples_by_imagecodecs(image, file, bits)
    if samples is None:
        losses.append(f"has samples of {bits} bits; 8 of them are coded")
    return samples
