"""A reader of signatures that was written from FORMAT.md and shares no code with pgic.

It reads plain files of a codec that is not known, and encrypted ones whose table names each tile.
Signatures themselves are checked by ``cryptography``, those of SM2 by ``gmalg``.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections import Counter
from typing import Any

import cbor2

from .independent import TIERS, EncryptedFile, expand, hkdf, hmac_of, open_message, parse_file

SM2_START = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")


def digest(suite: int, data: bytes) -> bytes:
    if suite == 1:
        return hashlib.sha256(data).digest()
    from cryptography.hazmat.primitives import hashes

    context = hashes.Hash(hashes.SM3())
    context.update(data)
    return context.finalize()


def check_signed(algorithm: str, spki: bytes, signature: bytes, message: bytes) -> None:
    if algorithm == "sm2":
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
        from gmalg import SM2

        assert spki.startswith(SM2_START)
        numbers = (each.to_bytes(32, "big") for each in decode_dss_signature(signature))
        assert SM2(uid=b"1234567812345678", pk=spki[26:]).verify(message, *numbers)
        return
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key: Any = serialization.load_der_public_key(spki)
    key.verify(signature, message, *([ec.ECDSA(hashes.SHA256())] if algorithm == "ecdsa-p256" else []))


def key_of(certificate: bytes) -> bytes:
    """The public key in a certificate of another suite than the national one."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    key = x509.load_der_x509_certificate(certificate).public_key()
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def tree(suite: int, hashes: list[bytes]) -> bytes:
    if len(hashes) < 2:
        return b"".join(hashes)
    left = 1
    while left * 2 < len(hashes):
        left *= 2
    return digest(suite, b"pgi node\0" + tree(suite, hashes[:left]) + tree(suite, hashes[left:]))


def beside(maps: dict[int, dict[str, Any]]) -> list[tuple[int, int, int, bytes]]:
    """Leaves of the extension block."""
    found = []
    for kind, tier in ((19, 1), (20, 2), (21, 4)):
        part = {key: value for key, value in maps.get(tier, {}).items() if key != "pgic.preview"}
        found.append((kind, tier, 0, cbor2.dumps(part, canonical=True) if part else b""))
    return found


def split(fields: dict[str, Any], tiers: dict[str, int]) -> dict[int, dict[str, Any]]:
    """The fields of a plain file by tier, where ``tiers`` names those that are not metadata."""
    found: dict[int, dict[str, Any]] = {}
    for key, value in fields.items():
        found.setdefault(tiers.get(key, 1), {})[key] = value
    return found


def inflated(blocks: dict[str, tuple[int, bytes]], name: str) -> bytes:
    """The content of a block of a plain file; empty if there is none."""
    flags, stored = blocks.get(name, (0, b""))
    return zlib.decompress(stored[4:], -15) if flags & 2 else stored


def records(security: bytes) -> list[tuple[int, bytes]]:
    at, found = 0, []
    while at < len(security):
        kind, size = struct.unpack_from("<HI", security, at)
        found.append((kind, security[at + 6 : at + 6 + size]))
        at += 6 + size
    return found


def opened_secrets(record: dict[str, Any], suite: int, file: EncryptedFile) -> tuple[int, bytes, bytes]:
    """Tier, salt secret and claims of a signature of an encrypted file."""
    part = record["sealed"]
    plain = {}
    for tier in {1, file.tier}:
        leaf_key = expand(file.suite, file.keys[tier], file.labelled(b"pgi leaf"), 32)
        info = file.labelled(b"pgi salt") + bytes([tier])
        key = hkdf(file.suite, part["salt"], leaf_key, info, 32 if file.suite == 1 else 16)
        associated = info + digest(suite, record["statement"])
        plain[tier] = open_message(file.suite, key, bytes(12), part["parts"][tier - 1], associated)
    return file.tier, plain[file.tier][:32], plain[1][32:]


def check_signature(
    data: bytes, file: EncryptedFile | None = None, tiers: dict[str, int] | None = None
) -> dict[str, Any]:
    """Check the last signature of a file as far as its key goes, and return its statement."""
    version, blocks = parse_file(data)
    assert version in (0x0101, 0x0102)
    signatures = [content for kind, content in records(blocks["security"][1]) if kind == 2]
    record = cbor2.loads(signatures[-1])
    statement: dict[str, Any] = cbor2.loads(record["statement"])
    suite = 2 if statement["algorithm"] == "sm2" else 1
    message = b"pgi signature\0" + record["statement"]
    key = record["key"] if not record["certificates"] else key_of(record["certificates"][0])
    check_signed(statement["algorithm"], key, record["signature"], message)
    assert digest(suite, key) == statement["key"]
    if record["certificates"]:
        assert digest(suite, record["certificates"][0]) == statement["certificate"]
    assert digest(suite, b"pgi locators\0" + record["locators"]) == statement["locators"]
    assert statement["fields"] == blocks["image"][1][:7]

    if file is None:
        tier, secret, claims = 4, record["open"]["secret"], record["open"]["claims"]
        fields = cbor2.loads(inflated(blocks, "extension") or b"\xa0")
        metadata, maps = inflated(blocks, "metadata"), split(fields, tiers or {})
        image = blocks["image"][1][7:]
        pieces = range(0, len(image), 1 << 20)
        parts = [(7, 4, tile, image[at : at + (1 << 20)]) for tile, at in enumerate(pieces)]
        context = b""
    else:
        tier, secret, claims = opened_secrets(record, suite, file)
        metadata, maps = file.metadata(), file.extension_maps()
        context, parts = file.parts()

    secrets = {tier: secret}
    for lower in range(tier - 1, 0, -1):
        secrets[lower] = hmac_of(suite, secrets[lower + 1], b"pgi salt " + TIERS[lower].encode())
    assert hmac_of(suite, secrets[1], b"pgi salt commit") == statement["salts"]
    leaves = [(16, 1, 0, claims), (17, 1, 0, context), (18, 1, 0, metadata), *beside(maps)]
    indexes: Counter[int] = Counter()
    hashes: dict[int, list[bytes]] = {each: [] for each in TIERS}
    for kind, of_leaf, tile, content in [*leaves, *parts]:
        place = struct.pack("<IBBI", indexes[of_leaf], kind, of_leaf, tile)
        indexes[of_leaf] += 1
        if of_leaf <= tier:
            salt = hmac_of(suite, secrets[of_leaf], b"pgi salt leaf" + place)
            hashes[of_leaf].append(digest(suite, b"pgi leaf\0" + place + salt + content))
    for each in range(1, tier + 1):
        assert len(hashes[each]) == statement["counts"][each - 1]
        assert tree(suite, hashes[each]) == statement["roots"][each - 1]
    start = 8 * sum(statement["counts"][:tier])
    assert b"".join(leaf[:8] for each in hashes.values() for leaf in each) == record["locators"][:start]
    return statement
