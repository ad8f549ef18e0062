"""Decoded pictures as files of other formats, with everything that the format can hold beside the pixels."""

from __future__ import annotations

import dataclasses
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..camera import orientation_of, xmp_with_synthesised
from ..codec.picture import Picture, SampleFormat, upright_pixels
from ..container import put_segments
from ..errors import PgiUnsupportedError
from .side_data import SideData

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .file import PgiFile

__all__ = ["Carried", "not_held", "photo_bytes"]

_EXIF_PREFIX = b"Exif\x00\x00"
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
_NAMES = {
    "exif": "EXIF",
    "icc_profile": "an ICC profile",
    "xmp": "XMP",
    "xmp_extended": "extended XMP",
    "iptc": "IPTC",
    "photoshop": "Photoshop resources",
    "comments": "comments",
    "texts": "PNG texts",
    "dpi": "a resolution",
    "segments": "raw temperatures or other segments of a camera",
}


_OWN = ("exif", "icc_profile", "xmp", "dpi", "segments")


@dataclass(frozen=True, slots=True)
class Carried:
    """What goes into a file beside its pixels; None or empty where there is none.

    Attributes:
        exif: without its prefix.
        icc_profile: ICC profile.
        xmp: XMP packet.
        dpi: pixels per inch, horizontal and vertical.
        segments: further APPn segments of a JPEG (:mod:`pgic_core.container.segments`).
        side: IPTC, comments and the like.
        whole: whether the picture is the whole one in full size, of which alone ``segments`` speak.
    """

    exif: bytes | None = None
    icc_profile: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    segments: bytes | None = None
    side: SideData = field(default_factory=SideData)
    whole: bool = True

    @classmethod
    def of(cls, file: PgiFile, *, whole: bool) -> Carried:
        """What a ``.pgi`` file brings along.

        Args:
            file: the file.
            whole: whether the picture is the whole one in full size; else its resolution no longer holds.
        """
        exif = file.exif
        return cls(
            exif=exif.removeprefix(_EXIF_PREFIX) if exif else None,
            icc_profile=file.icc_profile,
            xmp=file.xmp,
            dpi=file.dpi if whole else None,
            segments=file.segments,
            whole=whole,
            side=file.side_data,
        )

    def marked_synthesised(self, losses: list[str]) -> Carried:
        """The same, with a note in XMP that pixels were synthesised.

        Args:
            losses: gets a predicate if the XMP is too broken for that, and makes room for a new packet.
        """
        try:
            xmp = xmp_with_synthesised(self.xmp)
        except PgiUnsupportedError:
            losses.append("has XMP that is too broken for the note on synthesised pixels, and loses it")
            xmp = xmp_with_synthesised(None)
        return dataclasses.replace(self, xmp=xmp)

    def names(self) -> list[str]:
        """Names of what is there, as :data:`_NAMES` has them."""
        own = [name for name in _OWN if getattr(self, name)]
        return own + [name for name in _NAMES if getattr(self.side, name, None)]

    def without(self, names: Iterable[str]) -> Carried:
        """The same without some of it."""
        empty: dict[str, Any] = {"comments": (), "texts": ()}
        own: dict[str, Any] = {}
        side: dict[str, Any] = {}
        for name in names:
            if name in _OWN:
                own[name] = None
            else:
                side[name] = empty.get(name, b"")
        return dataclasses.replace(self, **own, side=dataclasses.replace(self.side, **side))


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
        if carried.exif and len(_EXIF_PREFIX) + len(carried.exif) > 65_533:
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
        losses.append(f"has {_NAMES['segments']}, which only the whole picture can hold")
        left.append("segments")
    return carried.without(left)


def not_held(names: Sequence[str], kind: str) -> str:
    """A predicate that says what a format cannot hold."""
    texts = [_NAMES[name] for name in names]
    listed = texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
    return f"has {listed}, which this {kind} cannot hold"


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
        from .photo_tiff import tiff_file

        return b"".join(tiff_file(picture.pixels, carried, losses))
    deep = picture.sample_format is SampleFormat.UINT16 and picture.pixels.shape[2] > 1
    options = _save_options(carried, kind, quality)
    if kind == "PNG" and deep:
        from .photo_png import deep_png

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
        options["exif"] = _EXIF_PREFIX + carried.exif
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
    from .photo_jpeg import comment_segments, photoshop_segments, xmp_segments

    xmp = carried.xmp or b""
    if len(xmp) > 65_000:  # what goes into extended XMP has to be UTF-8
        xmp = (_utf8(xmp) or "").encode()
    side = carried.side
    segments = xmp_segments(xmp, side.xmp_extended) + photoshop_segments(side.iptc, side.photoshop)
    return b"".join(segments + comment_segments(side.comments))


def _png_texts(carried: Carried) -> Any:
    from PIL import PngImagePlugin

    from .photoshop import join_resources

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
