"""The bytes before the tiles of a lossless or plain picture (STREAM.md, "Lossless" and "Raw")."""

from __future__ import annotations

import struct

import numpy as np

__all__ = ["CRC_AT", "ENTRY", "HEADER", "UNIT", "VERSION"]

VERSION = 1
HEADER = struct.Struct("<4BHHII")
"""Version, channels, sample format, 0, tile width / 8, tile height / 8, tiles, CRC32 of it and the index."""
CRC_AT = HEADER.size - 4
ENTRY = np.dtype([("length", "<u4"), ("crc32", "<u4"), ("coder", "u1")])
"""What the index says of each tile."""
UNIT = 8
"""Pixels in which the header counts the sides of tiles."""
