"""Hugging Face adapter: ``load_dataset("imagefolder")`` finds ``.pgi`` files.

::

    import pgic_plugins.huggingface
    from datasets import load_dataset

    pgic_plugins.huggingface.install()
    dataset = load_dataset("imagefolder", data_dir="flight")

:func:`install` adds the suffix to the lists that ``datasets`` keeps; :func:`uninstall` takes it back. The
``Image`` feature itself needs neither: it decodes through Pillow, which pgic's start-up hook has told. Note
that ``map`` encodes the pictures that it returns anew.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["install", "uninstall"]

_SUFFIXES = (".pgi", ".PGI")
_BUILDER = "imagefolder"


def install() -> None:
    """Have ``imagefolder`` take ``.pgi`` files. Harmless when called again.

    Raises:
        ImportError: datasets is not installed.
    """
    modules, lists = _places()
    for suffix in _SUFFIXES:
        modules.setdefault(suffix, (_BUILDER, {}))
        for suffixes in lists:
            if suffix not in suffixes:
                suffixes.append(suffix)


def uninstall() -> None:
    """Have ``imagefolder`` as it was."""
    modules, lists = _places()
    for suffix in _SUFFIXES:
        modules.pop(suffix, None)
        for suffixes in lists:
            if suffix in suffixes:
                suffixes.remove(suffix)


def _places() -> tuple[dict[str, Any], list[list[str]]]:
    """Where ``datasets`` says what suffixes stand for: a dict, and all lists of suffixes of pictures."""
    packaged = importlib.import_module("datasets.packaged_modules")
    builder = importlib.import_module("datasets.packaged_modules.imagefolder.imagefolder")
    lists = [builder.ImageFolder.EXTENSIONS]
    lists += [
        getattr(packaged, name)
        for name in ("_ALL_EXTENSIONS", "_ALL_ALLOWED_EXTENSIONS")
        if hasattr(packaged, name)
    ]
    of_builder = getattr(packaged, "_MODULE_TO_EXTENSIONS", {}).get(_BUILDER)
    return packaged._EXTENSION_TO_MODULE, lists + ([of_builder] if of_builder is not None else [])
