"""Who may see a file, and who changed it: encryption by tier, keys, and what else guards a file.

``encrypted_file_writing`` writes encrypted files, message by message (``message_encryption``). To read one,
``reader_unlocking`` asks ``envelope_opening`` for the key, and ``content_decryption`` decrypts what is asked
for. ``security_block`` and ``message_layout`` are the bytes. ``encryption_plan``, ``tier_keys`` and
``extension_field_tiers`` say what is for whom. ``keys``, ``keyring`` and ``recipients`` are about keys,
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
from .tier_keys import Tier

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
