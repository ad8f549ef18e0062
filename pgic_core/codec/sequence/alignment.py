"""Where a picture lies in an earlier one: the homography between two frames of a drone that hovers or drifts.

Patches of the new picture are looked for in the old one by phase correlation (Kuglin and Hines, 1975). The
homography that most of them agree with wins (RANSAC; Fischler and Bolles, 1981). Patches that moved in
another way, such as cars or what stands nearer to the camera, do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..homography import Homography, resampled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["align"]

_COARSE = 512
"""Side in pixels to which pictures are reduced for the first look."""
_PATCH = 96
_ACROSS = 14
"""Patches along the longer side at most."""
_LEAST_TEXTURE = 3.0
"""Standard deviation of a patch in grey levels below which it tells nothing."""
_LEAST_PEAK = 6.0
"""How many standard deviations a peak must rise above the rest of a correlation."""
_NEAR = 1.5
"""Pixels by which a patch may miss the homography that it supports."""
_TRIALS = 300
_LEAST_PATCHES, _LEAST_SHARE = 8, 0.35
_ROUNDS = 3


def align(
    canvas: NDArray[np.uint8], last: NDArray[np.uint8], where: Homography, now: NDArray[np.uint8]
) -> Homography | None:
    """Find where a picture lies in a canvas that others were placed in.

    Args:
        canvas: uint8 ``(H, W, 3)``.
        last: uint8 ``(h, w, 3)``, the picture that was placed last; the camera has not moved far since.
        where: the map from its pixels to those of the canvas.
        now: uint8 ``(h, w, 3)``.

    Returns:
        The map from pixels of ``now`` to those of the canvas; None if too few patches agree with any.
    """
    new = _grey(now)
    guess = Homography(where.matrix @ (np.eye(3) + _translation(_grey(last), new)))
    for _ in range(_ROUNDS):
        # The canvas as the camera would see it from there: patches that match then differ by a shift alone.
        seen = _grey(resampled(canvas, guess.matrix / guess.matrix[2, 2], *new.shape))
        source, target = _matches(seen, new)
        found = _agreed(source, target) if len(source) >= _LEAST_PATCHES else None
        if found is None:
            return None
        guess = Homography(guess.matrix @ found.matrix)
    return guess


def _grey(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(rgb.astype(np.float32) @ np.array([0.25, 0.5, 0.25], np.float32), np.float32)


def _translation(old: NDArray[np.float32], new: NDArray[np.float32]) -> NDArray[np.float64]:
    """The translation by which the whole pictures match best, as what to add to the identity."""
    factor = max(1, -(-max(new.shape) // _COARSE))
    height, width = (min(a, b) // factor * factor for a, b in zip(old.shape, new.shape, strict=True))
    small = [
        picture[:height, :width].reshape(height // factor, factor, width // factor, factor).mean((1, 3))
        for picture in (old, new)
    ]
    down, right, _ = _shift(*small)
    return np.array([[0, 0, right * factor], [0, 0, down * factor], [0, 0, 0]], np.float64)


def _shift(old: NDArray[np.float32], new: NDArray[np.float32]) -> tuple[float, float, float]:
    """By how much a picture lies further down and right in another, and how clear that is.

    Args:
        old, new: of one shape.
    """
    window = np.outer(np.hanning(old.shape[0]), np.hanning(old.shape[1])).astype(np.float32)
    spectra = [np.fft.rfft2((picture - picture.mean()) * window) for picture in (old, new)]
    cross = spectra[0] * np.conj(spectra[1])
    surface = np.fft.irfft2(cross / np.sqrt(np.abs(cross) + 1e-6), s=old.shape).astype(np.float32)
    row, column = np.unravel_index(int(surface.argmax()), surface.shape)
    peak = (float(surface[row, column]) - float(surface.mean())) / (float(surface.std()) + 1e-9)
    down = _vertex(surface[:, column], int(row))
    right = _vertex(surface[row], int(column))
    return down, right, peak


def _vertex(line: NDArray[np.float32], at: int) -> float:
    """The place of a peak between samples of a circular line, counted from minus half of it."""
    size = len(line)
    left, middle, right = (float(line[(at + step) % size]) for step in (-1, 0, 1))
    bend = left - 2 * middle + right
    place = at + (0.5 * (left - right) / bend if bend < 0 else 0.0)
    return place - size if place > size / 2 else place


def _matches(
    seen: NDArray[np.float32], new: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres of patches in the new picture, and where they are found in the old one, ``(n, 2)``."""
    step = max(_PATCH // 2, max(new.shape) // _ACROSS)
    half = _PATCH // 2
    rows, columns = (range(half, size - half + 1, step) for size in new.shape)
    source, target = [], []
    for y in rows:
        for x in columns:
            here = slice(y - half, y + half), slice(x - half, x + half)
            if min(new[here].std(), seen[here].std()) < _LEAST_TEXTURE:
                continue
            down, right, peak = _shift(seen[here], new[here])
            if peak >= _LEAST_PEAK and max(abs(down), abs(right)) < half:
                source.append((x, y))
                target.append((x + right, y + down))
    return np.array(source, np.float64).reshape(-1, 2), np.array(target, np.float64).reshape(-1, 2)


def _agreed(source: NDArray[np.float64], target: NDArray[np.float64]) -> Homography | None:
    """The homography that most pairs of points agree with."""
    random = np.random.default_rng(0)  # the same file each time
    best: NDArray[np.bool_] | None = None
    for _ in range(_TRIALS):
        chosen = random.permutation(len(source))[:4]
        trial = _fitted(source[chosen], target[chosen])
        near = _misses(trial, source, target) < _NEAR
        if best is None or near.sum() > best.sum():
            best = near
    if best is None or best.sum() < max(_LEAST_PATCHES, _LEAST_SHARE * len(source)):
        return None
    for _ in range(2):
        fitted = _fitted(source[best], target[best])
        best = _misses(fitted, source, target) < _NEAR
        if best.sum() < _LEAST_PATCHES:
            return None
    return _fitted(source[best], target[best])


def _misses(
    trial: Homography, source: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    misses: NDArray[np.float64] = np.linalg.norm(trial.apply(source) - target, axis=1)
    return np.where(np.isfinite(misses), misses, np.inf)


def _fitted(source: NDArray[np.float64], target: NDArray[np.float64]) -> Homography:
    """The homography that fits pairs best, by the direct linear transform with normalised points."""
    forth, back = _normaliser(source), _normaliser(target)
    rows = []
    for (x, y), (u, v) in zip(_by(forth, source), _by(back, target), strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, -u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, -v])
    matrix = np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)
    whole = np.linalg.inv(back) @ matrix @ forth
    return Homography(whole / whole[2, 2] if whole[2, 2] else np.full((3, 3), np.nan))


def _normaliser(points: NDArray[np.float64]) -> NDArray[np.float64]:
    centre, spread = points.mean(0), max(float(points.std()), 1e-6)
    return np.array([[1 / spread, 0, -centre[0] / spread], [0, 1 / spread, -centre[1] / spread], [0, 0, 1]])


def _by(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = points @ matrix[:2, :2].T + matrix[:2, 2]
    return moved
