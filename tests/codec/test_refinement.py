"""Effort 3: better files for what they show, which any decoder reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage import data

import pgic_core
from pgic_core.codec.learned import encoder
from pgic_core.codec.learned.symbols.entropy_coding import CdfTable, encode_segments
from pgic_core.errors import PgiModelError
from pgic_core.lab.bench.metrics import psnr
from pgic_core.models import ROWS, Model, default_model

if TYPE_CHECKING:
    from pathlib import Path

PHOTO = np.ascontiguousarray(data.coffee()[60:316, 100:484])


def bytes_at(decibels: float) -> float:
    """What effort 2 takes for a PSNR, between its whole qualities."""
    found = []
    for quality in range(30, 61, 6):
        coded = pgic_core.encode(PHOTO, quality=quality)
        found.append((psnr(PHOTO, pgic_core.decode(coded)), np.log(len(coded))))
    return float(np.exp(np.interp(decibels, *np.array(found).T)))


def test_effort_3_takes_fewer_bytes_for_the_same_psnr() -> None:
    shares = []
    for quality in (38, 44, 50):
        refined = pgic_core.encode(PHOTO, quality=quality, effort=3)
        assert refined == pgic_core.encode(PHOTO, quality=quality, effort=3)
        shares.append(len(refined) / bytes_at(psnr(PHOTO, pgic_core.decode(refined))))
    assert np.mean(shares) < 0.99


def test_blocks_refined_one_after_the_other_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    tall = np.concatenate([PHOTO, PHOTO[::-1], PHOTO])
    whole = pgic_core.encode(tall, quality=45, effort=3)
    monkeypatch.setattr(encoder, "REFINED_PIXELS", 1 << 16)
    parts = pgic_core.encode(tall, quality=45, effort=3)
    assert whole != parts
    assert abs(psnr(tall, pgic_core.decode(whole)) - psnr(tall, pgic_core.decode(parts))) < 0.1
    assert abs(len(whole) / len(parts) - 1) < 0.01


def test_targets_and_regions_hold_with_effort_3() -> None:
    coded = pgic_core.encode(PHOTO, max_bytes=3000, effort=3, roi=[(0, 0, 64, 64)])
    assert 2000 < len(coded) <= 3000
    assert pgic_core.decode(coded).shape == PHOTO.shape


def test_progress_of_effort_3_rises_to_one() -> None:
    seen: list[float] = []
    pgic_core.encode(PHOTO, quality=40, effort=3, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_a_model_that_was_not_made_for_it_is_named(tmp_path: Path) -> None:
    for file in default_model().folder.iterdir():
        if file.suffix in (".json", ".npz", ".onnx") and file.name != "descent.onnx":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(PgiModelError, match=r"lacks its file descent\.onnx"):
        pgic_core.encode(PHOTO, effort=3, model=Model(tmp_path))


def test_cost_is_what_coding_takes() -> None:
    cdfs = CdfTable.of(default_model())
    random = np.random.default_rng(4)
    counts = np.zeros(ROWS, np.int64)
    counts[[1, 20, 40]] = 3000
    scales = np.repeat([0.3, 1.4, 8.0], 3000)
    symbols = np.rint(random.normal(scale=scales)).astype(np.int16)
    symbols[::1000] = 20_000  # escapes
    coded = encode_segments(cdfs, [(counts, symbols)])
    assert cdfs.cost(counts, symbols).sum() == pytest.approx(8 * len(coded), rel=0.01, abs=64)
