"""Adapters and codecs (groups ``pgic.adapters``, ``pgic.codecs``): found by name, loaded on first use."""

from __future__ import annotations

import warnings
from importlib import metadata
from typing import Any

from ..errors import PgiUnsupportedError
from .calling import PgiPluginWarning
from .loading import Plugin, describe
from .trace import trace

__all__ = ["installed", "load_entry"]


def installed(group: str) -> tuple[Plugin, ...]:
    """The entry points of a group, not loaded, in the order of their names."""
    found: dict[str, Plugin] = {}
    for entry_point in metadata.entry_points(group=group):
        plugin = describe(entry_point)
        first = found.setdefault(plugin.name, plugin)
        if (first.package, first.target) != (plugin.package, plugin.target):
            message = f"{plugin.name} of {plugin.source} ({group}) is hidden by that of {first.source}."
            warnings.warn(PgiPluginWarning(message), stacklevel=2)
    return tuple(found[name] for name in sorted(found))


def load_entry(group: str, name: str) -> Any:
    """Load one entry point.

    Args:
        group: "pgic.adapters" or "pgic.codecs".
        name: of the entry point.

    Raises:
        PgiUnsupportedError: there is none of this name, or its package is broken.
    """
    for entry_point in metadata.entry_points(group=group, name=name):
        source = describe(entry_point).source
        trace(f"load {name} of {source} ({entry_point.value})")
        try:
            return entry_point.load()
        except (Exception, SystemExit) as error:  # whatever a stranger's module does when imported
            raise PgiUnsupportedError(
                f"{name} of the package {source} cannot be loaded: {type(error).__name__}: {error}"
            ) from error
    known = ", ".join(plugin.name for plugin in installed(group)) or "none"
    raise PgiUnsupportedError(f"No installed package brings {name!r} in {group}; there are: {known}.")
