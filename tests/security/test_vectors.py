"""What FORMAT.md derives, and files that were written once and must open for ever, also by another reader."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

import pgic_core
from pgic_core import Passphrase, SecretKey
from pgic_core.container import Compression, PgiReader, serialize_metadata
from pgic_core.security.reader_unlocking import open_reader

from . import make_vectors
from .conftest import Keys, sealed
from .independent import EncryptedFile

if TYPE_CHECKING:
    from pathlib import Path

VECTORS: dict[str, Any] = json.loads(make_vectors.PATH.read_text())
FILES = VECTORS["files"]


def test_derivations() -> None:
    assert make_vectors.derivations() == VECTORS["derivations"]


def secret_of(vector: dict[str, str]) -> SecretKey | Passphrase:
    secret = bytes.fromhex(vector["secret"])
    kind = vector["kind"]
    return Passphrase(secret.decode()) if kind == "passphrase" else SecretKey(kind, secret)


@pytest.mark.parametrize("vector", FILES, ids=lambda vector: vector["kind"])
def test_files_of_long_ago_open(vector: dict[str, str], tmp_path: Path) -> None:
    pgic_core.decrypt(base64.b64decode(vector["file"]), tmp_path / "a.pgi", keys=secret_of(vector))
    assert (tmp_path / "a.pgi").read_bytes() == make_vectors.plain_file()


@pytest.mark.parametrize("vector", FILES, ids=lambda vector: vector["kind"])
def test_another_reader_opens_them(vector: dict[str, str]) -> None:
    file = EncryptedFile(base64.b64decode(vector["file"]), vector["kind"], bytes.fromhex(vector["secret"]))
    with PgiReader(make_vectors.plain_file()) as plain:
        assert file.payload() == plain.read_payload(0, plain.payload_length)
        assert file.metadata() == serialize_metadata(plain.metadata)
        assert file.extension() == plain.extension


@pytest.mark.parametrize("tier", ["full", "regions", "preview", "metadata"])
def test_another_reader_sees_what_ours_sees(
    tier: str, learned: bytes, sealed_learned: bytes, keys: Keys
) -> None:
    key: SecretKey = getattr(keys, tier)
    alone = sealed(learned, (key.public, tier), *([keys.full.public] if tier != "full" else []))
    file = EncryptedFile(alone, "x25519", key._data)
    with open_reader(alone, pgic_core.Limits(), key) as ours, PgiReader(learned) as plain:
        assert ours.fields.compression_type == Compression.LEARNED
        assert file.extension() == ours.extension
        assert file.metadata() == serialize_metadata(plain.metadata)
        payload = plain.read_payload(0, plain.payload_length)
    shown = file.payload()
    assert len(shown) == len(payload)
    assert all(mine in (0, true) for mine, true in zip(shown, payload, strict=True))
    assert (shown == payload) == (tier == "full")
