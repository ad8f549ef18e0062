"""Processes that compute with one thread each, so that figures do not depend on how many there are."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

__all__ = ["single_thread_pool"]


def single_thread_pool(workers: int) -> ProcessPoolExecutor:
    """Fresh processes, each kept to one thread and, where the system allows it, to a processor of its own.

    Args:
        workers: how many, 1 or more.
    """
    context = get_context("spawn")
    return ProcessPoolExecutor(workers, context, _use_one_thread, (context.Value("i", 0),))


def _use_one_thread(started: Any) -> None:
    os.environ["PGIC_THREADS"] = "1"
    os.environ["OMP_NUM_THREADS"] = "1"
    with started.get_lock():
        number = started.value
        started.value += 1
    if hasattr(os, "sched_setaffinity"):
        # Libraries that count processors themselves are kept to one as well, each process to another.
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {processors[number % len(processors)]})
