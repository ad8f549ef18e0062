"""Calling hooks one by one: each answer is checked, and a failure is named and passed over."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from .loading import Plugin, PluginSet
from .trace import Stopwatch, brief, trace

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    import pluggy

__all__ = ["PgiPluginWarning", "call_each", "plugin_set", "running_calls", "warn"]

T = TypeVar("T")


class PgiPluginWarning(UserWarning):
    """A plugin failed; the message names its package and hook. The picture went on without it."""


_plugins = PluginSet()
_running: dict[int, str] = {}


def plugin_set() -> PluginSet:
    """The plugins of this process."""
    return _plugins


def call_each(
    hook: str,
    arguments: Mapping[str, object],
    check: Callable[[Any], T],
    only: Container[str] | None = None,
) -> Iterator[tuple[Plugin, T]]:
    """Ask plugins in turn. Whoever takes the first answer only leaves the others unasked.

    Args:
        hook: its name.
        arguments: of the hook, all of them.
        check: takes an answer and returns it in the form wanted, or raises TypeError or ValueError with a
            sentence that says what is wrong.
        only: names of the plugins to ask; all if not given.

    Yields:
        Plugin and answer, of those that have one.
    """
    for plugin, implementation in plugin_set().implementations(hook):
        if only is None or plugin.name in only:
            answer = _call(plugin, implementation, hook, check, arguments)
            if answer is not None:
                yield plugin, answer


def running_calls() -> list[str]:
    """Hook, plugin and package of each call that has not come back, of all threads."""
    return sorted(_running.copy().values())


def warn(plugin: Plugin, hook: str, problem: str) -> None:
    """Say that a plugin failed, naming package and hook."""
    warnings.warn(
        PgiPluginWarning(f"The hook {hook} of the plugin {plugin.name} ({plugin.source}) {problem}"),
        stacklevel=2,
    )


def _call(
    plugin: Plugin,
    implementation: pluggy.HookImpl,
    hook: str,
    check: Callable[[Any], T],
    arguments: Mapping[str, object],
) -> T | None:
    names: Sequence[str] = implementation.argnames
    shown = ", ".join(f"{name}={brief(arguments[name])}" for name in names)
    trace(f"call {hook} of {plugin.name} ({plugin.source}): {shown}")
    thread, watch = threading.get_ident(), Stopwatch()
    outer = _running.get(thread)
    _running[thread] = f"the hook {hook} of the plugin {plugin.name} ({plugin.source})"
    try:
        answer = implementation.function(*(arguments[name] for name in names))
        result = None if answer is None else check(answer)
    except (Exception, SystemExit) as error:  # whatever a stranger's code raises
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        trace(f"  failed after {watch}: {problem}")
        warn(plugin, hook, f"failed and was passed over: {problem}")
        return None
    except KeyboardInterrupt as interrupt:
        trace(f"  interrupted after {watch}")
        interrupt.add_note(f"Interrupted in {_running[thread]}.")
        raise
    finally:
        # A hook may use pgic, and so call hooks itself.
        if outer is None:
            del _running[thread]
        else:
            _running[thread] = outer
    trace(f"  {brief(answer)} ({watch})")
    return result
