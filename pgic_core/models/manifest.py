"""A model folder's manifest and its digest."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from ..errors import PgiInputError, PgiModelError
from ..small_files import read_json
from .levels import parse_renderers, renderer_digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["IDENTITY_FILES", "MANIFEST_NAME", "identity_digest", "read_manifest", "write_manifest"]

MANIFEST_NAME = "manifest.json"
IDENTITY_FILES = ("context.onnx", "means.onnx", "state.onnx", "synthesis.onnx", "tables.npz")
"""What decides symbols and the pixels of the level ``fast``. Encoder networks, other precisions and further
renderers (:mod:`.levels`) may be added to a model, or be replaced, without changing its digest."""

_SHA256 = re.compile("[0-9a-f]{64}")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "provisional": bool,
    "digest": str,
    "latent": int,
    "base": int,
    "hyper": int,
    "octaves": (int, float),
    "halo": dict,
    "files": dict,
}


def identity_digest(folder: Path) -> str:
    """SHA-256, in hex, over the names and SHA-256 of the files that decide how a file decodes."""
    return _digest_of({name: _sha256(folder / name) for name in IDENTITY_FILES})


def write_manifest(folder: Path, entries: dict[str, Any]) -> None:
    """Write the manifest, with all digests and the SHA-256 of every ONNX and table file.

    Args:
        folder: of the model.
        entries: all others. Digests of ``renderers``, where there are some, are made anew.
    """
    paths = sorted([*folder.glob("*.onnx"), *folder.glob("*.npz")])
    files = {path.name: _sha256(path) for path in paths}
    whole = {**entries, "digest": identity_digest(folder), "files": files}
    if "renderers" in entries:
        whole["renderers"] = [
            {**entry, "digest": renderer_digest(entry, files)} for entry in entries["renderers"]
        ]
    (folder / MANIFEST_NAME).write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest. Its digests agree with the SHA-256 of the files that it lists.

    Raises:
        PgiModelError: it is missing or damaged.
    """
    try:
        manifest = read_json(folder / MANIFEST_NAME)
    except PgiInputError as error:
        raise PgiModelError(f"The model folder {folder.name} has no readable manifest: {error}") from error
    if not isinstance(manifest, dict):
        raise PgiModelError(f"The manifest of model {folder.name} is not a JSON object.")
    for key, kind in _TYPES.items():
        if not isinstance(manifest.get(key), kind):
            raise PgiModelError(f"The manifest of model {folder.name} has no sound entry {key!r}.")
    files = manifest["files"]
    for name in {*IDENTITY_FILES, *files}:
        if not isinstance(files.get(name), str) or not _SHA256.fullmatch(files[name]):
            raise PgiModelError(f"The manifest of model {folder.name} has no SHA-256 of its file {name}.")
    if manifest["digest"] != _digest_of(files):
        raise PgiModelError(f"The digest of model {folder.name} is not that of the files its manifest lists.")
    if "renderers" in manifest:
        try:
            parse_renderers(manifest["renderers"], files)
        except PgiModelError as error:
            raise PgiModelError(f"The manifest of model {folder.name} is wrong: {error}") from None
    return manifest


def _digest_of(files: Mapping[str, str]) -> str:
    whole = hashlib.sha256()
    for name in IDENTITY_FILES:
        whole.update(name.encode() + b"\0" + bytes.fromhex(files[name]))
    return whole.hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
