"""Finding and loading plugins, one by one, so that a broken one does not affect the others."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from importlib import metadata
from typing import TYPE_CHECKING

import pluggy

from . import specs
from .trace import Stopwatch, trace

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ENTRY_GROUPS", "Plugin", "PluginSet"]

ENTRY_GROUPS = (specs.GROUP, "pgic.adapters", "pgic.codecs")
"""Plugins with hooks; adapters to other libraries; codecs of further ``compression_type`` values (A-6.0)."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point of an installed package.

    Attributes:
        name: of the entry point.
        group: one of ``ENTRY_GROUPS``.
        package: distribution that brings it, or "" if that is not known.
        version: of the distribution, or "".
        target: ``module`` or ``module:object``.
        hooks: names of the hooks it implements, sorted.
        error: why it could not be loaded, or "".
    """

    name: str
    group: str
    package: str
    version: str
    target: str
    hooks: tuple[str, ...] = ()
    error: str = ""

    @property
    def source(self) -> str:
        """Package and plugin, for messages."""
        return f"{self.package} {self.version}".strip() or self.name


class PluginSet:
    """Plugins of the group ``pgic``, loaded when they are first needed.

    Args:
        entry_points: where to find them; those of all installed packages if not given.
    """

    def __init__(self, entry_points: Iterable[metadata.EntryPoint] | None = None) -> None:
        self._entry_points = entry_points
        self._plugins: dict[str, Plugin] = {}
        self._lock = threading.RLock()
        self._loaded = False
        self._manager = pluggy.PluginManager(specs.GROUP)
        self._manager.add_hookspecs(specs)

    @property
    def hook_names(self) -> tuple[str, ...]:
        """All hooks that there are."""
        return tuple(sorted(name for name in vars(self._manager.hook) if not name.startswith("_")))

    def plugins(self) -> tuple[Plugin, ...]:
        """All plugins, broken ones included, in the order of their names."""
        self._load()
        return tuple(self._plugins[name] for name in sorted(self._plugins))

    def register(self, plugin: object, name: str) -> Plugin:
        """Add a plugin that is not installed: a module, or an object whose methods are hooks.

        Args:
            plugin: what to add.
            name: of the plugin; one that had it before is removed.

        Returns:
            What is known of it; ``error`` says whether it is of use.
        """
        with self._lock:
            self.unregister(name)
            entry = Plugin(name, specs.GROUP, "", "", getattr(plugin, "__name__", type(plugin).__name__))
            self._plugins[name] = entry = self._add(plugin, entry)
        return entry

    def unregister(self, name: str) -> None:
        """Remove a plugin."""
        with self._lock:
            self._plugins.pop(name, None)
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)

    def implementations(self, hook: str) -> list[tuple[Plugin, pluggy.HookImpl]]:
        """Who implements a hook, in pluggy's order: last registered first, unless it says otherwise."""
        self._load()
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        return [(self._plugins[impl.plugin_name], impl) for impl in reversed(caller.get_hookimpls())]

    def _load(self) -> None:
        with self._lock:
            if self._loaded:
                return
            # A plugin that uses pgic while it is loaded sees those before it.
            self._loaded = True
            try:
                for entry_point in sorted(self._found(), key=lambda item: item.name):
                    self._load_one(entry_point)
            except BaseException:
                self._loaded = False
                raise

    def _found(self) -> Iterable[metadata.EntryPoint]:
        return metadata.entry_points(group=specs.GROUP) if self._entry_points is None else self._entry_points

    def _load_one(self, entry_point: metadata.EntryPoint) -> None:
        entry = describe(entry_point)
        known = self._plugins.get(entry.name)
        if known is not None and known.package != entry.package:  # two vendors, one name
            entry = replace(entry, name=f"{entry.name} of {entry.package}")
            known = self._plugins.get(entry.name)
        if known is not None:
            return
        trace(f"load {entry.name} of {entry.source} ({entry.target})")
        watch = Stopwatch()
        try:
            loaded = entry_point.load()
        except (Exception, SystemExit) as error:  # whatever a stranger's module does when imported
            entry = _broken(entry, error)
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(f"Interrupted while the plugin {entry.name} of {entry.source} was loading.")
            raise
        else:
            entry = self._add(loaded, entry)
        self._plugins[entry.name] = entry
        trace(f"  {entry.error or ', '.join(entry.hooks) or 'no hooks'} ({watch})")

    def _add(self, plugin: object, entry: Plugin) -> Plugin:
        manager = self._manager
        try:
            manager.register(plugin, name=entry.name)
            manager.check_pending()
            callers = manager.get_hookcallers(plugin) or []
            impls = [i for caller in callers for i in caller.get_hookimpls() if i.plugin is plugin]
            if any(impl.hookwrapper or impl.wrapper for impl in impls):
                raise ValueError("it has a hook wrapper, and hooks are called one by one")
        except Exception as error:  # pluggy raises several kinds; a plugin's attributes may raise any
            if manager.has_plugin(entry.name):
                manager.unregister(name=entry.name)
            return _broken(entry, error)
        return replace(entry, hooks=tuple(sorted(caller.name for caller in callers)))


def describe(entry_point: metadata.EntryPoint) -> Plugin:
    """What an entry point says without being loaded."""
    dist = entry_point.dist
    return Plugin(
        entry_point.name,
        entry_point.group,
        dist.name if dist else "",
        dist.version if dist else "",
        entry_point.value,
    )


def _broken(entry: Plugin, error: BaseException) -> Plugin:
    return replace(entry, error=" ".join(f"{type(error).__name__}: {error}".split()))
