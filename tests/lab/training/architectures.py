"""Architectures of networks that take no time to make."""

from __future__ import annotations

from pgic_core.lab.training.config import Architecture, FineArchitecture

SMALL = Architecture(
    latent=24,
    base=8,
    hyper=8,
    hyper_analysis=20,
    context=16,
    encoder_fine=16,
    encoder_coarse=24,
    decoder=16,
    renderer=8,
    rates=3,
)

SMALL_FINE = FineArchitecture(
    width=16, blocks=2, attention=(1,), window=2, heads=2, middle=12, middle_blocks=1, last=8, last_blocks=1
)
