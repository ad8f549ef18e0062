import io
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data
from skimage.filters import gaussian
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from skimage.transform import downscale_local_mean

from pgic_core.errors import PgiOptionError
from pgic_core.lab.bench import metrics

PHOTO = data.astronaut()[:301, :400]
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def luma(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    return picture @ np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize("quality", [5, 50, 95])
def test_psnr_and_ssim_agree_with_scikit_image(quality: int) -> None:
    other = jpeg(PHOTO, quality)
    assert metrics.psnr(PHOTO, other) == pytest.approx(
        peak_signal_noise_ratio(PHOTO, other, data_range=255), abs=1e-9
    )
    expected, _ = peer_ssim(luma(PHOTO), luma(other))
    assert metrics.ssim(PHOTO, other) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("quality", [5, 50, 95])
def test_ms_ssim_agrees_with_one_built_from_scikit_image(quality: int) -> None:
    other = jpeg(PHOTO, quality)
    a, b = luma(PHOTO), luma(other)
    product = 1.0
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            a, b = (
                downscale_local_mean(p[: p.shape[0] // 2 * 2, : p.shape[1] // 2 * 2], (2, 2)) for p in (a, b)
            )
        whole, contrast = peer_ssim(a, b)
        product *= (whole if scale == 4 else contrast) ** weight
    assert metrics.ms_ssim(PHOTO, other) == pytest.approx(product, abs=1e-5)


def peer_ssim(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """SSIM and its mean without the luminance factor, window centres inside the picture."""
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    value, whole = structural_similarity(a, b, full=True, **options)
    mu = [gaussian(p, 1.5, truncate=3.5, mode="reflect", preserve_range=True) for p in (a, b)]
    c1 = (0.01 * 255) ** 2
    luminance = (2 * mu[0] * mu[1] + c1) / (mu[0] ** 2 + mu[1] ** 2 + c1)
    return float(value), float((whole / luminance)[5:-5, 5:-5].mean())


def test_identical_pictures() -> None:
    assert metrics.psnr(PHOTO, PHOTO) == math.inf
    assert metrics.ssim(PHOTO, PHOTO) == pytest.approx(1)
    assert metrics.ms_ssim(PHOTO, PHOTO) == pytest.approx(1)
    assert metrics.ssim_region_product(PHOTO, PHOTO) == pytest.approx(1)


def test_psnr_of_a_known_error() -> None:
    flat = np.full((40, 50, 3), 100, np.uint8)
    assert metrics.psnr(flat, flat + np.uint8(5)) == pytest.approx(20 * math.log10(255 / 5))
    assert metrics.psnr(flat * 0, flat * 0 + 255) == pytest.approx(0, abs=1e-12)


def test_bits_per_pixel_counts_the_whole_file() -> None:
    assert metrics.bits_per_pixel(1000, 80, 50) == 2.0


def test_small_pictures_use_the_scales_that_fit() -> None:
    small = PHOTO[:30, :30]
    other = jpeg(small, 30)
    a, b = luma(small), luma(other)
    _, contrast = peer_ssim(a, b)
    whole, _ = peer_ssim(downscale_local_mean(a, (2, 2)), downscale_local_mean(b, (2, 2)))
    total = sum(WEIGHTS[:2])
    expected = contrast ** (WEIGHTS[0] / total) * whole ** (WEIGHTS[1] / total)
    assert metrics.ms_ssim(small, other) == pytest.approx(expected, abs=1e-5)
    with pytest.raises(PgiOptionError, match="11 x 11"):
        metrics.ms_ssim(PHOTO[:10], PHOTO[:10])
    with pytest.raises(PgiOptionError, match="cannot be compared"):
        metrics.psnr(PHOTO, PHOTO[:10])


def test_the_appendix_formula_is_the_weighted_product_of_region_values() -> None:
    other = jpeg(PHOTO[:128, :100], 20)
    original = PHOTO[:128, :100]
    regions = {(i, j): np.s_[64 * i : 64 * i + 64, 64 * j : 64 * j + 64] for i in (0, 1) for j in (0, 1)}
    values = {}
    for place, part in regions.items():
        x, y = luma(original[part]), luma(other[part])
        c1, c2 = 6.5025, 58.5225
        cov = np.cov(x.ravel(), y.ravel(), bias=True)
        top = (2 * x.mean() * y.mean() + c1) * (2 * cov[0, 1] + c2)
        values[place] = top / ((x.mean() ** 2 + y.mean() ** 2 + c1) * (cov[0, 0] + cov[1, 1] + c2))
    weights = np.array([[1.0, 2.0], [0.0, 5.0]])
    expected = math.prod(values[place] ** (weights[place] / 8) for place in regions)
    assert metrics.ssim_region_product(original, other, weights=weights) == pytest.approx(expected, abs=1e-5)
    assert metrics.ssim_region_product(original, other) == pytest.approx(
        math.prod(v**0.25 for v in values.values()), abs=1e-5
    )
    assert metrics.ssim_region_product(original, 255 - original) == 0
    with pytest.raises(PgiOptionError, match="weights"):
        metrics.ssim_region_product(original, other, weights=np.ones((3, 3)))


def test_the_worst_tile_is_found_where_the_damage_is() -> None:
    picture = data.astronaut()
    other = picture.copy()
    other[300:360, 200:300] = 128
    value, place = metrics.worst_tile_ms_ssim(picture, other, tile=200)
    # Tiles start at 0, 200 and 312; of those with the damage in them this one has most of it.
    assert place == (200, 200)
    assert value == metrics.ms_ssim(picture[200:400, 200:400], other[200:400, 200:400])
    assert metrics.worst_tile_ms_ssim(picture[:150], other[:150])[0] == pytest.approx(1)
