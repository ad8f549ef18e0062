"""Perceptual distances and figures of regions, beside those of other packages."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data
from skimage.metrics import structural_similarity

from pgic_core.errors import PgiOptionError
from pgic_core.lab.bench.metrics import ms_ssim, psnr, ssim, ssim_map
from pgic_core.lab.bench.perceptual_distances import StLpips, gmsd
from pgic_core.lab.bench.region_quality import WORST_TILE, region_quality

PHOTO = data.astronaut()


def noisy(amount: int, photo: NDArray[np.uint8] = PHOTO) -> NDArray[np.uint8]:
    noise = np.random.default_rng(amount).integers(-amount, amount + 1, photo.shape)
    return np.clip(photo + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("amount", [3, 20, 60])
@pytest.mark.parametrize("size", [(512, 512), (191, 254), (200, 177)])
def test_gmsd_agrees_with_piq(amount: int, size: tuple[int, int]) -> None:
    piq, torch = pytest.importorskip("piq"), pytest.importorskip("torch")
    first = PHOTO[: size[0], : size[1]]
    second = noisy(amount, first)
    tensors = [torch.tensor(each.transpose(2, 0, 1)[None].copy()).double() / 255 for each in (first, second)]
    assert gmsd(first, second) == pytest.approx(float(piq.gmsd(*tensors)), abs=1e-4)


@pytest.mark.parametrize("amount", [3, 20, 60])
def test_ssim_and_ms_ssim_of_grey_agree_with_piq(amount: int) -> None:
    piq, torch = pytest.importorskip("piq"), pytest.importorskip("torch")
    first, second = PHOTO[..., 1], noisy(amount)[..., 1]
    tensors = [torch.tensor(each[None, None].copy()).double() / 255 for each in (first, second)]
    assert ssim(first, second) == pytest.approx(float(piq.ssim(*tensors, downsample=False)), abs=1e-4)
    assert ms_ssim(first, second) == pytest.approx(float(piq.multi_scale_ssim(*tensors)), abs=1e-4)


def test_st_lpips_is_that_of_its_package() -> None:
    torch = pytest.importorskip("torch")
    package = pytest.importorskip("stlpips_pytorch.stlpips")
    network = package.LPIPS(net="alex", variant="shift_tolerant", verbose=False)
    first, second = PHOTO[:128, 100:260], noisy(20)[:128, 100:260]
    tensors = [
        torch.tensor(each.transpose(2, 0, 1)[None].copy()).float() / 127.5 - 1 for each in (first, second)
    ]
    with torch.inference_mode():
        theirs = float(network(*tensors))
    measure = StLpips(first)
    assert measure.distance(second) == pytest.approx(theirs, abs=1e-4)
    assert measure.distance(first) == 0
    assert measure.distance(noisy(5)[:128, 100:260]) < theirs


def test_st_lpips_of_a_large_picture_is_the_mean_over_squares() -> None:
    pytest.importorskip("stlpips_pytorch.stlpips")
    first = np.tile(PHOTO, (1, 2, 1))[:, :900]
    second = noisy(20, first)
    parts = [
        np.s_[top : top + 256, left : left + 256] for top in (170 - 128, 341 - 128) for left in (172, 472)
    ]
    mean = np.mean([StLpips(first[part]).distance(second[part]) for part in parts])
    assert StLpips(first).distance(second) == pytest.approx(mean, abs=1e-6)


def test_distances_need_equal_shapes() -> None:
    with pytest.raises(PgiOptionError, match="cannot be compared"):
        gmsd(PHOTO, PHOTO[:-1])


def test_the_map_of_ssim_is_that_of_scikit_image() -> None:
    first, second = PHOTO[..., 0], noisy(20)[..., 0]
    _, theirs = structural_similarity(
        first, second, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    assert ssim_map(first, second) == pytest.approx(theirs[5:-5, 5:-5], abs=1e-4)


def test_regions_are_measured_apart() -> None:
    mask = np.zeros(PHOTO.shape[:2], bool)
    mask[:, :256] = True
    decoded = np.where(mask[..., None], noisy(2), noisy(30)).astype(np.uint8)
    figures = region_quality(PHOTO, decoded, mask)
    assert figures.psnr_roi == pytest.approx(psnr(PHOTO[:, :256], decoded[:, :256]))
    assert figures.psnr_background == pytest.approx(psnr(PHOTO[:, 256:], decoded[:, 256:]))
    assert figures.ssim_roi > 0.9 > figures.ssim_background
    whole = (figures.ssim_roi * 251 + figures.ssim_background * 251) / 502
    assert whole == pytest.approx(ssim(PHOTO, decoded), abs=1e-6)


def test_the_worst_tile_is_where_the_damage_is() -> None:
    decoded = PHOTO.copy()
    decoded[300:364, 130:194] = 128
    figures = region_quality(PHOTO, decoded, None)
    assert math.isnan(figures.psnr_roi)
    assert abs(figures.worst_y - 300) < WORST_TILE
    assert abs(figures.worst_x - 130) < WORST_TILE
    assert figures.worst_tile < 0.8


def test_parts_that_are_not_there_have_no_figure() -> None:
    figures = region_quality(PHOTO[:64, :64], PHOTO[:64, :64], np.ones((64, 64), bool))
    assert figures.psnr_roi == math.inf
    assert math.isnan(figures.psnr_background)
    assert math.isnan(figures.ssim_background)
    assert figures.worst_tile == 1
    tiny = region_quality(PHOTO[:8, :8], noisy(9)[:8, :8], None)
    assert math.isnan(tiny.worst_tile)
