"""The national suite beside the system's OpenSSL, and keys that stay in a module."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

import pgic_core
from pgic_core import PgiAuthenticationError, PgiKeyError, SecretKey, generate_key
from pgic_core.security import ModuleKey
from pgic_core.security.cipher_suites import NATIONAL, find_suite

from .conftest import sealed

if TYPE_CHECKING:
    from pathlib import Path

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command")


def openssl(*arguments: str, data: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout


def der_integer(data: bytes) -> bytes:
    data = data.lstrip(b"\0") or b"\0"
    data = b"\0" * (data[0] > 127) + data
    return bytes([2, len(data)]) + data


def der(cipher: bytes) -> bytes:
    """C1 C3 C2 as OpenSSL takes it (GB/T 35276): a sequence of x, y, hash and ciphertext."""
    x, y, digest, text = cipher[1:33], cipher[33:65], cipher[65:97], cipher[97:]
    body = der_integer(x) + der_integer(y) + bytes([4, 32]) + digest + bytes([4, len(text)]) + text
    return (bytes([0x30, len(body)]) if len(body) < 128 else bytes([0x30, 0x81, len(body)])) + body


def der_key(private: bytes) -> bytes:
    """RFC 5915 with the curve SM2."""
    curve = bytes.fromhex("06082a811ccf5501822d")
    body = b"\x02\x01\x01\x04\x20" + private + bytes([0xA0, len(curve)]) + curve
    return bytes([0x30, len(body)]) + body


@needs_openssl
def test_openssl_decrypts_what_we_wrap(tmp_path: Path) -> None:
    key = generate_key("sm2")
    path = tmp_path / "key.der"
    path.write_bytes(der_key(key._data))
    wrapped = key.public.scheme.wrap(key.public.data, b"k" * 32, b"info")
    outer = openssl("pkeyutl", "-decrypt", "-inkey", str(path), "-keyform", "DER", data=der(wrapped[:113]))
    assert find_suite(NATIONAL).open(outer, 0, wrapped[113:], b"info", "It") == b"k" * 32


@needs_openssl
def test_openssl_hashes_alike() -> None:
    from cryptography.hazmat.primitives.hashes import Hash

    context = Hash(find_suite(NATIONAL)._hash())
    context.update(b"abc" * 100)
    assert context.finalize() == openssl("dgst", "-sm3", "-binary", data=b"abc" * 100)


def test_a_key_that_stays_in_a_module(small: bytes) -> None:
    secret = SecretKey("sm2", bytes(range(1, 33)))
    asked: list[int] = []

    def decrypt(cipher: bytes) -> bytes:
        from gmalg import SM2

        asked.append(len(cipher))
        return bytes(SM2(secret._data).decrypt(cipher))

    data = sealed(small, secret.public)
    key = ModuleKey(secret.public.data, decrypt)
    assert (pgic_core.decode(data, keys=key) == pgic_core.decode(small)).all()
    assert asked == [113]
    assert pgic_core.inspect(data).security.algorithm == "SM4-GCM"  # type: ignore[union-attr]
    assert "decrypt" not in repr(key)
    with pytest.raises(PgiAuthenticationError):
        pgic_core.decode(data, keys=ModuleKey(secret.public.data, lambda cipher: bytes(16)))
    with pytest.raises(PgiAuthenticationError):
        pgic_core.decode(data, keys=ModuleKey(secret.public.data, lambda cipher: b""))
    with pytest.raises(PgiKeyError):
        pgic_core.decode(data, keys=generate_key("sm2"))
    with pytest.raises(pgic_core.PgiOptionError):
        ModuleKey(bytes(64), decrypt)
