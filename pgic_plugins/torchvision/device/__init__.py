"""Decoding on a torch device: symbols are read on the CPU, and the networks run where pixels are wanted."""

from .device_rendering import latent_on, pixels_on
from .symbol_tensors import PgiSymbols, check_samples, eight_bits, read_symbols, symbols_in

__all__ = [
    "PgiSymbols",
    "check_samples",
    "eight_bits",
    "latent_on",
    "pixels_on",
    "read_symbols",
    "symbols_in",
]
