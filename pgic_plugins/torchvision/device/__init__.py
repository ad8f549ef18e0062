"""Decoding on a torch device: symbols are read on the CPU, and the networks run where pixels are wanted."""

from .pictures import latent_on, pixels_on
from .symbols import PgiSymbols, read_symbols

__all__ = ["PgiSymbols", "latent_on", "pixels_on", "read_symbols"]
