"""False ids: what is held against the check, how often, and what the bound rests on (WATERMARK.md)."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from scipy.stats import binomtest

from pgic_core.security.watermark import FALSE_POSITIVES, Watermark, detect, embed, look
from pgic_core.security.watermark.detect import MOST_CANDIDATES, candidates
from pgic_core.security.watermark.tile_evidence import SIZES, TURNS
from pgic_core.security.watermark.watermark_bits import CHECK_BITS, CODED_BITS, check_of, decode_unchecked

KEYS = [bytes([number]) * 32 for number in range(12)]
PHOTO = skimage.data.astronaut()


def test_the_bound_is_that_of_the_document() -> None:
    assert MOST_CANDIDATES == 7 * (1 + 8 * 2) + 8 * 2 == 135
    assert CHECK_BITS == 32
    assert FALSE_POSITIVES == 135 / 2**32 < 1e-6


def test_a_code_that_means_nothing_passes_as_often_as_its_check_is_long() -> None:
    """The check is HMAC's: each of its bits is right half the time, whatever the code was read from."""
    numbers = np.random.default_rng(1)
    counts = dict.fromkeys((1, 2, 4), 0)
    trials = 300
    for number in range(trials):
        key = KEYS[number % len(KEYS)]
        identity, check = decode_unchecked(key, numbers.normal(0, 1, CODED_BITS))
        agreement = np.unpackbits(
            np.frombuffer(check, np.uint8) ^ np.frombuffer(check_of(key, identity), np.uint8)
        )
        for bits in counts:
            counts[bits] += not agreement[:bits].any()
    for bits, count in counts.items():
        assert binomtest(count, trials, 2.0**-bits).pvalue > 1e-4, (bits, count)


@pytest.mark.parametrize("kind", ["photo", "noise", "another key's mark", "stripes", "flat"])
def test_no_picture_has_more_candidates_than_the_bound_counts(kind: str) -> None:
    y, x = np.mgrid[:384, :384]
    stripes = 128 + 100 * np.sin(2 * np.pi * (x + y) / 9) + 0 * y
    picture = {
        "photo": PHOTO,
        "noise": np.random.default_rng(2).integers(0, 256, (384, 384), np.uint8),
        "another key's mark": embed(PHOTO, Watermark(bytes(range(32)), bytes(8)), quality=5),
        "stripes": stripes.astype(np.uint8),
        "flat": np.full((384, 384), 77, np.uint8),
    }[kind]
    evidence = look(picture)
    for key in KEYS:
        found = [*candidates(evidence, key)]
        assert len(found) <= MOST_CANDIDATES
        places = {(size.scale, place.turned) for size, place, _ in found}
        assert len({scale for scale, _ in places}) <= SIZES
        assert {turned for _, turned in places} <= set(range(1, TURNS + 1))
        assert detect(evidence, key) is None


def test_many_keys_see_what_one_sees() -> None:
    mark = Watermark(KEYS[3], b"whose it")
    evidence = look(embed(PHOTO, mark, quality=80))
    found = [detect(evidence, key) for key in KEYS]
    assert [number for number, each in enumerate(found) if each is not None] == [3]
    assert found[3] == detect(embed(PHOTO, mark, quality=80), KEYS[3])
