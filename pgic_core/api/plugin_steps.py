"""Running preprocessing steps and recognisers of plugins on a picture before it is coded."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from ..codec.orientation import upright_pixels
from ..codec.picture import Picture
from ..codec.sample_format import SampleFormat
from ..hooks import PgiPluginWarning, preprocess_image, recognise_objects
from .metadata_arguments import annotations_to_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["preprocessed", "recognised"]


def preprocessed(picture: Picture, names: Sequence[str] | str) -> tuple[Picture, list[str]]:
    """A picture after preprocessing steps (A-6.2.1), and which of them were applied.

    An alpha plane stays as it is.

    Args:
        picture: as it came.
        names: of the steps in their order, or of one.

    Raises:
        PgiOptionError: no plugin offers one of the steps.
    """
    alpha = picture.channels.has_alpha
    colours = Picture(picture.pixels[:, :, :-1], picture.image_type) if alpha else picture
    image = colours.to_array()
    applied = []
    for name in [names] if isinstance(names, str) else names:
        after = preprocess_image(image, [name])
        if after is not image:
            applied.append(name)
            image = after
    if not applied:
        return picture, []
    pixels = image.reshape(colours.pixels.shape)
    if alpha:
        pixels = np.concatenate([pixels, picture.pixels[:, :, -1:]], axis=2)
    return Picture(np.ascontiguousarray(pixels), picture.image_type), applied


def recognised(name: str, picture: Picture, orientation: int) -> list[Mapping[str, object]]:
    """What a recogniser sees in a picture, as maps of annotations in pixels of the upright picture.

    Nothing, with a :class:`~pgic_core.hooks.PgiPluginWarning`, if the recogniser fails or the picture is none
    of 8 bits.

    Args:
        name: of the recogniser.
        picture: as it is coded.
        orientation: EXIF orientation, 1 to 8.

    Raises:
        PgiOptionError: no plugin offers the recogniser.
    """
    if picture.sample_format is not SampleFormat.UINT8:
        message = f"The recogniser {name!r} was not asked: it takes pictures of 8 bits."
        warnings.warn(PgiPluginWarning(message), stacklevel=2)
        return []
    grey = picture.pixels.shape[2] < 3
    rgb = picture.pixels[:, :, :1].repeat(3, axis=2) if grey else picture.pixels[:, :, :3]
    size = (picture.width, picture.height)
    return recognise_objects(
        name, upright_pixels(rgb, orientation), lambda maps: annotations_to_value(maps, size, orientation)
    )
