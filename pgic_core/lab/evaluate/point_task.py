"""What one task of an evaluation measures: a picture through a codec at one quality."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import PgiError
from ...models import default_model
from ...options import RECOGNITION
from ..bench.metrics import bits_per_pixel, ms_ssim, psnr, ssim, ssim_region_product
from ..bench.peer_codecs import find_codec
from ..bench.perceptual_distances import StLpips, gmsd
from ..bench.region_quality import region_quality
from .call_cost import Cost, costing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ...models import Renderer
    from ...options import Level
    from .evaluated_pictures import Subject

__all__ = ["BASE_LEVEL", "TIMES", "EvalPoint", "PointTask"]

BASE_LEVEL: Level = "fast"
"""The level whose figures stand under the name of the codec alone."""
RAW = "raw"
_LEAST_SSIM_SIDE = 11


@dataclass(frozen=True, slots=True)
class EvalPoint:
    """One decoded picture. What cannot be measured is NaN.

    Attributes:
        picture: name of the picture.
        kind: as of :class:`~pgic_core.lab.evaluate.evaluated_pictures.Subject`.
        codec: its name, with level and scale after it unless those are :data:`BASE_LEVEL` and 1.
        quality: as given to the codec; 0 for raw samples and for coding without loss.
        scale: pixels of the picture along one side of a decoded pixel; figures of reduced levels are taken
            against the picture made small by means of squares.
        width: pixels of the picture.
        height: likewise.
        bytes: of the whole file.
        bpp: bits of the whole file for each pixel of the picture (B.1.1).
        ratio: bytes of the input file for each byte of this one; NaN where the picture was scaled down.
        ratio_raw: bytes of the plain samples for each byte of this one.
        psnr: dB over RGB (B.1.2).
        ssim: of luma (B.1.3).
        ms_ssim: the usual multi-scale index.
        ssim_product: what Appendix B.1.3 writes under the name MS-SSIM.
        gmsd: gradient magnitude similarity deviation; 0 for equal pictures.
        st_lpips: shift-tolerant LPIPS; 0 for equal pictures.
        psnr_roi: PSNR inside the region of interest.
        psnr_background: outside.
        ssim_roi: SSIM inside.
        ssim_background: outside.
        worst_tile: lowest SSIM of a tile of 64 x 64 pixels.
        worst_x: left of that tile.
        worst_y: top of it.
        encode_seconds: of one call, one thread.
        encode_cpu: processor time of it.
        encode_memory: bytes that the process grew by meanwhile.
        decode_seconds: as for encoding, like what follows.
        decode_cpu: likewise.
        decode_memory: likewise.
    """

    picture: str
    kind: str
    codec: str
    quality: int
    scale: int
    width: int
    height: int
    bytes: int
    bpp: float
    ratio: float
    ratio_raw: float
    psnr: float = math.nan
    ssim: float = math.nan
    ms_ssim: float = math.nan
    ssim_product: float = math.nan
    gmsd: float = math.nan
    st_lpips: float = math.nan
    psnr_roi: float = math.nan
    psnr_background: float = math.nan
    ssim_roi: float = math.nan
    ssim_background: float = math.nan
    worst_tile: float = math.nan
    worst_x: int = 0
    worst_y: int = 0
    encode_seconds: float = math.nan
    encode_cpu: float = math.nan
    encode_memory: float = math.nan
    decode_seconds: float = math.nan
    decode_cpu: float = math.nan
    decode_memory: float = math.nan


TIMES = tuple(f.name for f in fields(EvalPoint) if f.name.startswith(("encode_", "decode_")))
"""What differs from run to run; everything else does not."""


@dataclass(frozen=True, slots=True)
class PointTask:
    """A visible picture through one codec at several qualities.

    Attributes:
        subject: the picture.
        codec: name of the codec, or :data:`RAW`.
        qualities: in the codec's own terms.
        roi: name of the model that finds the region of interest, or None.
        perceptual: whether ST-LPIPS is measured.
    """

    subject: Subject
    codec: str
    qualities: tuple[int, ...]
    roi: str | None
    perceptual: bool

    @property
    def label(self) -> str:
        """For the progress bar."""
        return f"{self.subject.name} {self.codec}"

    def identity(self) -> dict[str, Any]:
        """What the result depends on."""
        return {
            "point": self.codec,
            "picture": [self.subject.digest, self.subject.name, self.subject.file_bytes],
            "qualities": self.qualities,
            "roi": self.roi,
            "perceptual": self.perceptual,
            "renderers": [r.digest for r in default_model().renderers]
            if self.codec.startswith("pgic")
            else [],
            "model": default_model().digest if self.codec.startswith("pgic") else "",
        }

    def run(self) -> list[dict[str, Any]]:
        """The points as mappings."""
        original = self.subject.rgb()
        measure = _Measure(original, self.roi, self.perceptual)
        return [_as_dict(p) for p in self._points(original, measure)]

    def _points(self, original: NDArray[np.uint8], measure: _Measure) -> Iterator[EvalPoint]:
        if self.codec == RAW:
            yield self._point(RAW, 0, original.nbytes, Cost(), original, Cost(), measure)
            return
        codec = find_codec(self.codec)
        for quality in self.qualities:
            with costing() as encoding:
                data = codec.encode(original, quality)
            if not self.codec.startswith("pgic"):
                with costing() as decoding:
                    decoded = codec.decode(data)
                yield self._point(self.codec, quality, len(data), encoding, decoded, decoding, measure)
                continue
            for renderer in default_model().renderers:
                if renderer.level == RECOGNITION:
                    continue  # it is for machines, and the section on recognition measures it
                with costing() as decoding:
                    decoded = _drawn(data, renderer)
                base = (renderer.level, renderer.scale) == (BASE_LEVEL, 1)
                name = self.codec if base else f"{self.codec} {renderer.name}"
                scale = renderer.scale
                yield self._point(name, quality, len(data), encoding, decoded, decoding, measure, scale)

    def _point(
        self,
        codec: str,
        quality: int,
        size: int,
        encoding: Cost,
        decoded: NDArray[np.uint8],
        decoding: Cost,
        measure: _Measure,
        scale: int = 1,
    ) -> EvalPoint:
        subject = self.subject
        return EvalPoint(
            subject.name,
            subject.kind,
            codec,
            quality,
            scale,
            subject.width,
            subject.height,
            size,
            bits_per_pixel(size, subject.width, subject.height),
            subject.file_bytes / size if subject.file_bytes else math.nan,
            3 * subject.width * subject.height / size,
            **measure(decoded, scale),
            encode_seconds=encoding.seconds,
            encode_cpu=encoding.cpu,
            encode_memory=encoding.memory,
            decode_seconds=decoding.seconds,
            decode_cpu=decoding.cpu,
            decode_memory=decoding.memory,
        )


def _drawn(data: bytes, renderer: Renderer) -> NDArray[np.uint8]:
    from ...api import decode

    return decode(data, level=renderer.level, scale=renderer.scale)


def _as_dict(point: EvalPoint) -> dict[str, Any]:
    return {field.name: getattr(point, field.name) for field in fields(EvalPoint)}


class _Measure:
    """All figures of decoded pictures against one original; what belongs to the original is found once."""

    def __init__(self, original: NDArray[np.uint8], roi: str | None, perceptual: bool) -> None:
        self._originals = {1: original}
        self._mask = None if roi is None else _roi_mask(roi, original)
        large = min(original.shape[:2]) >= StLpips.LEAST_SIDE
        self._perceptual = perceptual and large
        self._st_lpips: StLpips | None = None

    def __call__(self, decoded: NDArray[np.uint8], scale: int) -> dict[str, Any]:
        if scale not in self._originals:
            self._originals[scale] = _reduced(self._originals[1], scale)
        original = self._originals[scale]
        figures: dict[str, Any] = {"psnr": psnr(original, decoded)}
        if min(original.shape[:2]) < _LEAST_SSIM_SIDE:
            return figures
        figures |= {
            "ssim": ssim(original, decoded),
            "ms_ssim": ms_ssim(original, decoded),
            "ssim_product": ssim_region_product(original, decoded),
            "gmsd": gmsd(original, decoded),
        }
        if scale > 1:
            return figures
        if self._perceptual:
            figures["st_lpips"] = self._st_lpips_of(original, decoded)
        parts = region_quality(original, decoded, self._mask)
        return figures | {field.name: getattr(parts, field.name) for field in fields(parts)}

    def _st_lpips_of(self, original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
        if np.array_equal(original, decoded):
            return 0.0  # as it would find, after a while
        if self._st_lpips is None:
            self._st_lpips = StLpips(original)
        return self._st_lpips.distance(decoded)


def _reduced(picture: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Means of squares; those at the right and bottom edge repeat the last pixels."""
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((0, -height % scale), (0, -width % scale), (0, 0)), "edge").astype(np.float32)
    rows, columns = padded.shape[0] // scale, padded.shape[1] // scale
    means = padded.reshape(rows, scale, columns, scale, 3).mean(axis=(1, 3))
    return np.asarray(np.rint(means), np.uint8)


def _roi_mask(name: str, picture: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """The half of the picture's importance that matters: where it is at least 0.5."""
    from ...hooks import find_roi

    importance = find_roi(name, picture)
    if importance is None:
        raise PgiError(f"The model {name} found no region of interest in a picture.")
    rows = np.arange(picture.shape[0]) * importance.shape[0] // picture.shape[0]
    columns = np.arange(picture.shape[1]) * importance.shape[1] // picture.shape[1]
    return np.asarray(importance[rows[:, None], columns] >= 0.5)
