"""A model folder's manifest and its digest."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from ..errors import PgiModelError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["IDENTITY_FILES", "MANIFEST_NAME", "identity_digest", "read_manifest", "write_manifest"]

MANIFEST_NAME = "manifest.json"
IDENTITY_FILES = ("context.onnx", "means.onnx", "state.onnx", "synthesis.onnx", "tables.npz")
"""What decides how a file decodes. Encoder networks, other precisions and further decoding levels may be
added to a model without changing its digest."""


def identity_digest(folder: Path) -> str:
    """SHA-256, in hex, over the names and SHA-256 of the files that decide how a file decodes."""
    whole = hashlib.sha256()
    for name in IDENTITY_FILES:
        whole.update(name.encode() + b"\0" + hashlib.sha256((folder / name).read_bytes()).digest())
    return whole.hexdigest()


def write_manifest(folder: Path, entries: dict[str, Any]) -> None:
    """Write the manifest, with the digest and the SHA-256 of every ONNX and table file."""
    files = sorted([*folder.glob("*.onnx"), *folder.glob("*.npz")])
    whole = {
        **entries,
        "digest": identity_digest(folder),
        "files": {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files},
    }
    (folder / MANIFEST_NAME).write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest.

    Raises:
        PgiModelError: it is missing or damaged.
    """
    try:
        manifest = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PgiModelError(f"The model folder {folder.name} has no readable manifest: {error}.") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("digest"), str):
        raise PgiModelError(f"The manifest of model {folder.name} does not name its digest.")
    return manifest
