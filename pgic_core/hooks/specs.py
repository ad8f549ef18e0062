"""The hooks, as pluggy specifications. ``HOOKS.md`` beside this file explains them to plugin authors.

Hooks are called one by one, in the order in which pluggy would call them, and each answer is checked before
it is used. A hook that fails, or answers with the wrong type or shape, is named in a warning and passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pluggy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["GROUP", "Field", "KeyPurpose", "OfferKind", "hookimpl", "hookspec"]

GROUP = "pgic"
"""The entry-point group of plugins, and pluggy's project name."""

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)
"""Marks the implementation of a hook in a plugin."""

OfferKind: TypeAlias = Literal["roi", "preprocess", "recognise"]
KeyPurpose: TypeAlias = Literal["encrypt", "decrypt", "sign", "verify"]


@dataclass(frozen=True, slots=True)
class Field:
    """What a vendor's extension field is (A.4).

    Attributes:
        label: name for people.
        type: "bool", "int", "float" (whole numbers count), "str", "bytes", "list" or "map".
        unit: of a number, such as "°C".
        description: one sentence.
    """

    label: str
    type: Literal["bool", "int", "float", "str", "bytes", "list", "map"]
    unit: str = ""
    description: str = ""


@hookspec
def offers() -> Mapping[OfferKind, Mapping[str, str]]:  # type: ignore[empty-body]
    """What the plugin offers by name: for each kind, names and what they stand for in one sentence."""


@hookspec
def extension_schema() -> Mapping[str, Field]:  # type: ignore[empty-body]
    """The extension fields that are the plugin's own, by full key (``vendor.name``)."""


@hookspec
def write_extension(image: NDArray[Any], fields: Mapping[str, object]) -> Mapping[str, object] | None:
    """Fields to store with a picture that is being coded, beside those that the caller gave."""


@hookspec
def read_extension(fields: Mapping[str, object]) -> Mapping[str, str] | None:
    """Text for people, by key, for the plugin's own fields of a file."""


@hookspec
def validate_extension(fields: Mapping[str, object]) -> Mapping[str, str] | None:
    """What is wrong with the plugin's own fields: by key, one plain sentence."""


@hookspec(firstresult=True)
def roi_map(name: str, image: NDArray[np.uint8], fields: Mapping[str, object]) -> NDArray[Any] | None:
    """How important each part of a picture is, if the region-of-interest model ``name`` is the plugin's."""


@hookspec(firstresult=True)
def preprocess(name: str, image: NDArray[Any]) -> NDArray[Any] | None:
    """The picture after the preprocessing step ``name``, if that is the plugin's (A-6.2.1)."""


@hookspec(firstresult=True)
def recognise(name: str, image: NDArray[np.uint8]) -> Sequence[Mapping[str, object]] | None:
    """What the recogniser ``name`` sees in a picture, if it is the plugin's."""


@hookspec(firstresult=True)
def provide_key(purpose: KeyPurpose, key_id: str) -> bytes | None:
    """The key called ``key_id``, if the plugin has it."""
