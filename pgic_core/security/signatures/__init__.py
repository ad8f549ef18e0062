"""Signatures over the plain parts of a file (A-6.5.3b, c; FORMAT.md, section 9.9)."""

from .signature_info import SignatureInfo
from .signing_key import SigningKey
from .stated_signatures import StatedSignature

__all__ = ["SignatureInfo", "SigningKey", "StatedSignature"]
