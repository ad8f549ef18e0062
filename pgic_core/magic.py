"""How a ``.pgi`` file begins. A module of its own, so that to tell files apart loads nothing else."""

from __future__ import annotations

__all__ = ["MAGIC"]

MAGIC = b"\x89PGI"
"""The first four bytes of every file: ``magic_number`` 0x49475089 as a little-endian uint32."""
