"""Work on tiles in threads."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import zip_longest
from threading import Lock, get_ident
from typing import TYPE_CHECKING, TypeVar

from ..options import Progress, thread_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["SMALL_PRODUCT", "map_tiles", "prefetch", "run_alongside"]

SMALL_PRODUCT = 1 << 17
"""So many multiplications a matrix product may take to be left to one thread: half of OpenBLAS's bound. A
larger one linear algebra libraries share among threads of their own, which then spin for tens of milliseconds
and take a processor away from the networks."""

T = TypeVar("T")
R = TypeVar("R")

_KEPT = 4  # pools of each size; more are there only while more callers are
_KEPT_SIZES = 3  # those used last: a program that tries every number of threads must not keep all of them
_lock = Lock()
_idle: dict[int, list[ThreadPoolExecutor]] = {}
_of_parent: list[dict[int, list[ThreadPoolExecutor]]] = []


def _forget_pools() -> None:
    """A forked child has its parent's pools but not their threads: it makes its own.

    Those of the parent are kept: what freeing them does is meant for threads that are there.
    """
    global _idle, _lock
    _lock = Lock()
    _of_parent.append(_idle)
    _idle = {}


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pools)


@contextmanager
def _lent(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Threads for the caller alone, who leaves them without work; the next caller gets them again.

    What libraries allocate for a thread is lost when it ends: with new threads for each call, a window took
    two milliseconds longer. Where the block fails, its threads end: work may still be under way in them.
    """
    owner = get_ident()
    with _lock:
        idle = _idle.get(threads)
        pool = idle.pop() if idle else ThreadPoolExecutor(threads, thread_name_prefix="pgic")
    try:
        yield pool
    except BaseException:
        # A generator may be closed in any thread, even in one of these, which cannot wait for itself.
        pool.shutdown(wait=get_ident() == owner, cancel_futures=True)
        raise
    for surplus in _kept(pool, threads):
        surplus.shutdown(wait=False)


def _kept(pool: ThreadPoolExecutor, threads: int) -> list[ThreadPoolExecutor]:
    """Keep a pool for the next caller; the pools that are too many."""
    with _lock:
        idle = _idle[threads] = _idle.pop(threads, [])  # at the end: the size used last
        if len(idle) >= _KEPT:
            return [pool]
        idle.append(pool)
        rare = list(_idle)[:-_KEPT_SIZES]
        return [surplus for size in rare for surplus in _idle.pop(size)]


def map_tiles(
    work: Callable[[T], R],
    tiles: Sequence[T],
    threads: int | None,
    progress: Progress | None = None,
) -> list[R]:
    """``[work(tile) for tile in tiles]``, several at a time; the first error stops the rest.

    Args:
        work: must be safe to call from several threads at once.
        tiles: what to work on.
        threads: as :func:`~pgic_core.options.thread_count`.
        progress: called in this thread after each, in order.
    """
    count = thread_count(threads)
    if min(count, len(tiles)) <= 1:
        return _collect(map(work, tiles), len(tiles), progress)
    with _lent(count) as pool:
        return _collect(pool.map(work, tiles), len(tiles), progress)


def prefetch(work: Callable[[T], R], items: Sequence[T], threads: int) -> Iterator[tuple[T, R]]:
    """``(item, work(item))`` for each; with several threads the next is under way meanwhile.

    Args:
        work: called in one thread, in order.
        items: what to work on.
        threads: 1 for none but the caller's.
    """
    if threads == 1 or len(items) < 2:
        for item in items:
            yield item, work(item)
        return
    with _lent(1) as pool:
        coming = pool.submit(work, items[0])
        for item, following in zip_longest(items, items[1:]):
            done = coming.result()
            if following is not None:
                coming = pool.submit(work, following)
            yield item, done


@contextmanager
def run_alongside(work: Callable[[], R], threads: int) -> Iterator[Callable[[], R]]:
    """Has ``work`` done by the end of the block, with several threads at the same time as the block.

    Yields:
        What waits for its result, and gives it. Where the block fails, its error is the one that is raised.
    """
    if threads == 1:
        done = work()
        yield lambda: done
        return
    with _lent(1) as pool:
        under_way = pool.submit(work)
        yield under_way.result
        under_way.result()


def _collect(results: Iterable[R], total: int, progress: Progress | None) -> list[R]:
    collected = []
    for result in results:
        collected.append(result)
        if progress is not None:
            progress(len(collected) / total)
    return collected
