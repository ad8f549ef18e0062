"""A signed file, byte for byte, and a reader of its signature that was written from FORMAT.md alone.

The file is built from a fixed key, salt secret and time; none of the code that signs reads it here.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import zlib
from typing import TYPE_CHECKING

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pgic_core import SigningKey
from pgic_core.container import ImageFields, Metadata, PgiReader, build_file
from pgic_core.security.signatures import making

if TYPE_CHECKING:
    from pathlib import Path

# RFC 8032, 7.1, test 1.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
SECRET = bytes(range(32))
TIME = 1_700_000_000_000
FILE_SHA256 = "b1f2c596e03e6fc7b4db7b3f3feecd38bfddf37c8f302938dbffbdd1bfadf697"
ROOT = "e5c5e5364a234485b58611241b0336fcb966adcc4b322591f11a4132ff033a7f"


@pytest.fixture
def signed_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    path = tmp_path / "key.pem"
    path.write_bytes(
        Ed25519PrivateKey.from_private_bytes(SEED).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    fields = ImageFields(image_type=0, width=64, height=48, color_depth=8, compression_type=200)
    plain = build_file(
        fields,
        b"example",
        metadata=Metadata(timestamp_ms=TIME, device_id="UAV-7"),
        extension={"acme.note": "ok", "pgic.dpi": [72, 72], "acme.raw": b"\x01\x02"},
        compress_metadata=False,
    )
    monkeypatch.setattr(making, "new_secret", lambda: SECRET)
    with PgiReader(plain) as reader:
        return b"".join(
            making.signed(reader, SigningKey(path), original=hashlib.sha256(b"camera").digest(), time_ms=TIME)
        )


def mac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, "sha256").digest()


def tree(hashes: list[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    left = 1
    while left * 2 < len(hashes):
        left *= 2
    return hashlib.sha256(b"pgi node\0" + tree(hashes[:left]) + tree(hashes[left:])).digest()


def proven_root(data: bytes) -> bytes:
    """Check the one signature of a plain file of an unknown codec, and return its root."""
    blocks = {}
    assert struct.unpack_from("<H", data, 4) == (0x0101,)
    for number in range(data[24]):
        kind, _, offset, length, crc, sha = struct.unpack_from("<HHQQI32s", data, 30 + 56 * number)
        blocks[kind] = data[offset : offset + length]
        assert zlib.crc32(blocks[kind]) == crc
        assert hashlib.sha256(blocks[kind]).digest() == sha
    kind, length = struct.unpack_from("<HI", blocks[0xFFFF])
    assert (kind, length) == (2, len(blocks[0xFFFF]) - 6)
    record = cbor2.loads(blocks[0xFFFF][6:])
    statement = cbor2.loads(record["statement"])
    key = serialization.load_der_public_key(record["key"])
    key.verify(record["signature"], b"pgi signature\0" + record["statement"])  # type: ignore[union-attr, call-arg]
    assert hashlib.sha256(record["key"]).digest() == statement["key"]
    assert statement["algorithm"] == "ed25519"
    assert statement["fields"] == blocks[0x0030][:7]
    assert statement["previous"] == record["certificates"] == []
    secrets = {4: record["open"]["secret"]}
    for tier, label in ((3, b"regions"), (2, b"preview"), (1, b"metadata")):
        secrets[tier] = mac(secrets[tier + 1], b"pgi salt " + label)
    assert mac(secrets[1], b"pgi salt commit") == statement["salts"]
    fields = cbor2.loads(blocks[0x8020])
    large = {"acme.raw": fields.pop("acme.raw")}
    leaves = [
        (16, 1, 0, record["open"]["claims"]),
        (17, 1, 0, b""),
        (18, 1, 0, blocks[0x8010]),
        (19, 1, 0, cbor2.dumps(fields, canonical=True)),
        (20, 2, 0, b""),
        (21, 4, 0, cbor2.dumps(large, canonical=True)),
        (7, 4, 0, blocks[0x0030][7:]),
    ]
    hashes = []
    for index, (leaf, tier, tile, content) in enumerate(leaves):
        place = struct.pack("<IBBI", index, leaf, tier, tile)
        salt = mac(secrets[tier], b"pgi salt leaf" + place)
        hashes.append(hashlib.sha256(b"pgi leaf\0" + place + salt + content).digest())
    assert b"".join(hashes) == record["leaves"]
    assert statement["count"] == len(hashes)
    assert tree(hashes) == statement["root"]
    root: bytes = statement["root"]
    return root


def test_the_vector(signed_file: bytes) -> None:
    assert hashlib.sha256(signed_file).hexdigest() == FILE_SHA256
    assert proven_root(signed_file).hex() == ROOT


def test_the_independent_reader_refuses(signed_file: bytes) -> None:
    at = signed_file.rindex(b"example")
    with pytest.raises(AssertionError):
        proven_root(signed_file[:at] + b"Example" + signed_file[at + 7 :])
    at = signed_file.rindex(b"pgi") if b"pgi" in signed_file[200:] else signed_file.index(b"ed25519")
    with pytest.raises((AssertionError, InvalidSignature)):
        proven_root(signed_file[:at] + b"x" + signed_file[at + 1 :])
