"""What plugins offer by name: region-of-interest models, preprocessing steps, recognisers; and keys."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import numpy as np

from ..errors import PgiOptionError
from .calling import PgiPluginWarning, call_each, plugin_set
from .specs import KeyPurpose, OfferKind
from .trace import brief

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from .loading import Plugin

__all__ = ["find_key", "find_roi", "offered", "preprocess_image", "recognise_objects"]

T = TypeVar("T")

_KINDS = {
    "roi": "region-of-interest model",
    "preprocess": "preprocessing step",
    "recognise": "recogniser",
}


def offered(kind: OfferKind) -> dict[str, str]:
    """Names that installed plugins offer, sorted, with what they stand for."""
    names: dict[str, str] = {}
    owners: dict[str, list[Plugin]] = {}
    for plugin, offer in call_each("offers", {}, _checked_offers):
        for name, text in offer.get(kind, {}).items():
            names.setdefault(name, text)
            owners.setdefault(name, []).append(plugin)
    for name, plugins in owners.items():
        _name_clash(kind, name, plugins)
    return dict(sorted(names.items()))


def find_roi(
    name: str, image: NDArray[np.uint8], fields: Mapping[str, object] | None = None
) -> NDArray[np.float32] | None:
    """How important each part of a picture is, after the model ``name``.

    Args:
        name: of the model.
        image: (H, W, 3) uint8, RGB.
        fields: extension fields that are stored with the picture.

    Returns:
        float32 (h, w), 0 to 1, of any resolution up to the picture's, covering the whole picture; None, with
        a :class:`.PgiPluginWarning`, if every plugin that has the model failed or had nothing to say.

    Raises:
        PgiOptionError: no plugin offers the model.
    """

    def checked(answer: object) -> NDArray[np.float32]:
        if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "bfiu":
            raise TypeError(f"it must return an array of numbers, not {brief(answer)}")
        if answer.ndim != 2 or not answer.size or any(np.greater(answer.shape, image.shape[:2])):
            raise ValueError(f"its map must have one or more rows and columns, not the shape {answer.shape}")
        values: NDArray[np.float32] = answer.astype(np.float32)
        if not (values.min() >= 0 and values.max() <= 1):  # false for NaN, too
            raise ValueError("its map must lie between 0 and 1")
        return values

    arguments = {"name": name, "image": image, "fields": fields or {}}
    values = _first("roi_map", "roi", name, arguments, checked)
    if values is None:
        message = f"The region-of-interest model {name!r} gave no map: all parts of the picture count alike."
        warnings.warn(PgiPluginWarning(message), stacklevel=2)
    return values


def preprocess_image(image: NDArray[Any], names: Iterable[str]) -> NDArray[Any]:
    """A picture after preprocessing steps, in their order (A-6.2.1).

    A step that fails, or has nothing to do, is left out with a :class:`.PgiPluginWarning`.

    Args:
        image: (H, W) or (H, W, C).
        names: of the steps.

    Returns:
        Same shape and dtype.

    Raises:
        PgiOptionError: no plugin offers one of the steps.
    """

    def checked(answer: object) -> NDArray[Any]:
        if not isinstance(answer, np.ndarray):
            raise TypeError(f"it must return an array, not {brief(answer)}")
        if answer.shape != image.shape or answer.dtype != image.dtype:
            raise ValueError(f"it must return {brief(image)}, not {brief(answer)}")
        return answer

    for name in names:
        arguments = {"name": name, "image": image}
        step = _first("preprocess", "preprocess", name, arguments, checked)
        if step is None:
            message = f"The preprocessing step {name!r} left the picture as it is."
            warnings.warn(PgiPluginWarning(message), stacklevel=2)
        else:
            image = step
    return image


def recognise_objects(
    name: str, image: NDArray[np.uint8], accept: Callable[[Sequence[Mapping[str, object]]], object]
) -> list[Mapping[str, object]]:
    """What a recogniser sees; nothing if it fails.

    Args:
        name: of the recogniser.
        image: (H, W, 3) uint8, RGB, upright.
        accept: raises if the maps are no sound annotations of this picture.

    Returns:
        Maps as ``pgic.annotations`` holds them: label, box or polygon in pixels of ``image``, score.

    Raises:
        PgiOptionError: no plugin offers the recogniser.
    """

    def checked(answer: object) -> list[Mapping[str, object]]:
        if not isinstance(answer, Sequence) or not all(isinstance(item, Mapping) for item in answer):
            raise TypeError(f"it must return a list of mappings, not {brief(answer)}")
        accept(answer)
        return list(answer)

    arguments = {"name": name, "image": image}
    return _first("recognise", "recognise", name, arguments, checked) or []


def find_key(purpose: KeyPurpose, key_id: str) -> bytes | None:
    """The key called ``key_id`` from the first plugin that has it, or None. It is never traced.

    Args:
        purpose: "encrypt", "decrypt", "sign" or "verify".
        key_id: the name that the file or the caller gives.
    """

    def checked(answer: object) -> bytes:
        if not isinstance(answer, bytes) or not answer:
            raise TypeError("it must return bytes that are not empty")
        return answer

    arguments = {"purpose": purpose, "key_id": key_id}
    return next((key for _, key in call_each("provide_key", arguments, checked)), None)


def _first(
    hook: str, kind: OfferKind, name: str, arguments: Mapping[str, object], check: Callable[[Any], T]
) -> T | None:
    """The first sound answer of the plugins that offer ``name``."""
    offers = list(call_each("offers", {}, _checked_offers))
    plugins = [plugin for plugin, offer in offers if name in offer.get(kind, {})]
    _name_clash(kind, name, plugins)
    owners = {plugin.name for plugin in plugins}
    if not owners:
        known = ", ".join(offered(kind)) or "none"
        broken = ", ".join(plugin.name for plugin in plugin_set().plugins() if plugin.error)
        raise PgiOptionError(
            f"There is no {_KINDS[kind]} {name!r}; there are: {known}."
            + (f" These plugins could not be loaded: {broken} ('pgic plugins' says why)." if broken else "")
        )
    return next((answer for _, answer in call_each(hook, arguments, check, owners)), None)


def _name_clash(kind: OfferKind, name: str, plugins: Sequence[Plugin]) -> None:
    """Say so if several plugins offer one name, and which of them is asked first."""
    if len(plugins) > 1:
        first, *others = (f"{plugin.name} ({plugin.source})" for plugin in plugins)
        order = f"{first} is asked before {', '.join(others)}"
        message = f"Several plugins offer the {_KINDS[kind]} {name!r}: {order}."
        warnings.warn(PgiPluginWarning(message), stacklevel=3)


def _checked_offers(answer: object) -> Mapping[str, Mapping[str, str]]:
    if not isinstance(answer, Mapping):
        raise TypeError(f"it must return a mapping, not {brief(answer)}")
    for kind, names in answer.items():
        if kind not in get_args(OfferKind):
            raise ValueError(f"it offers {kind!r}, which is none of {', '.join(get_args(OfferKind))}")
        if not isinstance(names, Mapping) or not all(
            isinstance(text, str) and text for pair in names.items() for text in pair
        ):
            raise TypeError(f"what it offers as {kind!r} must be a mapping of names to sentences")
    return answer
