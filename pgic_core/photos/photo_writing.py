"""Decoded pictures as files of other formats, with everything that the format can hold beside the pixels."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from ..camera import orientation_of
from ..codec.orientation import upright_pixels
from ..codec.picture import Picture
from ..codec.sample_format import SampleFormat
from ..container import put_segments
from ..errors import PgiUnsupportedError
from .side_data_for_photo import CARRIED_NAMES, EXIF_PREFIX, Carried, not_held

__all__ = ["photo_bytes"]

_JPEG_QUALITY = 95
_MAX_JPEG_ICC = 255 * 65_519

# What each of Pillow's formats holds beside pixels, as far as Pillow writes it.
_HOLDS = {
    "JPEG": {
        "exif",
        "icc_profile",
        "xmp",
        "xmp_extended",
        "iptc",
        "photoshop",
        "comments",
        "dpi",
        "segments",
    },
    "PNG": {"exif", "icc_profile", "xmp", "iptc", "photoshop", "comments", "texts", "dpi"},
    "TIFF": {"exif", "icc_profile", "xmp", "iptc", "photoshop", "dpi"},
    "WEBP": {"exif", "icc_profile", "xmp"},
    "AVIF": {"exif", "icc_profile", "xmp"},
    "GIF": {"comments"},
    "JPEG2000": {"comments"},
    "BMP": {"dpi"},
}
_MAX_JPEG_DPI = 65_535


def photo_bytes(
    picture: Picture,
    carried: Carried,
    suffix: str,
    *,
    orientation: int = 1,
    quality: int | None = None,
    losses: list[str],
) -> bytes | memoryview:
    """A decoded picture as the bytes of a photo file.

    Where the file cannot say that the picture lies on its side, the picture is turned upright.

    Args:
        picture: the pixels.
        carried: what goes beside them, if the format holds it.
        suffix: of the file, with its dot; ``.npy`` holds the samples alone, as they are.
        orientation: EXIF orientation of the picture, 1 to 8.
        quality: of JPEG, WebP and AVIF; None for 95 of JPEG and lossless WebP.
        losses: gets a predicate for each thing that the file does not hold.

    Raises:
        PgiUnsupportedError: the format cannot hold the picture.
    """
    if suffix == ".npy":
        out = io.BytesIO()
        np.save(out, picture.to_array(), allow_pickle=False)
        return out.getbuffer()
    from PIL import Image

    Image.init()
    kind = Image.registered_extensions().get(suffix)
    if kind is None or kind not in Image.SAVE:
        raise PgiUnsupportedError(f"This build of Pillow does not write {suffix}.")
    carried = _held(carried, kind, losses)
    if orientation != 1 and orientation_of(carried.exif) != orientation:
        losses.append(f"is turned upright, since this {kind} cannot say how it lies")
        picture = Picture(upright_pixels(picture.pixels, orientation), picture.image_type)
    try:
        return _file(picture, carried, kind, quality, losses)
    except PgiUnsupportedError as error:
        raise PgiUnsupportedError(f"{error} A .npy file can hold it.") from error
    except (OSError, ValueError, KeyError) as error:
        raise PgiUnsupportedError(f"{kind} cannot hold this picture: {error}.") from error


def _held(carried: Carried, kind: str, losses: list[str]) -> Carried:
    """What of it the format holds; the rest is named."""
    left = [name for name in carried.names() if name not in _HOLDS.get(kind, set())]
    if kind == "JPEG":
        if carried.exif and len(EXIF_PREFIX) + len(carried.exif) > 65_533:
            left.append("exif")
        if carried.icc_profile and len(carried.icc_profile) > _MAX_JPEG_ICC:
            left.append("icc_profile")
        if carried.dpi and max(carried.dpi) > _MAX_JPEG_DPI:
            left.append("dpi")
    if carried.xmp and "xmp" not in left and _utf8(carried.xmp) is None:
        left.append("xmp")
    if left:
        losses.append(not_held(left, kind))
    if carried.segments and not carried.whole and "segments" not in left:
        losses.append(f"has {CARRIED_NAMES['segments']}, which only the whole picture can hold")
        left.append("segments")
    return carried.without(left)


def _utf8(xmp: bytes) -> str | None:
    """An XMP packet as text."""
    for encoding in ("utf-8", "utf-16", "utf-32"):
        try:
            return xmp.decode(encoding)
        except UnicodeError:
            continue
    return None


def _file(
    picture: Picture, carried: Carried, kind: str, quality: int | None, losses: list[str]
) -> bytes | memoryview:
    if kind == "TIFF":
        from .tiff_writing import tiff_file

        return b"".join(tiff_file(picture.pixels, carried, losses))
    deep = picture.sample_format is SampleFormat.UINT16 and picture.pixels.shape[2] > 1
    options = _save_options(carried, kind, quality)
    if kind == "PNG" and deep:
        from .deep_png_writing import deep_png

        return deep_png(picture.pixels, options)
    if deep:
        losses.append(f"has samples of 16 bits, of which this {kind} holds 8")
    if kind == "GIF" and picture.pixels.shape[2] > 2:
        losses.append("has more colours than a GIF holds, which are approximated")
    out = io.BytesIO()
    picture.to_pil().save(out, kind, **options)
    if carried.segments:
        return put_segments(out.getbuffer(), carried.segments)
    return out.getbuffer()


def _save_options(carried: Carried, kind: str, quality: int | None) -> dict[str, Any]:
    """What Pillow's writers take."""
    options: dict[str, Any] = {}
    if carried.exif:
        # Pillow's JPEG writer takes the bytes as they are, and readers look for the prefix.
        options["exif"] = EXIF_PREFIX + carried.exif
    if carried.icc_profile:
        options["icc_profile"] = carried.icc_profile
    if carried.dpi:
        options["dpi"] = carried.dpi
    if kind == "PNG":
        options["pnginfo"] = _png_texts(carried)
    elif kind == "JPEG":
        options["extra"] = _jpeg_segments(carried)
    elif carried.xmp:
        options["xmp"] = carried.xmp
    if kind in ("GIF", "JPEG2000") and carried.side.comments:
        options["comment"] = b"\n".join(carried.side.comments)
    if quality is not None:
        options["quality"] = quality
    elif kind == "JPEG":
        options["quality"] = _JPEG_QUALITY
    elif kind == "WEBP":
        options |= {"lossless": True, "exact": True}
    return options


def _jpeg_segments(carried: Carried) -> bytes:
    from .jpeg_writing import comment_segments, photoshop_segments, xmp_segments

    xmp = carried.xmp or b""
    if len(xmp) > 65_000:  # what goes into extended XMP has to be UTF-8
        xmp = (_utf8(xmp) or "").encode()
    side = carried.side
    segments = xmp_segments(xmp, side.xmp_extended) + photoshop_segments(side.iptc, side.photoshop)
    return b"".join(segments + comment_segments(side.comments))


def _png_texts(carried: Carried) -> Any:
    from PIL import PngImagePlugin

    from .photoshop_resources import join_resources

    info = PngImagePlugin.PngInfo()
    if carried.xmp:
        info.add_itxt("XML:com.adobe.xmp", _utf8(carried.xmp) or "")
    side = carried.side
    resources = join_resources(side.iptc, side.photoshop)
    if resources:
        # Where other tools look for IPTC in a PNG.
        lines = [resources.hex()[at : at + 72] for at in range(0, 2 * len(resources), 72)]
        info.add_text(
            "Raw profile type iptc", "\n".join(["", "iptc", f"{len(resources):8}", *lines, ""]), zip=True
        )
    for item in side.texts:
        if item.language or item.translated or not _is_latin_1(item.text):
            info.add_itxt(item.keyword, item.text, item.language, item.translated, zip=len(item.text) > 1024)
        else:
            info.add_text(item.keyword, item.text, zip=len(item.text) > 1024)
    for comment in side.comments:
        info.add_text("Comment", _utf8(comment) or comment.decode("latin-1"))
    return info


def _is_latin_1(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeError:
        return False
    return True
