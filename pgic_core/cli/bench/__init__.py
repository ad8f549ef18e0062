"""``pgic bench``: rate and quality, speed and memory, and what files are good for, against other codecs."""

from __future__ import annotations

import click

from ..command_base import PgicGroup
from .compressai import compressai
from .device import device
from .loader import loader
from .perceptual import perceptual
from .rate import quality, rd
from .ratio import ratio
from .recognition import recognition
from .roi import roi
from .sequence import sequence
from .speed import levels, memory, speed
from .standard import standard
from .watermark import watermark
from .worst import worst

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
