"""The algorithms that encryption and signatures rest on, against the vectors of their standards."""

from __future__ import annotations

from hashlib import sha256

import pytest

from pgic_core.errors import PgiAuthenticationError
from pgic_core.security.cipher_suites import INTERNATIONAL, NATIONAL, find_suite
from pgic_core.security.key_wrapping import find_scheme
from pgic_core.security.keys import Passphrase, PublicKey, SecretKey

AES, SM4 = find_suite(INTERNATIONAL), find_suite(NATIONAL)
_ = bytes.fromhex


def test_aes_256_gcm() -> None:
    """McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16."""
    key = _("feffe9928665731c6d6a8f9467308308" * 2)
    plain = _(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    associated = _("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    sealed = _(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b"
    )
    aead = AES._aead(key)
    assert aead.encrypt(_("cafebabefacedbaddecaf888"), plain, associated) == sealed
    assert aead.decrypt(_("cafebabefacedbaddecaf888"), sealed, associated) == plain


def test_sm4_gcm() -> None:
    """RFC 8998, A.1."""
    aead = SM4._aead(_("0123456789abcdeffedcba9876543210"))
    nonce, associated = _("00001234567800000000abcd"), _("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    plain = b"".join(bytes([value]) * 8 for value in _("aabbccddeeffeeaa"))
    sealed = _(
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
        "83de3541e4c2b58177e065a9bf7b62ec"
    )
    assert aead.encrypt(nonce, plain, associated) == sealed
    assert aead.decrypt(nonce, sealed, associated) == plain


@pytest.mark.parametrize("at", [0, 40, 70])
def test_sm4_gcm_hands_out_nothing_that_was_changed(at: int) -> None:
    sealed = bytearray(SM4.seal(bytes(16), 3, b"secret" * 10, b"with"))
    sealed[at] ^= 1
    with pytest.raises(PgiAuthenticationError):
        SM4.open(bytes(16), 3, bytes(sealed), b"with", "It")
    with pytest.raises(PgiAuthenticationError):
        SM4.open(bytes(16), 3, b"short", b"with", "It")


def test_sm3() -> None:
    """GB/T 32905-2016, A.1."""
    from cryptography.hazmat.primitives.hashes import Hash

    context = Hash(SM4._hash())
    context.update(b"abc")
    assert context.finalize() == _("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0")


def test_hkdf() -> None:
    """RFC 5869, A.1."""
    salt, info = bytes(range(13)), bytes(range(0xF0, 0xFA))
    okm = _("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
    assert AES.derive(b"\x0b" * 22, salt, info) == okm[:32]
    prk = _("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
    assert AES.expand(prk, info, 42) == okm


def test_hmac() -> None:
    """RFC 4231, 4.2."""
    mac = _("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
    assert AES.mac(b"\x0b" * 20, b"Hi There") == mac


def test_argon2id() -> None:
    """RFC 9106, 5.3, and that the passphrase is normalised."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    derived = Argon2id(
        salt=b"\x02" * 16,
        length=32,
        iterations=3,
        lanes=4,
        memory_cost=32,
        ad=b"\x04" * 12,
        secret=b"\x03" * 8,
    ).derive(b"\x01" * 32)
    assert derived == _("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659")
    composed, decomposed = Passphrase("\u00e9"), Passphrase("e\u0301")
    assert composed.derive(bytes(16), 32, 1, 1) == decomposed.derive(bytes(16), 32, 1, 1)


def test_hpke_with_x25519() -> None:
    """RFC 9180, A.1.1.1: the key schedule that wraps our keys, there with AES-128."""
    from cryptography.hazmat.bindings import _rust
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
    plain = _rust.openssl.hpke._decrypt_with_aad(
        suite,
        _(
            "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"
            "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a9"
            "6d8770ac83d07bea87e13c512a"
        ),
        X25519PrivateKey.from_private_bytes(
            _("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")
        ),
        info=b"Ode on a Grecian Urn",
        aad=b"Count-0",
    )
    assert plain == b"Beauty is truth, truth beauty"


def test_sm2_encryption() -> None:
    """GB/T 32918.5-2017, C.2."""
    from gmalg import SM2

    private = _("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
    public = _(
        "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
        "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
    )
    cipher = _(
        "0404ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73"
        "e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"
        "59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"
        "21886ca989ca9c7d58087307ca93092d651efa"
    )
    number = int("59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21", 16)
    assert SM2(private).decrypt(cipher) == b"encryption standard"
    assert SM2(pk=public, rnd_fn=lambda bits: number).encrypt(b"encryption standard") == cipher
    assert SecretKey("sm2", private).public.data == public[1:]


@pytest.mark.parametrize("kind", ["x25519", "mlkem768-x25519", "sm2"])
def test_a_wrapped_key_is_bound_to_what_it_is_for(kind: str) -> None:
    scheme = find_scheme(kind)
    key, other = (SecretKey(kind, scheme.generate()) for _ in range(2))
    wrapped = scheme.wrap(key.public.data, b"k" * 32, b"info")
    assert len(wrapped) == {"x25519": 80, "mlkem768-x25519": 1168, "sm2": 161}[kind]
    assert key.unwrap(wrapped, b"info") == b"k" * 32
    for secret, data, info in (
        (key, wrapped, b"other"),
        (other, wrapped, b"info"),
        (key, wrapped[:-1], b"info"),
        (key, b"", b"info"),
        (key, wrapped[:10] + bytes([wrapped[10] ^ 1]) + wrapped[11:], b"info"),
    ):
        with pytest.raises(PgiAuthenticationError):
            secret.unwrap(data, info)


def test_hybrid_keys_agree_with_their_parts() -> None:
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    seed = bytes(range(96))
    public = PublicKey("mlkem768-x25519", SecretKey("mlkem768-x25519", seed).public.data)
    first = MLKEM768PrivateKey.from_seed_bytes(seed[:64]).public_key().public_bytes_raw()
    second = X25519PrivateKey.from_private_bytes(seed[64:]).public_key().public_bytes_raw()
    assert public.data == first + second


def test_hybrid_keys_come_from_their_seeds() -> None:
    """ML-KEM-768 by the first of the published answers (FIPS 203); the public key by its SHA-256."""
    z = _("f696484048ec21f96cf50a56d0759c448f3779752f0383d37449690694cf7a68")
    d = _("6dbbc4375136df3b07f7c70e639e223e177e7fd53b161b3f4d57791794f12624")
    public = SecretKey("mlkem768-x25519", d + z + bytes(range(32))).public.data
    assert sha256(public[:1184]).hexdigest() == (
        "4bec4730f26273c6319ef7387dd4758315240a9394cd89264b148b9113060b61"
    )


def test_ed25519() -> None:
    """RFC 8032, 7.1, test 2."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(
        _("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    )
    assert key.sign(b"\x72") == _(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


def test_ecdsa_p256() -> None:
    """RFC 6979, A.2.5, message "sample" with SHA-256."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    private = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    public = ec.derive_private_key(private, ec.SECP256R1()).public_key()
    signature = encode_dss_signature(
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    )
    public.verify(signature, b"sample", ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(signature, b"sampel", ec.ECDSA(hashes.SHA256()))


def test_ml_dsa_65() -> None:
    """Keys by the first of the published answers (FIPS 204); the public key by its SHA-256."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

    key = MLDSA65PrivateKey.from_seed_bytes(
        _("f696484048ec21f96cf50a56d0759c448f3779752f0383d37449690694cf7a68")
    )
    assert sha256(key.public_key().public_bytes_raw()).hexdigest() == (
        "ab0f27cfe4f84d2a9fa74d48467439df9e5dd8401f8715f82ed70e43a371400a"
    )
    signature = key.sign(b"message")
    key.public_key().verify(signature, b"message")
    with pytest.raises(InvalidSignature):
        key.public_key().verify(signature, b"messagf")
