"""Keys of people and devices, the files that hold them, and passphrases.

A key file is text: one key a line, ``pgic-public KIND ID BASE64`` or ``pgic-secret KIND ID BASE64``; lines
that start with ``#`` are remarks. The id is that of FORMAT.md, section 9.5, so that a typing error shows.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import PgiInputError, PgiOptionError
from ..small_files import MOST_KEY, read_bytes
from .cipher_suites import require_extra
from .key_wrapping import SCHEMES, find_scheme, unwrap_sm2

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .key_wrapping import Scheme

__all__ = [
    "KEY_ID_BYTES",
    "ModuleKey",
    "Passphrase",
    "PublicKey",
    "SecretKey",
    "generate_key",
    "key_id_of",
    "parse_keys",
    "read_public_key",
    "read_secret_keys",
    "write_key_pair",
]

KEY_ID_BYTES = 8
_MOST_DERIVED = 1024
_PUBLIC, _SECRET = "pgic-public", "pgic-secret"


def key_id_of(kind: str, public: bytes) -> bytes:
    """The 8 bytes by which files name a key."""
    return hashlib.sha256(b"pgi key\0" + kind.encode() + b"\0" + public).digest()[:KEY_ID_BYTES]


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What somebody gives away so that others can encrypt for them.

    Attributes:
        kind: "x25519", "mlkem768-x25519" or "sm2".
        data: the key as FORMAT.md has it.
    """

    kind: str
    data: bytes = field(repr=False)

    @property
    def key_id(self) -> bytes:
        """8 bytes."""
        return key_id_of(self.kind, self.data)

    @property
    def scheme(self) -> Scheme:
        """What wraps keys for it."""
        return find_scheme(self.kind)

    def to_text(self) -> str:
        """The line of a key file."""
        return _line(_PUBLIC, self.kind, self.key_id, self.data)


class SecretKey:
    """A private key. Neither ``repr`` nor ``pickle`` shows it.

    Args:
        kind: as of :class:`PublicKey`.
        data: the private key, as its scheme stores it.

    Raises:
        PgiOptionError: ``data`` is no such key.
    """

    __slots__ = ("_data", "kind", "public")

    def __init__(self, kind: str, data: bytes) -> None:
        self.kind = kind
        self._data = data
        self.public = PublicKey(kind, find_scheme(kind).public_of(data))

    def __repr__(self) -> str:
        return f"SecretKey({self.kind!r}, id {self.key_id.hex()})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("A secret key cannot be pickled; name its file in PGIC_KEYS instead.")

    @property
    def key_id(self) -> bytes:
        """8 bytes."""
        return self.public.key_id

    def unwrap(self, data: bytes, info: bytes) -> bytes:
        """The wrapped key.

        Raises:
            PgiAuthenticationError: it was not wrapped for this key and ``info``.
        """
        return find_scheme(self.kind).unwrap(self._data, data, info)

    def to_text(self) -> str:
        """The line of a key file. It holds the secret."""
        return _line(_SECRET, self.kind, self.key_id, self._data)


class ModuleKey:
    """A private key of SM2 that never leaves a certified module (SDF, GM/T 0018) or a key service.

    Args:
        public: the public key, 64 bytes: X and Y.
        decrypt: SM2 decryption (GB/T 32918.4) in the module. It gets C1 C3 C2, C1 with its leading 04, and
            returns the plain bytes.

    Raises:
        PgiOptionError: ``public`` is no point of the curve.
    """

    __slots__ = ("_decrypt", "public")

    kind = "sm2"

    def __init__(self, public: bytes, decrypt: Callable[[bytes], bytes]) -> None:
        self.public = PublicKey(self.kind, public)
        self.public.scheme.check_public(public)
        self._decrypt = decrypt

    def __repr__(self) -> str:
        return f"ModuleKey(id {self.key_id.hex()})"

    @property
    def key_id(self) -> bytes:
        """8 bytes."""
        return self.public.key_id

    def unwrap(self, data: bytes, info: bytes) -> bytes:
        """As :meth:`SecretKey.unwrap`; errors of the module pass through."""
        return unwrap_sm2(self._decrypt, data, info)


class Passphrase:
    """Words in place of a key. Neither ``repr`` nor ``pickle`` shows them.

    It keeps the keys that it derived last: frames of a sequence are opened again and again, and each
    derivation is meant to be slow.

    Args:
        text: not empty.

    Raises:
        PgiOptionError: it is empty.
    """

    __slots__ = ("_derived", "_text")

    def __init__(self, text: str) -> None:
        if not text:
            raise PgiOptionError("The passphrase is empty.")
        self._text = unicodedata.normalize("NFC", text)
        self._derived: dict[tuple[bytes, int, int, int], bytes] = {}

    def __repr__(self) -> str:
        return "Passphrase(...)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("A passphrase cannot be pickled.")

    def derive(self, salt: bytes, memory: int, passes: int, lanes: int) -> bytes:
        """32 bytes of Argon2id (RFC 9106); ``memory`` is in KiB."""
        asked = salt, memory, passes, lanes
        known = self._derived.get(asked)
        if known is not None:
            return known
        require_extra()
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

        function = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory)
        if len(self._derived) >= _MOST_DERIVED:
            self._derived.clear()
        self._derived[asked] = derived = function.derive(self._text.encode())
        return derived


def generate_key(kind: str = "x25519") -> SecretKey:
    """A new key.

    Raises:
        PgiOptionError: there is no such kind.
        PgiUnsupportedError: the extra "security" is missing.
    """
    if kind not in SCHEMES:
        raise PgiOptionError(f"The kind of key must be one of {', '.join(SCHEMES)}, not {kind!r}.")
    require_extra("To make keys")
    return SecretKey(kind, find_scheme(kind).generate())


def parse_keys(text: str, what: str) -> list[PublicKey | SecretKey]:
    """The keys of a key file.

    Args:
        text: its content.
        what: its name, for errors, which never quote a line.

    Raises:
        PgiInputError: a line is no key, or its id is not that of its key.
        PgiUnsupportedError: a key is of a kind that is not known here.
    """
    keys: list[PublicKey | SecretKey] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        problem = PgiInputError(f"{what}: line {number} is not a key that pgic wrote.")
        if words[0].startswith("-----BEGIN"):
            raise PgiInputError(
                f"{what} is a key in PEM, which is for signatures; 'pgic keygen NAME' makes others."
            )
        if len(words) != 4 or words[0] not in (_PUBLIC, _SECRET):
            raise problem
        try:
            data = base64.b64decode(words[3], validate=True)
        except (binascii.Error, ValueError):
            raise problem from None
        try:
            key = (PublicKey if words[0] == _PUBLIC else SecretKey)(words[1], data)
            find_scheme(key.kind).check_public(key.data if isinstance(key, PublicKey) else key.public.data)
        except PgiOptionError:
            raise problem from None
        if key.key_id.hex() != words[2]:
            raise PgiInputError(f"{what}: the key of line {number} is damaged: its id does not match.")
        keys.append(key)
    if not keys:
        raise PgiInputError(f"{what} holds no key.")
    return keys


def read_public_key(path: str | os.PathLike[str]) -> PublicKey:
    """The one key of a ``.pub`` file.

    Raises:
        PgiInputError: it cannot be read, or holds something else.
    """
    keys = parse_keys(_read(path), os.fspath(path))
    if any(isinstance(key, SecretKey) for key in keys):
        public = os.path.splitext(os.fspath(path))[0] + ".pub"
        raise PgiInputError(
            f"{os.fspath(path)} is a secret key, which opens files. Encrypting takes the public one, "
            f"probably {public}."
        )
    if len(keys) != 1 or not isinstance(keys[0], PublicKey):
        raise PgiInputError(f"{os.fspath(path)} is not a file with one public key.")
    return keys[0]


def read_secret_keys(path: str | os.PathLike[str]) -> list[SecretKey]:
    """The secret keys of a ``.key`` file.

    Raises:
        PgiInputError: it cannot be read, or holds something else.
    """
    keys = [key for key in parse_keys(_read(path), os.fspath(path)) if isinstance(key, SecretKey)]
    if not keys:
        raise PgiInputError(f"{os.fspath(path)} holds public keys only; decrypting takes a .key file.")
    return keys


def write_key_pair(key: SecretKey, folder: Path, name: str) -> tuple[Path, Path]:
    """Write ``NAME.key``, which only its owner may read, and ``NAME.pub``.

    Neither replaces a file that is there.

    Returns:
        Both paths.

    Raises:
        PgiInputError: one of them is there, or cannot be written.
    """
    secret, public = folder / f"{name}.key", folder / f"{name}.pub"
    for path in (secret, public):
        if path.exists():
            raise PgiInputError(f"{path} exists already; keys are not overwritten.")
    try:
        for path, text, mode in ((secret, key.to_text(), 0o600), (public, key.public.to_text(), 0o644)):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with open(handle, "w", encoding="ascii") as file:
                file.write(text)
    except OSError as error:
        raise PgiInputError(error.errno, f"The key cannot be written: {error.strerror}", str(path)) from error
    return secret, public


def _line(word: str, kind: str, key_id: bytes, data: bytes) -> str:
    return f"{word} {kind} {key_id.hex()} {base64.b64encode(data).decode()}\n"


def _read(path: str | os.PathLike[str]) -> str:
    try:
        return read_bytes(path, "key", MOST_KEY).decode("ascii")
    except UnicodeDecodeError:
        raise PgiInputError(f"{os.fspath(path)} is not a key file.") from None
