"""A reader of encrypted files that was written from FORMAT.md and shares no code with pgic.

It takes ciphers, hashes and curves from ``cryptography`` and ``gmalg``. HPKE, HKDF and the rest are here.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import unicodedata
import zlib
from collections import Counter
from typing import Any

import cbor2

BLOCKS = {0x8010: "metadata", 0x8020: "extension", 0x0030: "image", 0xFFFF: "security"}
TIERS = {1: "metadata", 2: "preview", 3: "regions", 4: "full"}


def parse_file(data: bytes) -> tuple[int, dict[str, tuple[int, bytes]]]:
    """Version, and flags and stored bytes of each block."""
    magic, version, _, _, _, _, count, size, _ = struct.unpack_from("<4sHHIQ4sBBI", data)
    assert magic == b"\x89PGI"
    blocks = {}
    for index in range(count):
        kind, flags, offset, length, crc, sha = struct.unpack_from("<HHQQI32s", data, 30 + size * index)
        stored = data[offset : offset + length]
        assert zlib.crc32(stored) == crc
        assert hashlib.sha256(stored).digest() == sha
        blocks[BLOCKS[kind]] = flags, stored
    return version, blocks


def hmac_of(suite: int, key: bytes, data: bytes) -> bytes:
    if suite == 1:
        return hmac.digest(key, data, "sha256")
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.hmac import HMAC

    context = HMAC(key, hashes.SM3())
    context.update(data)
    return context.finalize()


def expand(suite: int, key: bytes, info: bytes, length: int) -> bytes:
    out, block = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac_of(suite, key, block + info + bytes([counter]))
        out += block
    return out[:length]


def hkdf(suite: int, salt: bytes, key: bytes, info: bytes, length: int) -> bytes:
    return expand(suite, hmac_of(suite, salt, key), info, length)


def open_message(suite: int, key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    if suite == 1:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(key).decrypt(nonce, sealed, associated)
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    cipher = Cipher(algorithms.SM4(key), modes.GCM(nonce, sealed[-16:])).decryptor()
    cipher.authenticate_additional_data(associated)
    return cipher.update(sealed[:-16]) + cipher.finalize()


def open_hpke(kem: int, shared: bytes, sealed: bytes, info: bytes) -> bytes:
    """RFC 9180, 5.1: base mode with HKDF-SHA256 and AES-256-GCM."""
    suite = b"HPKE" + struct.pack(">HHH", kem, 1, 2)

    def extract(salt: bytes, label: bytes, data: bytes) -> bytes:
        return hmac_of(1, salt or bytes(32), b"HPKE-v1" + suite + label + data)

    def expanded(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
        return expand(1, secret, struct.pack(">H", length) + b"HPKE-v1" + suite + label + context, length)

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    key, nonce = expanded(secret, b"key", context, 32), expanded(secret, b"base_nonce", context, 12)
    return open_message(1, key, nonce, sealed, b"")


def unwrap(stanza: dict[str, Any], secret: bytes, info: bytes) -> bytes:
    data = stanza["data"]
    if stanza["kind"] == "passphrase":
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

        derived = Argon2id(
            salt=stanza["salt"],
            length=32,
            iterations=stanza["passes"],
            lanes=stanza["lanes"],
            memory_cost=stanza["memory"],
        ).derive(unicodedata.normalize("NFC", secret.decode()).encode())
        return open_message(1, derived, bytes(12), data, info)
    if stanza["kind"] == "sm2":
        from gmalg import SM2

        return open_message(2, SM2(secret).decrypt(data[:113]), bytes(12), data[113:], info)
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    private = X25519PrivateKey.from_private_bytes(secret[-32:])
    public = private.public_key().public_bytes_raw()
    size = 32 if stanza["kind"] == "x25519" else 1120
    enc, sealed = data[:size], data[size:]
    dh = private.exchange(X25519PublicKey.from_public_bytes(enc[-32:]))
    if stanza["kind"] == "x25519":  # RFC 9180, 4.1
        label = b"HPKE-v1KEM" + struct.pack(">H", 0x20)
        prk = hmac_of(1, bytes(32), label + b"eae_prk" + dh)
        shared = expand(1, prk, struct.pack(">H", 32) + label + b"shared_secret" + enc + public, 32)
        return open_hpke(0x20, shared, sealed, info)
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

    first = MLKEM768PrivateKey.from_seed_bytes(secret[:64]).decapsulate(enc[:1088])
    shared = hashlib.sha3_256(first + dh + enc[-32:] + public + b"\\.//^\\").digest()
    return open_hpke(0x647A, shared, sealed, info)


class EncryptedFile:
    """A file that a secret opens.

    Args:
        data: the file.
        kind: of the secret.
        secret: private key or passphrase.
    """

    def __init__(self, data: bytes, kind: str, secret: bytes) -> None:
        version, self.blocks = parse_file(data)
        record_kind, length = struct.unpack_from("<HI", self.blocks["security"][1])
        assert record_kind == 1
        envelope = self.blocks["security"][1][6 : 6 + length]
        raw, mac = envelope[:-32], envelope[-32:]
        self.envelope = cbor2.loads(raw)
        self.suite: int = self.envelope["suite"]
        assert 0x0101 <= self.envelope["version"] <= version
        stanza = next(each for each in self.envelope["recipients"] if each["kind"] == kind)
        info = self.labelled(b"pgi wrap") + bytes([stanza["tier"]]) + kind.encode() + b"\0"
        self.tier: int = stanza["tier"]
        self.keys = {self.tier: unwrap(stanza, secret, info + stanza.get("key", b""))}
        for tier in range(self.tier - 1, 0, -1):
            info = self.labelled(b"pgi tier " + TIERS[tier].encode())
            self.keys[tier] = expand(self.suite, self.keys[tier + 1], info, 32)
        assert expand(self.suite, self.keys[1], self.labelled(b"pgi commit"), 32) == self.envelope["commit"]
        mac_key = expand(self.suite, self.keys[1], self.labelled(b"pgi mac"), 32)
        assert hmac_of(self.suite, mac_key, raw) == mac

    def labelled(self, label: bytes) -> bytes:
        start = label + b"\0" + bytes([self.suite]) + struct.pack("<H", self.envelope["version"])
        return start + self.envelope["id"]

    def message(
        self,
        salt: bytes,
        kind: int,
        tier: int,
        sealed: bytes,
        place: tuple[int, int, int, int] = (0, 0, 0, 0),
        context: bytes = b"",
    ) -> bytes:
        """Plain bytes of a message; ``place`` is layer, group, index and offset."""
        layer, group, index, offset = place
        info = self.labelled(b"pgi seal") + struct.pack("<HB", kind, tier)
        key = hkdf(self.suite, salt, self.keys[tier], info, 32 if self.suite == 1 else 16)
        associated = self.labelled(b"pgi part") + self.blocks["image"][1][:7]
        associated += struct.pack("<HBBIIQI", kind, tier, layer, group, index, offset, len(sealed) - 16)
        nonce = struct.pack("<I", index) + bytes(8)
        return open_message(self.suite, key, nonce, sealed, associated + context)

    def salts(self, kind: int) -> list[tuple[int, bytes]]:
        return [(tier, salt) for number, tier, salt in self.envelope["seals"] if number == kind]

    def small(self, salt: bytes, kind: int, tier: int, sealed: bytes, layer: int = 0) -> bytes:
        plain = self.message(salt, kind, tier, sealed, (layer, 0, 0, 0))
        length = int.from_bytes(plain[:4], "little")
        assert not any(plain[4 + length :])
        return plain[4 : 4 + length]

    def metadata(self) -> bytes:
        ((tier, salt),) = self.salts(0x8010)
        flags, stored = self.blocks["metadata"]
        assert flags & 1
        content = self.small(salt, 0x8010, tier, stored, flags >> 1 & 1)
        return zlib.decompress(content[4:], -15) if flags & 2 else content

    def extension_maps(self) -> dict[int, dict[str, Any]]:
        """By tier, as far as the key goes."""
        flags, stored = self.blocks["extension"]
        plain = cbor2.loads(zlib.decompress(stored[4:], -15) if flags & 2 else stored)
        assert plain["pgic.security"]["key"] == self.envelope["commit"][:8]
        maps = {}
        for (tier, salt), sealed in zip(self.salts(0x8020), plain["pgic.sealed"], strict=True):
            if tier <= self.tier:
                content = self.small(salt, 0x8020, tier, sealed)
                maps[tier] = cbor2.loads(zlib.decompress(content[5:], -15) if content[0] else content[1:])
        return maps

    def extension(self) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        masked: dict[str, Any] = {}
        for found in self.extension_maps().values():
            masked |= found.pop("pgic.masked", {})
            assert not fields.keys() & found.keys()
            fields |= found
        for key, runs in masked.items():
            value = bytearray(fields[key])
            for offset, data in runs:
                value[offset : offset + len(data)] = data
            fields[key] = bytes(value)
        return fields

    def payload(self) -> bytes:
        """Plain ``image_data``; zeros for what the tier does not open."""
        return b"".join(content for layer, _, _, content in self.parts()[1] if layer)

    def parts(self) -> tuple[bytes, list[tuple[int, int, int, bytes]]]:
        """The context, and layer, tier, number in the layer and plain bytes of each part."""
        stored, at, offset = self.blocks["image"][1], 7, 0
        found: list[tuple[int, int, int, bytes]] = []
        numbers: Counter[int] = Counter()
        context = b""
        for group, (_, salt) in enumerate(self.salts(0x0030)):
            size = int.from_bytes(stored[at : at + 4], "little")
            at += 4
            table = self.message(salt, 0x0030, 1, stored[at : at + size], (255, group, 0, offset))
            at += size
            context, entries = table[1 : 1 + table[0]], table[1 + table[0] :]
            place, index = 0, 0
            while place < len(entries):
                tier, layer = divmod(entries[place], 16)
                place, length, shift = place + 1, 0, 0
                while True:
                    byte = entries[place]
                    length |= (byte & 127) << shift
                    place, shift = place + 1, shift + 7
                    if byte < 128:
                        break
                index += 1
                sealed, at = stored[at : at + length + 16], at + length + 16
                plain = bytes(length)
                if tier <= self.tier:
                    plain = self.message(salt, 0x0030, tier, sealed, (layer, group, index, offset), context)
                found.append((layer, tier, numbers[layer], plain))
                numbers[layer] += 1
                offset += length if layer else 0
        assert at == len(stored)
        return context, found
