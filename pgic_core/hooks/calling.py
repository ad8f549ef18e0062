"""Calling hooks one by one: each answer is checked, and a failure is named and passed over."""

from __future__ import annotations

import math
import os
import threading
import warnings
from concurrent.futures import Future
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import PgiOptionError, PgiWarning
from .argument_copies import copy_of_answer, copy_of_argument
from .loading import Plugin, PluginSet
from .trace import Stopwatch, brief, trace

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    import pluggy

__all__ = ["PgiPluginWarning", "call_each", "plugin_set", "running_calls", "warn"]

T = TypeVar("T")

_TIMEOUT_VARIABLE = "PGIC_PLUGIN_TIMEOUT"
# Longer than a network takes for the largest picture, and short enough for a batch to go on.
_TIMEOUT = 300.0


class PgiPluginWarning(PgiWarning):
    """A plugin failed; the message names its package and hook. The picture went on without it."""


_plugins = PluginSet()
_running: dict[int, str] = {}
# Calls that were given up. Nothing can stop a thread, but nobody has to wait for its hook again.
_abandoned: dict[Callable[..., Any], threading.Thread] = {}


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
        arguments: of the hook, all of them; each plugin gets copies.
        check: takes a copy of an answer and returns it in the form wanted, or raises TypeError or ValueError
            with a sentence that says what is wrong.
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
    hanging = _abandoned.get(implementation.function)
    if hanging is not None and hanging.is_alive():
        warn(plugin, hook, "was passed over: it still hangs from an earlier picture.")
        return None
    seconds = _timeout()
    names: Sequence[str] = implementation.argnames
    shown = ", ".join(f"{name}={brief(arguments[name])}" for name in names)
    thread, watch = threading.get_ident(), Stopwatch()
    outer = _running.get(thread)
    _running[thread] = f"the hook {hook} of the plugin {plugin.name} ({plugin.source})"
    try:
        # Whoever interrupts from here on is told the plugin's name.
        trace(f"call {hook} of {plugin.name} ({plugin.source}): {shown}")
        answer = _ask(implementation.function, [copy_of_argument(arguments[name]) for name in names], seconds)
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


def _ask(function: Callable[..., Any], arguments: Sequence[object], seconds: float) -> object:
    """What a hook answers, asked in a thread of its own so that it can be left behind if it hangs."""
    if seconds == 0:
        return copy_of_answer(function(*arguments))
    outcome: Future[object] = Future()

    def run() -> None:
        try:
            outcome.set_result(copy_of_answer(function(*arguments)))
        except BaseException as error:
            outcome.set_exception(error)

    # As a daemon it does not keep the process alive either.
    thread = threading.Thread(target=copy_context().run, args=(run,), name="pgic-hook", daemon=True)
    thread.start()
    try:
        return outcome.result(seconds)
    except TimeoutError:
        if outcome.done():  # the hook's own, or just in time
            return outcome.result()
        _abandoned[function] = thread
        raise TimeoutError(
            f"it gave no answer within {seconds:g} s ({_TIMEOUT_VARIABLE} sets that)"
        ) from None


def _timeout() -> float:
    """Seconds that a hook may take; 0 for as long as it likes.

    Raises:
        PgiOptionError: ``PGIC_PLUGIN_TIMEOUT`` is no such number.
    """
    text = os.environ.get(_TIMEOUT_VARIABLE, "")
    try:
        seconds = float(text or _TIMEOUT)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise PgiOptionError(f"{_TIMEOUT_VARIABLE} must be a number of seconds, 0 or more, not {text!r}.")
    return min(seconds, threading.TIMEOUT_MAX)
