"""Whole numbers in as few bytes as they need (LEB128)."""

from __future__ import annotations

__all__ = ["varint"]


def varint(value: int) -> bytes:
    """``value``, not below zero: seven bits a byte, lowest first; all but the last have their top bit."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
