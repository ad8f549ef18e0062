"""Who may see a file, and who changed it: encryption by tier, keys, and what else guards a file.

``sealing`` writes encrypted files and ``opening`` opens them; ``tiers``, ``field_tiers`` and
``encryption_plan`` say what is for whom. ``keys``, ``keyring`` and ``recipients`` are about keys,
``cipher_suites`` and ``key_wrapping`` about algorithms. ``signatures`` and ``watermark`` are rooms of their
own.

FORMAT.md, section 9, is the specification of what stands in a file. Encryption needs the extra ``security``,
which is loaded when it is first needed.
"""

from .keyring import KEYS_VARIABLE, Keyring
from .keys import (
    ModuleKey,
    Passphrase,
    PublicKey,
    SecretKey,
    generate_key,
    read_public_key,
    read_secret_keys,
    write_key_pair,
)
from .recipients import Recipient
from .signatures import SignatureInfo, SigningKey, StatedSignature
from .tiers import Tier

__all__ = [
    "KEYS_VARIABLE",
    "Keyring",
    "ModuleKey",
    "Passphrase",
    "PublicKey",
    "Recipient",
    "SecretKey",
    "SignatureInfo",
    "SigningKey",
    "StatedSignature",
    "Tier",
    "generate_key",
    "read_public_key",
    "read_secret_keys",
    "write_key_pair",
]
