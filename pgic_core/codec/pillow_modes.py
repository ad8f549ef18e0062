"""The pixels of a Pillow image of any mode, with nothing lost that a mode of the format can hold."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..errors import PgiInputError, PgiOptionError
from .high_bit_depth_samples import deep_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["keeps_profile", "samples_of_image"]

_AS_THEY_ARE = {"L", "LA", "RGB", "RGBA", "F", "I;16", "I;16L", "I;16B", "I;16N"}
_CONVERTED = {
    "1": "L",
    "La": "LA",
    "PA": "RGBA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "YCbCr": "RGB",
    "HSV": "RGB",
}
_OTHER_COLOUR_SPACE = {"CMYK", "LAB"}
_BITS_PER_SAMPLE, _SAMPLE_FORMAT = 258, 339
_FORMATS_OF_16_BITS = ("PNG", "PPM")
_TIFF_TYPES = {(16, 1): np.uint16, (16, 2): np.int16, (32, 1): np.uint32, (32, 2): np.int32}
_SAID = {
    "1": "is black and white; grey of 8 bits is coded",
    "La": "has premultiplied opacity; straight opacity is coded",
    "P": "has a palette; its colours are coded as RGB",
    "PA": "has a palette; its colours are coded as RGB",
    "RGBa": "has premultiplied opacity; straight opacity is coded",
    "RGBX": "has a channel that is not used; RGB is coded",
    "YCbCr": "is YCbCr; RGB is coded",
    "HSV": "is HSV; RGB is coded",
    "CMYK": "is CMYK; sRGB is coded",
    "LAB": "is LAB; sRGB is coded",
}


def keeps_profile(image: Image.Image) -> bool:
    """Whether the image's ICC profile still describes what :func:`samples_of_image` returns."""
    return image.mode not in _OTHER_COLOUR_SPACE


def samples_of_image(image: object, losses: list[str]) -> NDArray[Any]:
    """The pixels of the present frame.

    Grey, 16-bit, float and RGB modes with and without alpha stay what they are, and so do several channels
    of 16 bits, which Pillow reduces to 8 (:mod:`.high_bit_depth_samples`). Mode 1 becomes grey of 0 and 255;
    I becomes what its file holds, of TIFF int16, int32, uint16 or uint32, of PNG and PNM uint16, and else
    int32; palettes become RGB, or RGBA where they or the image have transparency; a colour key becomes alpha;
    premultiplied alpha is divided out; CMYK and LAB become sRGB, by the image's ICC profile if it has a sound
    one.

    Args:
        image: a Pillow image.
        losses: gets a predicate for each of these conversions.

    Returns:
        (H, W) or (H, W, C) of uint8, uint16, int16, uint32, int32 or float32, in any byte order.

    Raises:
        PgiOptionError: this is no Pillow image, or its mode is unknown.
        PgiInputError: its file cannot be read to the end.
    """
    if not isinstance(image, Image.Image):
        raise PgiOptionError(
            f"A picture must be a numpy array or a Pillow image, not {type(image).__name__}."
        )
    if 0 in image.size:
        raise PgiOptionError(f"The picture is {image.width} x {image.height}: it has no pixels.")
    deep = deep_samples(image, losses)
    # A TIFF would turn itself upright while it loads, and lose its orientation; only a PNG has more to tell.
    if deep is None or image.format == "PNG":
        try:
            image.load()
        except (OSError, SyntaxError, ValueError) as error:
            raise PgiInputError(f"The picture cannot be read: {error}.") from error
    return _samples_of(image, losses) if deep is None else deep


def _samples_of(image: Image.Image, losses: list[str]) -> NDArray[Any]:
    """The samples of a loaded image, converted where no picture has such."""
    mode = image.mode
    if mode in _SAID:
        losses.append(_SAID[mode])
    if mode in ("1", "L", "RGB") and "transparency" in image.info:
        losses.append("has a colour that is transparent; an opacity plane is coded")
        return np.asarray(image.convert("RGBA" if mode == "RGB" else "LA"))
    if mode in _AS_THEY_ARE:
        return np.asarray(image)
    if mode == "P":
        return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
    if mode in _CONVERTED:
        return np.asarray(image.convert(_CONVERTED[mode]))
    if mode == "I":
        return _whole_numbers(image)
    if mode in _OTHER_COLOUR_SPACE:
        return np.asarray(_to_srgb(image))
    raise PgiOptionError(f"Pillow images of mode {mode!r} cannot be coded.")


def _whole_numbers(image: Image.Image) -> NDArray[Any]:
    """The pixels of mode I, which Pillow widens to int32, as their file has them."""
    values = np.asarray(image)
    if image.format == "TIFF":
        tags = getattr(image, "tag_v2", {})
        stored = tags.get(_BITS_PER_SAMPLE, (32,))[0], tags.get(_SAMPLE_FORMAT, (1,))[0]
        if stored in _TIFF_TYPES:
            return values.astype(_TIFF_TYPES[stored])  # uint32 was read as int32: it wraps back
    fits = image.format in _FORMATS_OF_16_BITS and values.min() >= 0 and values.max() <= 65535
    return values.astype(np.uint16) if fits else values


def _to_srgb(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    srgb = ImageCms.createProfile("sRGB")
    if image.mode == "LAB":
        source: Any = ImageCms.createProfile("LAB")
    elif profile:
        source = io.BytesIO(profile)
    else:
        return image.convert("RGB")
    try:
        converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        if image.mode == "LAB":
            raise PgiInputError("The LAB picture cannot be converted to RGB.") from None
        return image.convert("RGB")  # a broken profile must not keep the picture from being coded
    assert converted is not None  # only inPlace=True returns None
    return converted
