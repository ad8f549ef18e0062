"""``pgic bench``: rate and quality, speed and memory, and what files are good for, against other codecs."""

from __future__ import annotations

import click

from .bench_compressai import compressai
from .bench_device import device
from .bench_loader import loader
from .bench_perceptual import perceptual
from .bench_rate import quality, rd
from .bench_ratio import ratio
from .bench_recognition import recognition
from .bench_roi import roi
from .bench_sequence import sequence
from .bench_speed import levels, memory, speed
from .bench_standard import standard
from .bench_watermark import watermark
from .bench_worst import worst
from .command_base import PgicGroup

__all__ = ["bench"]


@click.group(cls=PgicGroup)
def bench() -> None:
    """Measure files, quality and speed against other codecs."""


for _command in (
    rd,
    quality,
    perceptual,
    speed,
    levels,
    memory,
    standard,
    worst,
    sequence,
    ratio,
    roi,
    watermark,
    recognition,
    loader,
    device,
    compressai,
):
    bench.add_command(_command)
