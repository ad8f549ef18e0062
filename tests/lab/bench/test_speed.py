import contextlib
import itertools
import os
import sys
import threading
import time
from typing import Any

import pytest
from onnxruntime import InferenceSession
from skimage import data

import pgic_core
from pgic_core.errors import PgiError, PgiOptionError
from pgic_core.lab.bench import stage_times
from pgic_core.lab.bench.peer_codecs import Codec, find_codec
from pgic_core.lab.bench.speed import measure_speed, steps_of

PICTURE = data.astronaut()[:96, :128]


def test_codecs_are_measured_in_turn_against_the_anchor() -> None:
    codecs = [find_codec("jpeg"), find_codec("avif")]
    before = os.sched_getaffinity(0)
    done: list[None] = []
    rows = measure_speed(
        PICTURE,
        codecs,
        qualities={"jpeg": 50},
        threads=1,
        runs=1,
        repeats=2,
        on_step=lambda: done.append(None),
    )
    assert [(row.codec, row.operation) for row in rows] == [
        (codec, operation) for codec in ("jpeg", "avif") for operation in ("encode", "decode")
    ]
    assert len(done) == steps_of(codecs, 1) == 4
    assert [row.quality for row in rows] == [50, 50, codecs[1].usual, codecs[1].usual]
    assert rows[0].bpp == 8 * len(codecs[0].encode(PICTURE, 50)) / (96 * 128)
    for row in rows:
        assert row.megapixels_per_second == pytest.approx(96 * 128 / 1e6 / row.warm)
        assert min(row.cold, row.warm, row.cpu) > 0
        assert row.peak > 10 << 20
    assert [row.ratio for row in rows[2:]] == [1, 1]
    assert rows[0].ratio == pytest.approx(rows[2].warm / rows[0].warm)
    assert os.sched_getaffinity(0) == before
    assert "PGIC_THREADS" not in os.environ


def test_a_codec_that_fails_is_named() -> None:
    broken = Codec("pgic-e9", "", (1,), 75, lambda picture, quality: b"", lambda data: PICTURE)
    with pytest.raises(PgiError, match=r"pgic-e9 failed to encode: .*effort"):
        measure_speed(PICTURE, [broken], runs=1, repeats=1)
    with pytest.raises(PgiOptionError, match="processors"):
        measure_speed(PICTURE, [broken], threads=10_000)


def test_time_is_shared_among_the_threads_that_are_in_a_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    def inner() -> None:
        pass

    def outer() -> None:
        inner()

    both_in, first_out = threading.Barrier(2), threading.Event()

    def leaves_first() -> None:
        both_in.wait()

    def leaves_last() -> None:
        both_in.wait()
        first_out.wait()

    watched = {inner: "inner", outer: "outer", leaves_first: "a", leaves_last: "b"}
    clock = stage_times.StageClock(watched)
    ticks = itertools.count()
    monkeypatch.setattr(stage_times.time, "perf_counter", lambda: float(next(ticks)))
    with clock.running():
        outer()  # outer at 0, inner at 1, back in outer at 2, out at 3
    assert clock.shares() == {"outer": 2.0, "inner": 1.0}

    clock.reset()
    with clock.running():
        first, last = threading.Thread(target=leaves_first), threading.Thread(target=leaves_last)
        last.start()
        first.start()
        first.join()
        first_out.set()
        last.join()
    # One alone for a second, both for one, the other alone for one.
    shares = clock.shares()
    assert shares["a"] + shares["b"] == 3.0
    assert sorted((shares["a"], shares["b"])) in ([0.5, 2.5], [1.5, 1.5])
    outer()
    assert "outer" not in clock.shares()


def test_every_network_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call of the engine is made slower by 20 ms, which must show as time of networks."""
    run, spent = InferenceSession.run, []

    def slow(*arguments: Any, **options: Any) -> Any:
        time.sleep(0.02)
        spent.append(0.02)
        return run(*arguments, **options)

    monkeypatch.setattr(InferenceSession, "run", slow)
    times, data = stage_times.stage_times(lambda: pgic_core.encode(PICTURE, effort=3, threads=1))
    assert data == pgic_core.encode(PICTURE, effort=3)
    calls = len(spent) // 3  # to warm up, to be measured, and without the clock
    assert calls > 10
    assert times[stage_times.NETWORKS] > 0.02 * calls


def test_the_hook_is_gone_after_it() -> None:
    for work in (lambda: 5, lambda: 1 // 0):
        with contextlib.suppress(ZeroDivisionError):
            times, result = stage_times.stage_times(work)
        assert sys.getprofile() is None
        assert threading.getprofile() is None
    assert result == 5
    assert tuple(times) == stage_times.STAGES
