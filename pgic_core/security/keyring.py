"""Where keys are looked for: what a caller names, then ``PGIC_KEYS``, then the hook ``provide_key``.

Nowhere else: never in the working folder, never beside the picture.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import PgiInputError, PgiOptionError
from .keys import ModuleKey, Passphrase, PublicKey, SecretKey, parse_keys, read_secret_keys

if TYPE_CHECKING:
    from typing import TypeAlias

    KeyLike: TypeAlias = SecretKey | ModuleKey | Passphrase | str | os.PathLike[str]
    KeysLike: TypeAlias = KeyLike | Iterable[KeyLike]

__all__ = ["KEYS_VARIABLE", "Keyring"]

KEYS_VARIABLE = "PGIC_KEYS"
"""Environment variable: paths of ``.key`` files, with the system's separator between them."""


_NAMED = 4


class Keyring:
    """Keys to try.

    Args:
        keys: secret keys, those of modules, passphrases, or paths of ``.key`` files.

    Attributes:
        passphrases: those given.

    Raises:
        PgiInputError: a file cannot be read.
        PgiOptionError: something is no key.
    """

    def __init__(self, keys: KeysLike | None = None) -> None:
        self._secrets: dict[bytes, SecretKey | ModuleKey] = {}
        self._environment_read = False
        self.passphrases: list[Passphrase] = []
        for key in _several(keys):
            if isinstance(key, (SecretKey, ModuleKey)):
                self._secrets[key.key_id] = key
            elif isinstance(key, Passphrase):
                self.passphrases.append(key)
            elif isinstance(key, (str, os.PathLike)):
                self._add_file(key)
            elif isinstance(key, PublicKey):
                raise PgiOptionError("A public key encrypts only; decrypting takes the secret one.")
            else:
                raise PgiOptionError(
                    f"A key is a SecretKey, a Passphrase or a path, not {type(key).__name__}."
                )

    def __repr__(self) -> str:
        return f"Keyring({len(self._secrets)} keys, {len(self.passphrases)} passphrases)"

    @property
    def tried(self) -> str:
        """What was given, in words: "no key was given", or that none of those opens a file."""
        names = [f"key {key_id.hex()}" for key_id in self._secrets]
        names += ["the passphrase"] * bool(self.passphrases)
        if not names:
            return "no key was given"
        if len(names) == 1:
            return f"{names[0]}, which was given, does not open it"
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return f"none of those given opens it ({', '.join(names[:_NAMED])}{more})"

    def find(self, kind: str, key_id: bytes, *, ask: bool) -> SecretKey | ModuleKey | None:
        """The secret key of a recipient, or None.

        Args:
            kind: of the recipient.
            key_id: 8 bytes.
            ask: plugins for it too.

        Raises:
            PgiInputError: a file that ``PGIC_KEYS`` names cannot be read, or the hook gave something else.
        """
        if key_id not in self._secrets and not self._environment_read:
            self._environment_read = True
            for path in filter(None, os.environ.get(KEYS_VARIABLE, "").split(os.pathsep)):
                self._add_file(path)
        if ask and key_id not in self._secrets:
            self._ask_hook(key_id)
        found = self._secrets.get(key_id)
        return found if found is not None and found.kind == kind else None

    def _add_file(self, path: str | os.PathLike[str]) -> None:
        for key in read_secret_keys(path):
            self._secrets[key.key_id] = key

    def _ask_hook(self, key_id: bytes) -> None:
        # Not imported while no key is missing: it loads the plugins.
        from ..hooks import find_key

        found = find_key("decrypt", key_id.hex())
        if found is None:
            return
        try:
            text = found.decode("ascii")
        except UnicodeDecodeError:
            raise PgiInputError(f"A plugin's key {key_id.hex()} is not the text of a key file.") from None
        for key in parse_keys(text, f"A plugin's key {key_id.hex()}"):
            if isinstance(key, SecretKey):
                self._secrets[key.key_id] = key


def _several(keys: KeysLike | None) -> list[KeyLike]:
    if keys is None:
        return []
    if isinstance(keys, (str, os.PathLike)) or not isinstance(keys, Iterable):
        return [keys]
    return list(keys)
