"""Work in threads, beside other work."""

from __future__ import annotations

import os
import threading

import pytest

from pgic_core.codec.parallel import map_tiles, prefetch, run_alongside


@pytest.mark.parametrize("threads", [1, 2])
def test_the_result_is_there_in_the_block_and_after_it(threads: int) -> None:
    with run_alongside(lambda: 7, threads) as result:
        assert result() == 7
    assert result() == 7


def test_both_run_at_once() -> None:
    met = threading.Barrier(2, timeout=10)
    with run_alongside(met.wait, 2) as result:
        assert {met.wait(), result()} == {0, 1}


@pytest.mark.parametrize("threads", [1, 2])
def test_work_that_fails_fails_the_block(threads: int) -> None:
    def work() -> None:
        raise OSError("work")

    with pytest.raises(OSError, match="work"), run_alongside(work, threads):
        pass


def test_the_error_of_the_block_goes_first_and_nothing_is_left_running() -> None:
    ended = threading.Event()

    def work() -> None:
        try:
            raise OSError("work")
        finally:
            ended.set()

    with pytest.raises(ValueError, match="block"), run_alongside(work, 2):
        raise ValueError("block")
    assert ended.is_set()


def idents(count: int) -> set[int]:
    """Of the threads that as many pieces of work ran in, all of them at once."""
    met = threading.Barrier(count, timeout=10)

    def work(_: int) -> int:
        met.wait()
        return threading.get_ident()

    return set(map_tiles(work, range(count), count))


def test_threads_are_kept_for_the_next_caller() -> None:
    assert idents(3) == idents(3)


def test_those_in_use_are_no_one_elses() -> None:
    with run_alongside(threading.get_ident, 2) as one, run_alongside(threading.get_ident, 2) as other:
        assert one() != other()


def test_an_error_stops_the_rest_and_leaves_threads_that_work() -> None:
    done: list[int] = []

    def work(tile: int) -> None:
        if tile == 0:
            raise OSError("tile")
        threading.Event().wait(0.01)
        done.append(tile)

    with pytest.raises(OSError, match="tile"):
        map_tiles(work, range(200), 2)
    ended = len(done)
    assert ended < 199
    assert len(idents(2)) == 2
    assert len(done) == ended


def test_a_caller_that_stops_early_leaves_nothing_running() -> None:
    running = threading.Event()
    ended = threading.Event()

    def work(item: int) -> int:
        if item == 1:
            running.set()
            threading.Event().wait(0.05)
            ended.set()
        return item

    results = prefetch(work, [0, 1, 2], 2)
    assert next(results) == (0, 0)
    assert running.wait(10)
    results.close()  # type: ignore[attr-defined]
    assert ended.is_set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_threads_of_its_own() -> None:
    assert idents(2)
    child = os.fork()
    if child == 0:
        os._exit(0 if map_tiles(lambda tile: tile + 1, range(4), 2) == [1, 2, 3, 4] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
