"""Work beside other work."""

from __future__ import annotations

import threading

import pytest

from pgic_core.codec.parallel import beside


@pytest.mark.parametrize("threads", [1, 2])
def test_the_result_is_there_in_the_block_and_after_it(threads: int) -> None:
    with beside(lambda: 7, threads) as result:
        assert result() == 7
    assert result() == 7


def test_both_run_at_once() -> None:
    met = threading.Barrier(2, timeout=10)
    with beside(met.wait, 2) as result:
        assert {met.wait(), result()} == {0, 1}


@pytest.mark.parametrize("threads", [1, 2])
def test_work_that_fails_fails_the_block(threads: int) -> None:
    def work() -> None:
        raise OSError("work")

    with pytest.raises(OSError, match="work"), beside(work, threads):
        pass


def test_the_error_of_the_block_goes_first_and_nothing_is_left_running() -> None:
    ended = threading.Event()

    def work() -> None:
        try:
            raise OSError("work")
        finally:
            ended.set()

    with pytest.raises(ValueError, match="block"), beside(work, 2):
        raise ValueError("block")
    assert ended.is_set()
