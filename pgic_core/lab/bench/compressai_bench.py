"""pgic beside CompressAI's codecs, measured by CompressAI's own ``bench`` and ``eval_model``."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import PgiOptionError
from ...hooks import load_entry
from .printed_tables import new_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from rich.table import Table

    from .bench_pictures import Sample

__all__ = ["CompressaiPoint", "compressai_table", "measure_compressai", "write_pictures"]

_LEAST_SIDE = 161  # of CompressAI's MS-SSIM: five scales of an 11 x 11 window
_METRICS = ["psnr-rgb", "ms-ssim-rgb"]


@dataclass(frozen=True, slots=True)
class CompressaiPoint:
    """Means over all pictures, as CompressAI reports them.

    Attributes:
        codec: "pgic", or CompressAI's name.
        measured_by: "bench" (files through Pillow), "eval_model" (strings of a model) or
            "eval_model, estimate" (its likelihoods).
        quality: on the codec's own scale.
        bpp: bits for each pixel.
        psnr: dB over RGB.
        ms_ssim: over RGB.
        encode_seconds: for one picture.
        decode_seconds: likewise.
    """

    codec: str
    measured_by: str
    quality: int
    bpp: float
    psnr: float
    ms_ssim: float
    encode_seconds: float
    decode_seconds: float


def write_pictures(samples: Sequence[Sample], folder: Path) -> list[Path]:
    """The pictures as PNG files, which every codec then reads.

    Raises:
        PgiOptionError: one is too small for CompressAI's MS-SSIM.
        PgiInputError: one cannot be read.
    """
    from PIL import Image

    paths = []
    for number, sample in enumerate(samples):
        pixels: Any = sample.load()
        if min(pixels.shape[:2]) < _LEAST_SIDE:
            raise PgiOptionError(f"{sample.path} is too small: MS-SSIM needs sides of {_LEAST_SIDE} pixels.")
        paths.append(folder / f"{number:04d}.png")
        Image.fromarray(np.asarray(pixels)).save(paths[-1], compress_level=1)
    return paths


def measure_compressai(
    paths: Sequence[Path], qualities: Sequence[int], found: Callable[[str], None]
) -> Iterator[CompressaiPoint]:
    """Measure pgic and what of CompressAI runs here without a download or a program of its own.

    Those are its codecs through Pillow and the pretrained models whose weights lie in torch's cache.

    Args:
        paths: PNG files of one folder, nothing else in it.
        qualities: of pgic and of the codecs through Pillow, 1 to 100.
        found: told what was left out, as sentences.

    Raises:
        PgiUnsupportedError: CompressAI is not installed.
    """
    adapter = load_entry("pgic.adapters", "compressai")
    from compressai.registry import MODELS
    from compressai.utils.bench.__main__ import codecs, collect

    pillow_codecs = [codec for codec in codecs if issubclass(codec, adapter.PillowCodec)]
    left_out = [codec.__name__ for codec in codecs if codec not in pillow_codecs]
    found(f"Left out, since they need programs of their own: {', '.join(left_out)}.")
    adapter.Pgi(None).run(paths[0], qualities[0])  # loads the networks, which is not to be timed
    for kind in (*pillow_codecs, adapter.Pgi):
        codec = kind(None)
        for quality in qualities:
            means = collect(codec, str(paths[0].parent), [quality], _METRICS)
            yield _point(codec.name, "bench", quality, {name: values[0] for name, values in means.items()})
    models = {quality: MODELS["pgic"](quality=quality).eval() for quality in qualities}
    for quality, model in models.items():
        yield _evaluated("pgic", quality, model, paths)
    if any(model.network is None for model in models.values()):
        found("Left out, since the trainer's weights are not in the package: the estimate of pgic's bits.")
    else:
        for quality, model in models.items():
            yield _evaluated("pgic", quality, model, paths, estimate=True)
    present, absent = _pretrained()
    if absent:
        found(f"Left out, since their weights would have to be downloaded: {', '.join(absent)}.")
    from compressai.utils.eval_model.__main__ import load_pretrained

    for name, quality in present:
        yield _evaluated(name, quality, load_pretrained(name, "mse", quality), paths)


def compressai_table(points: Sequence[CompressaiPoint]) -> Table:
    """All points, codec by codec."""
    table = new_table(
        "By CompressAI's own measurement (means)",
        ["codec", "measured by"],
        ["quality", "bpp", "PSNR", "MS-SSIM", "encode ms", "decode ms"],
    )
    last = None
    for point in points:
        if last not in (None, (point.codec, point.measured_by)):
            table.add_section()
        last = (point.codec, point.measured_by)
        table.add_row(
            *last,
            str(point.quality),
            f"{point.bpp:.3f}",
            f"{point.psnr:.2f}",
            f"{point.ms_ssim:.4f}",
            *(
                "-" if math.isnan(s) else f"{1000 * s:.0f}"
                for s in (point.encode_seconds, point.decode_seconds)
            ),
        )
    return table


def _evaluated(
    name: str, quality: int, model: Any, paths: Sequence[Path], *, estimate: bool = False
) -> CompressaiPoint:
    from compressai.utils.eval_model.__main__ import eval_model

    folder = paths[0].parent
    means = eval_model(
        model,
        folder,
        folder,
        paths,
        entropy_estimation=estimate,
        architecture=name,
        half=False,
        per_image=False,
    )
    return _point(
        name, "eval_model, estimate" if estimate else "eval_model", quality, means, timed=not estimate
    )


def _point(
    name: str, how: str, quality: int, means: Mapping[str, float], *, timed: bool = True
) -> CompressaiPoint:
    seconds = [means[f"{what}_time"] if timed else math.nan for what in ("encoding", "decoding")]
    return CompressaiPoint(
        name, how, quality, means["bpp"], means["psnr-rgb"], means["ms-ssim-rgb"], seconds[0], seconds[1]
    )


def _pretrained() -> tuple[list[tuple[str, int]], list[str]]:
    """Pretrained models of squared errors: name and quality of those here, names of those with none here."""
    import torch
    from compressai.zoo import image_models
    from compressai.zoo.image import model_urls

    cache = os.path.join(torch.hub.get_dir(), "checkpoints")
    present = [
        (name, quality)
        for name, metrics in model_urls.items()
        for quality, url in metrics.get("mse", {}).items()
        if name in image_models and os.path.isfile(os.path.join(cache, os.path.basename(url)))
    ]
    return present, [name for name in model_urls if name not in dict(present)]
