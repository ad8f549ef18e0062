"""SM2 (GB/T 32918) by ``gmalg``, and the DER around its keys and signatures.

``gmalg`` is pure Python, so nothing here is in constant time. ``cryptography`` knows no SM2: it parses
certificates with such keys, and gives neither the key nor an opinion on the signature.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Annotated, Any

from ..errors import PgiUnsupportedError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = [
    "POINT",
    "PRIVATE_BYTES",
    "PUBLIC_BYTES",
    "is_sm2_key",
    "is_sm2_signature",
    "load_sm2",
    "sign_sm2",
    "sm2_key_of_certificate",
    "sm2_pkcs8",
    "sm2_private_key",
    "sm2_spki",
]

PRIVATE_BYTES, PUBLIC_BYTES = 32, 64
POINT = b"\x04"
"""First byte of a point that is not compressed."""

_IDENTITY = b"1234567812345678"  # GM/T 0009, where nothing else is agreed upon
# SubjectPublicKeyInfo (RFC 5480) up to the point: ecPublicKey, curve 1.2.156.10197.1.301.
_SPKI_START = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200") + POINT
# PKCS 8 up to the private key: version, ecPublicKey, the curve, and ECPrivateKey (RFC 5915) with its version.
_PKCS8_START = bytes.fromhex("308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420")
_CURVE = "1.2.156.10197.1.301"
_ORDER_BITS = 256


def load_sm2(private: bytes | None = None, public: bytes | None = None, *, signs: bool = False) -> Any:
    """The library's object for a key.

    Args:
        private: 32 bytes, or None.
        public: 65 bytes, or None.
        signs: whether for signatures, which are bound to an identity.

    Raises:
        PgiUnsupportedError: the extra "security" is missing.
    """
    try:
        from gmalg import SM2
    except ImportError as error:
        raise PgiUnsupportedError("SM2 needs the extra 'security': pip install 'pgic[security]'.") from error
    return SM2(private, _IDENTITY if signs else None, public)


def sm2_spki(private: bytes) -> bytes:
    """SubjectPublicKeyInfo, DER, of the public key that belongs to a private one.

    Raises:
        ValueError: it is no private key.
    """
    try:
        return _SPKI_START + bytes(load_sm2(private).generate_pk(private))[-PUBLIC_BYTES:]
    except PgiUnsupportedError:
        raise
    except Exception as error:  # gmalg has no base of its errors
        raise ValueError("It is no private key of SM2.") from error


def sm2_pkcs8(private: bytes) -> bytes:
    """A private key in PKCS 8 (RFC 5958), DER.

    Raises:
        ValueError: it is no private key.
    """
    return _PKCS8_START + private + bytes.fromhex("a144034200") + sm2_spki(private)[len(_SPKI_START) - 1 :]


def is_sm2_key(spki: bytes) -> bool:
    """Whether this is SubjectPublicKeyInfo of a key of SM2, a point of its curve."""
    point = _point_of(spki)
    return point is not None and bool(load_sm2().verify_pk(point))


def sign_sm2(private: bytes, message: bytes) -> bytes:
    """The signature of a message with SM3, DER."""
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    public = sm2_spki(private)[len(_SPKI_START) - 1 :]
    r, s = load_sm2(private, public, signs=True).sign(message)
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


def is_sm2_signature(spki: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a key made this signature, DER, of a message."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

    point = _point_of(spki)
    if point is None:
        return False
    try:
        r, s = decode_dss_signature(signature)
        if encode_dss_signature(r, s) != signature or max(r, s).bit_length() > _ORDER_BITS:
            return False
        numbers = (each.to_bytes(PRIVATE_BYTES, "big") for each in (r, s))
        return bool(load_sm2(public=point, signs=True).verify(message, *numbers))
    except PgiUnsupportedError:
        raise
    except Exception:  # gmalg has no base of its errors
        return False


def sm2_private_key(der: bytes) -> bytes | None:
    """The private key of SM2 in PKCS 8 (RFC 5958); None where that is another key.

    Raises:
        ValueError: the structure names SM2, and holds something else.
    """
    from cryptography.hazmat import asn1

    try:
        found = asn1.decode_der(_structures()["PrivateKeyInfo"], der)
    except ValueError:
        return None
    if found.algorithm.curve is None or found.algorithm.curve.dotted_string != _CURVE:
        return None
    key: bytes = asn1.decode_der(_structures()["ECPrivateKey"], found.key).key
    if len(key) != PRIVATE_BYTES:
        raise ValueError("It is no private key of SM2.")
    return key


def sm2_key_of_certificate(certificate: Certificate) -> bytes | None:
    """SubjectPublicKeyInfo of a certificate for a key of SM2; None where it is for another."""
    from cryptography.hazmat import asn1

    try:
        found = asn1.decode_der(_structures()["TBSCertificate"], certificate.tbs_certificate_bytes)
    except ValueError:
        return None
    spki = _SPKI_START[:2] + bytes(found.spki.data)
    return spki if _point_of(spki) is not None else None


def _point_of(spki: bytes) -> bytes | None:
    """The 65 bytes of the point."""
    at = len(_SPKI_START)
    if len(spki) != at + PUBLIC_BYTES or not spki.startswith(_SPKI_START):
        return None
    return spki[at - 1 :]


@functools.cache
def _structures() -> dict[str, Any]:
    """Those of RFC 5280, 5915 and 5958, as far as they are read here."""
    from cryptography import x509
    from cryptography.hazmat import asn1

    oid = x509.ObjectIdentifier

    def sequence(name: str, **fields: object) -> Any:
        return asn1.sequence(type(name, (), {"__annotations__": fields}))

    algorithm = sequence("AlgorithmIdentifier", algorithm=oid, curve=oid | None)
    return {
        "PrivateKeyInfo": sequence("PrivateKeyInfo", version=int, algorithm=algorithm, key=bytes),
        "ECPrivateKey": sequence(
            "ECPrivateKey",
            version=int,
            key=bytes,
            curve=Annotated[oid | None, asn1.Explicit(0)],
            public=Annotated[asn1.BitString | None, asn1.Explicit(1)],
        ),
        "TBSCertificate": sequence(
            "TBSCertificate",
            version=Annotated[int, asn1.Explicit(0)],
            serial=int,
            algorithm=asn1.TLV,
            issuer=asn1.TLV,
            validity=asn1.TLV,
            subject=asn1.TLV,
            spki=asn1.TLV,
            extensions=Annotated[list[asn1.TLV] | None, asn1.Explicit(3)],
        ),
    }
