"""Whether a model of ``PGIC_MODEL_PATH`` may run.

A digest says which model a file needs, not who made it. Whoever may put a folder where models are looked for
could swap a network. So a model that was not installed with pgic runs only if

- ``manifest.sig`` in its folder is a signature of its manifest with a key of ``PGIC_MODEL_KEYS`` (paths of
  Ed25519 public keys in PEM), or
- ``PGIC_MODEL_UNSIGNED`` is ``1``: then every model runs, as it is wanted where models are trained.

The manifest lists the SHA-256 of every file of the model, and each is compared when it is loaded.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

from ..errors import PgiError, PgiModelError, PgiOptionError
from ..small_files import read_json
from .manifest import MANIFEST_NAME, read_manifest

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KEYS_VARIABLE", "SIGNATURE_NAME", "UNSIGNED_VARIABLE", "check_trusted", "sign_model"]

SIGNATURE_NAME = "manifest.sig"
KEYS_VARIABLE = "PGIC_MODEL_KEYS"
UNSIGNED_VARIABLE = "PGIC_MODEL_UNSIGNED"

_MOST_BYTES = 65_536


def sign_model(folder: Path, key: str) -> str:
    """Sign the manifest of a model folder, after holding its files against it.

    Args:
        folder: of the model.
        key: path of an Ed25519 private key in PEM.

    Returns:
        The ``key_id``.

    Raises:
        PgiModelError: the folder holds no sound model.
        PgiInputError: the key cannot be read, or the signature not written.
    """
    from ..ed25519_keys import Signer
    from .model import Model

    Model(folder).check()
    signer = Signer(key)
    members = {"key_id": signer.key_id, "signature": signer.sign(_message(folder))}
    try:
        (folder / SIGNATURE_NAME).write_text(json.dumps(members) + "\n", encoding="utf-8")
    except OSError as error:
        raise PgiModelError(
            f"The signature of model {folder.name} cannot be written: {error.strerror}."
        ) from error
    return signer.key_id


def check_trusted(folder: Path) -> None:
    """Refuse a model that nobody vouches for.

    Raises:
        PgiModelError: its manifest is not signed with a key of ``PGIC_MODEL_KEYS``, and unsigned models are
            not allowed.
        PgiOptionError: ``PGIC_MODEL_UNSIGNED`` is neither 0 nor 1.
    """
    allowed = os.environ.get(UNSIGNED_VARIABLE, "0")
    if allowed not in ("0", "1"):
        raise PgiOptionError(f"{UNSIGNED_VARIABLE} must be 0 or 1, not {allowed!r}.")
    if allowed == "1":
        return
    read_manifest(folder)  # a broken one is named as such
    what = f"The model in {folder}"
    if not (folder / SIGNATURE_NAME).is_file():
        raise PgiModelError(f"{what} is not signed; {UNSIGNED_VARIABLE}=1 allows unsigned models.")
    try:
        if not _is_signed(folder):
            raise PgiModelError(f"{what} is not signed with a key of {KEYS_VARIABLE}, or was changed since.")
    except PgiModelError:
        raise
    except PgiError as error:
        raise PgiModelError(f"The signature of the model in {folder} cannot be checked: {error}") from error


def _is_signed(folder: Path) -> bool:
    from ..ed25519_keys import is_signature_of, key_id_of, load_public_key

    stated = read_json(folder / SIGNATURE_NAME, most_bytes=_MOST_BYTES)
    if not isinstance(stated, dict):
        return False
    key_id, signature = stated.get("key_id"), stated.get("signature")
    if not isinstance(signature, str):
        return False
    keys = [load_public_key(path) for path in os.environ.get(KEYS_VARIABLE, "").split(os.pathsep) if path]
    return any(key_id_of(key) == key_id and is_signature_of(key, signature, _message(folder)) for key in keys)


def _message(folder: Path) -> bytes:
    digest = hashlib.sha256((folder / MANIFEST_NAME).read_bytes()).hexdigest()
    return f"pgic model manifest 1\n{digest}\n".encode()
