"""Finding models: those shipped with pgic, then trusted ones in the folders of ``PGIC_MODEL_PATH``."""

from __future__ import annotations

import contextlib
import os
import warnings
from functools import lru_cache
from pathlib import Path

from ..errors import PgiModelError
from ..options import set_level_source
from .manifest import MANIFEST_NAME
from .model import Model
from .model_trust import KEYS_VARIABLE, UNSIGNED_VARIABLE, check_trusted

__all__ = [
    "DIGEST_BYTES",
    "SHIPPED_MODELS",
    "PgiModelWarning",
    "available_models",
    "default_model",
    "find_model",
]

DIGEST_BYTES = 16
"""How much of the digest a file holds."""
_DEFAULT = "grid-1"
SHIPPED_MODELS = Path(__file__).resolve().parent.parent / "weights"
"""Folder of the models that come with pgic, one folder each."""


class PgiModelWarning(UserWarning):
    """A folder of ``PGIC_MODEL_PATH`` has a model that cannot be used."""


@lru_cache(maxsize=8)
def _models(search: str, keys: str, unsigned: str) -> tuple[Model, ...]:
    roots = [SHIPPED_MODELS, *(Path(part) for part in search.split(os.pathsep) if part)]
    found = []
    for path in [path for root in roots for path in sorted(root.glob(f"*/{MANIFEST_NAME}"))]:
        try:
            if path.parent.parent != SHIPPED_MODELS:
                check_trusted(path.parent)
            found.append(Model(path.parent))
        except PgiModelError as error:  # one that is broken must not hide the others
            message = f"The model folder {path.parent} is left out: {error}"
            warnings.warn(PgiModelWarning(message), stacklevel=2)
    return tuple(found)


def available_models() -> tuple[Model, ...]:
    """All models that can be found; shipped ones first."""
    search = (os.environ.get(name, "") for name in ("PGIC_MODEL_PATH", KEYS_VARIABLE, UNSIGNED_VARIABLE))
    return _models(*search)


def _installed_levels() -> set[str]:
    """Levels of all models that can be found; of one that does not know its own, none."""
    found: set[str] = set()
    for model in available_models():
        with contextlib.suppress(PgiModelError):
            found.update(model.levels)
    return found


set_level_source(_installed_levels)


def default_model() -> Model:
    """The model that new files are coded with: ``PGIC_MODEL`` (an id or a digest), or the newest shipped.

    Raises:
        PgiModelError: it is not there.
    """
    return find_model(os.environ.get("PGIC_MODEL", _DEFAULT))


def find_model(name: str) -> Model:
    """The model with this id, or whose digest begins with this (at least 16 hex digits).

    Of several folders with one digest, those of ``PGIC_MODEL_PATH`` come first: they may hold better
    renderers, or more of them, for the same files.

    Raises:
        PgiModelError: there is none.
    """
    models = available_models()
    for model in models:
        if model.id == name:
            return model
    for model in sorted(models, key=lambda model: model.folder.parent == SHIPPED_MODELS):
        if len(name) >= 16 and model.digest.startswith(name.lower()):
            return model
    known = ", ".join(f"{m.id} ({m.digest[: 2 * DIGEST_BYTES]})" for m in available_models()) or "none"
    raise PgiModelError(
        f"The model {name} is not installed; installed are: {known}. "
        "Install the pgic version that ships it, or name its folder in PGIC_MODEL_PATH."
    )
