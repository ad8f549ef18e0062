"""Details on a calm ground get finer steps where a transform coder of the same bytes would keep them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data

import pgic_core
from pgic_core.api.encode_request import EncodeRequest
from pgic_core.api.sequence_splitting import still_file
from pgic_core.codec.learned.exact.block_screening import screen
from pgic_core.codec.learned.exact.dct_cost import pattern_energies
from pgic_core.codec.learned.exact.lost_details import touched_tiles
from pgic_core.codec.tiles_and_windows import Grid
from pgic_core.container import Strategy
from pgic_core.errors import PgiOptionError
from pgic_core.security.recipients import Recipient
from pgic_core.security.tier_keys import Tier

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CELL = 64


@pytest.fixture(scope="module")
def portrait() -> NDArray[np.uint8]:
    """Lettering and seams on a suit, before which a block lies 6 dB under AVIF's at quality 50."""
    return np.ascontiguousarray(skimage.data.astronaut())


def encode(picture: NDArray[np.uint8], **options: Any) -> bytes:
    return pgic_core.encode(picture, **{"codec": "learned", "quality": 50} | options)


def roi_of(data: bytes) -> NDArray[np.int8] | None:
    with pgic_core.open_file(data) as file:
        return file.roi


def errors(data: bytes, picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean squared errors of cells."""
    squares = np.square(pgic_core.decode(data).astype(float) - picture).mean(2)
    high, wide = (size // CELL for size in squares.shape)
    return squares.reshape(high, CELL, wide, CELL).mean((1, 3))


def test_a_few_cells_come_out_finer(portrait: NDArray[np.uint8]) -> None:
    data = encode(portrait)
    # A map of the caller says what matters, so nothing is added to it.
    plain = encode(portrait, roi=np.eye(8, dtype=np.int8))
    roi = roi_of(data)
    assert roi is not None
    raised = roi > 0
    assert 1 <= raised.sum() <= 6
    assert roi.min() == 0
    gained = 10 * np.log10(errors(plain, portrait) / errors(data, portrait))
    assert gained[raised].mean() > 1.5
    assert abs(gained[~raised & ~np.eye(8, dtype=bool)].mean()) < 0.1
    assert len(data) < 1.03 * len(plain)
    np.testing.assert_array_equal(roi_of(plain), np.eye(8, dtype=np.int8))


def test_the_file_says_that_nobody_asked_for_it(portrait: NDArray[np.uint8]) -> None:
    facts = pgic_core.inspect(encode(portrait))
    assert facts.strategy == Strategy("details")
    assert facts.strategy.sentences() == ["more detail where it would be lost"]
    assert facts.roi_octaves is not None
    assert facts.roi_octaves[1] > 0
    calm = pgic_core.inspect(encode(np.ascontiguousarray(skimage.data.chelsea())))
    assert calm.strategy == Strategy()
    assert calm.roi_octaves is None


@pytest.mark.parametrize("effort", [1, 3])
def test_every_effort_keeps_them(portrait: NDArray[np.uint8], effort: int) -> None:
    part = np.ascontiguousarray(portrait[256:, 256:])
    data = encode(part, effort=effort, quality=45)
    assert pgic_core.decode(data).shape == part.shape
    roi = roi_of(data)
    assert roi is None or roi.max() > 0


@pytest.mark.parametrize("most", [9_000, 17_000, 30_000])
def test_targets_hold(portrait: NDArray[np.uint8], most: int) -> None:
    data = pgic_core.encode(portrait, codec="learned", max_bytes=most)
    assert 0.85 * most < len(data) <= most
    # A small file has no room to say where its regions come from.
    if most < 16_384:
        assert roi_of(data) is None
    data = pgic_core.encode(portrait, codec="learned", min_psnr=33.0)
    assert 10 * np.log10(255**2 / errors(data, portrait).mean()) > 32.95


def without_details(picture: NDArray[np.uint8], **options: Any) -> bytes:
    """What the encoder makes without the search."""
    request = EncodeRequest.of(picture, {"codec": "learned", **options})  # type: ignore[typeddict-item]
    request = replace(request, how=replace(request.how, keep_details=False))
    return request.file_of(request.prepare(picture))


def test_no_target_is_missed_for_them(portrait: NDArray[np.uint8]) -> None:
    """The smallest file has no details, so what fitted before there were any still does."""
    big = np.ascontiguousarray(np.tile(portrait, (3, 3, 1))[:1400, :1400])
    least = without_details(big, quality=1, effort=1)
    most = len(least) + 100  # for the target, which the file states
    assert len(encode(big, quality=1, effort=1)) > most
    data = pgic_core.encode(big, codec="learned", max_bytes=most, effort=1)
    assert len(data) <= most
    assert pgic_core.inspect(data).strategy == Strategy(target=("bytes", float(most)))


@pytest.mark.parametrize("least", [31.0, 33.0])
def test_a_bound_on_errors_takes_no_more_bytes(portrait: NDArray[np.uint8], least: float) -> None:
    data = pgic_core.encode(portrait, codec="learned", min_psnr=least, effort=1)
    plain = without_details(portrait, min_psnr=least, effort=1)
    assert len(data) <= len(plain)
    assert 10 * np.log10(255**2 / errors(data, portrait).mean()) >= least


@pytest.mark.parametrize(
    "roi", ["annotations", [], np.zeros((8, 8), np.int8), np.zeros((512, 512), np.bool_)], ids=str
)
def test_regions_that_are_none_are_as_not_asked_for(portrait: NDArray[np.uint8], roi: Any) -> None:
    assert encode(portrait, roi=roi, effort=1) == encode(portrait, effort=1)


def test_nobody_is_added_to_them(portrait: NDArray[np.uint8], tmp_path: Path) -> None:
    """Who joins an encrypted file gets no more than those it was made for could."""
    pytest.importorskip("cryptography")
    owner, other = pgic_core.generate_key(), pgic_core.generate_key()
    path = tmp_path / "details.pgi"
    path.write_bytes(encode(portrait, effort=1, recipients=[owner.public]))
    with pgic_core.open_file(path, keys=owner) as file:
        assert file.strategy.roi == "details"
    with pytest.raises(PgiOptionError, match="regions of interest"):
        pgic_core.add_recipients(path, [(other.public, "regions")], keys=owner)
    pgic_core.add_recipients(path, [Recipient(other.public, Tier.REGIONS, fitting=True)], keys=owner)
    with pgic_core.open_file(path, keys=other) as file:
        assert file.tier == "preview"


def test_frames_keep_saying_that_nobody_asked(portrait: NDArray[np.uint8], tmp_path: Path) -> None:
    """A change frame has the map of its key frame, so it says as much of it; so does what is split off."""
    path = tmp_path / "details.pgi"
    path.write_bytes(encode(portrait, effort=1))
    changed = portrait.copy()
    changed[200:240, 300:340] = 250, 0, 0
    assert not pgic_core.append(path, changed, effort=1).key
    with pgic_core.open_file(path) as file:
        assert file.frame(1).roi is not None
        assert file.frame(1).strategy == Strategy("details")
        still = still_file(file, 1)
    assert pgic_core.inspect(still).strategy == Strategy("details")
    pytest.importorskip("cryptography")
    with pytest.raises(PgiOptionError, match="regions of interest"):
        pgic_core.encrypt(still, tmp_path / "still.pgi", [(pgic_core.generate_key().public, "regions")])


def test_they_open_nothing_to_others(portrait: NDArray[np.uint8]) -> None:
    """Only regions that somebody asked for are a tier of an encrypted file."""
    pytest.importorskip("cryptography")
    key = pgic_core.generate_key()
    with pytest.raises(PgiOptionError, match="regions of interest"):
        encode(portrait, recipients=[(key.public, "regions")])
    pgic_core.open_file(encode(portrait, recipients=[key.public]), keys=key).close()
    asked = encode(portrait, roi=[(0, 0, 64, 64)], recipients=[(key.public, "regions")])
    with pgic_core.open_file(asked, keys=key) as file:
        assert file.tier == "regions"


def test_key_frames_have_none(portrait: NDArray[np.uint8], tmp_path: Path) -> None:
    """The map of a key frame would hold for all its frames, wherever their details are."""
    pgic_core.encode_sequence([portrait, portrait], tmp_path / "two.pgi", quality=50)
    assert roi_of((tmp_path / "two.pgi").read_bytes()) is None


def test_what_is_screened() -> None:
    """A hook on a calm wall is a detail; one on gravel is not, and nothing is where qualities are high."""
    rng = np.random.default_rng(3)
    wall = np.full((66, 130, 3), 200, np.uint8)
    wall[:, 66:] = rng.integers(60, 200, (66, 64, 1))
    for left in (20, 90):
        wall[30:34, left : left + 4] = 20
    details = screen(wall, 200.0, 50.0, True).details
    assert details.shape == (1, 2)
    assert np.isfinite(details).tolist() == [[True, False]]
    assert screen(wall, 200.0, 50.0, False).details.size == 0


def test_energies_of_patterns_are_errors() -> None:
    blocks = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 3), np.uint8)
    energies = pattern_energies(blocks)
    luma = (blocks @ np.array([0.299, 0.587, 0.114])).reshape(100, -1)
    # A change of Y changes every colour by as much.
    np.testing.assert_allclose(energies[0].sum(1), luma.var(1), rtol=1e-3)


def test_tiles_that_see_a_cell_are_touched() -> None:
    grid = Grid.square(1500, 1100, 512)
    roi = np.zeros((18, 24), np.int8)
    roi[4, 4] = 6  # in the middle of the first tile
    assert touched_tiles(roi, grid, 96) == {0}
    roi[7, 9] = 6  # near the corner between four
    assert touched_tiles(roi, grid, 96) == {0, 1, 3, 4}
