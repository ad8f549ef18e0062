"""Signatures over the plain parts of a file (A-6.5.3b, c; FORMAT.md, section 9.9)."""

from .algorithms import SigningKey
from .info import SignatureInfo

__all__ = ["SignatureInfo", "SigningKey"]
