"""SM2 signatures and chains of SM2 certificates, beside the system's OpenSSL, which knows both."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

import pgic_core
from pgic_core import PgiAuthenticationError, PgiInputError, PgiOptionError, SecretKey, SigningKey, open_file
from pgic_core.container import PgiReader, rewrite
from pgic_core.security.signatures.pem import first_block
from pgic_core.security.signatures.signature_making import signed
from pgic_core.security.signatures.signer_trust import Trust
from pgic_core.security.sm2 import is_sm2_key, is_sm2_signature, sign_sm2, sm2_private_key, sm2_spki

from .conftest import Keys, sealed
from .people import Person, make_person, make_sm2_person, openssl, sm2_certificate, sm2_key

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command")

# GM/T 0003.5 (GB/T 32918.5), annex A.
PRIVATE = bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
PUBLIC = bytes.fromhex(
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
R = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
S = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA
DISTID = ("-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678")
AUTHORITY = ("basicConstraints=critical,CA:true", "keyUsage=critical,keyCertSign,cRLSign")


@pytest.fixture(scope="module")
def guo(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return make_sm2_person(tmp_path_factory.mktemp("people") / "guo", "UAV-7")


@pytest.fixture(scope="module")
def data(guo: Person) -> bytes:
    """A small picture that Guo's device signed."""
    import numpy as np

    pixels = np.arange(3 * 48 * 64, dtype=np.uint32).reshape(48, 64, 3).astype(np.uint8)
    plain = pgic_core.encode(pixels, codec="lossless", metadata={"device_id": "UAV-7"})
    with PgiReader(b"".join(rewrite(plain, compress_metadata=False))) as reader:
        return b"".join(signed(reader, guo.signer()))


def why_not(person: Person, chain: Path, at: datetime | None = None, *lists: Path) -> str:
    certificates = [each.public_bytes(Encoding.DER) for each in certificates_of(chain)]
    spki = first_block(person.public.read_bytes(), b"PUBLIC KEY")
    return Trust.from_pem(person.root, lists).why_not(spki, certificates, at)


def certificates_of(chain: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(chain.read_bytes())


def test_the_published_signature() -> None:
    spki = sm2_spki(PRIVATE)
    assert spki.endswith(PUBLIC)
    signature = encode_dss_signature(R, S)
    assert is_sm2_signature(spki, signature, b"message digest")
    for changed in (b"message digesu", b"", b"message digest "):
        assert not is_sm2_signature(spki, signature, changed)
    for wrong in (b"", signature[:-1], signature + b"\0", encode_dss_signature(R, S + 1), bytes(72)):
        assert not is_sm2_signature(spki, wrong, b"message digest")
    for r, s in ((0, S), (R, 0), (1 << 256, S), (R, 1 << 300)):
        assert not is_sm2_signature(spki, encode_dss_signature(r, s), b"message digest")
    for key in (b"", spki[:-1], spki[:-1] + bytes([spki[-1] ^ 1]), spki[:27] + bytes(64)):
        assert not is_sm2_key(key)


def test_openssl_and_ours_sign_alike(tmp_path: Path, guo: Person) -> None:
    private = sm2_private_key(first_block(guo.key.read_bytes(), b"PRIVATE KEY"))
    assert private is not None
    spki = first_block(guo.public.read_bytes(), b"PUBLIC KEY")
    assert sm2_spki(private) == spki
    message, signature = tmp_path / "m", tmp_path / "s"
    message.write_bytes(b"what is signed")
    signature.write_bytes(sign_sm2(private, message.read_bytes()))
    verified = openssl(
        "pkeyutl", "-verify", "-pubin", "-inkey", guo.public, *DISTID, "-in", message, "-sigfile", signature
    )
    assert b"Success" in verified
    theirs = openssl("pkeyutl", "-sign", "-inkey", guo.key, *DISTID, "-in", message)
    assert is_sm2_signature(spki, theirs, message.read_bytes())
    assert not is_sm2_signature(spki, theirs, b"something else")


def test_a_file_of_the_national_suite(data: bytes, guo: Person, tmp_path: Path) -> None:
    """Signed by SM2 over SM3, encrypted by SM4 for SM2: nothing of another suite."""
    key = SecretKey("sm2", PRIVATE)
    for file_data, secret in ((data, None), (sealed(data, key.public), key)):
        with open_file(file_data, keys=secret) as file:
            (found,) = file.verify(guo.root)
        assert (found.algorithm, found.state, found.trusted, found.unchecked) == ("sm2", "holds", True, 0)
        assert found.subject == "CN=UAV-7"
        with open_file(file_data, keys=secret) as file:
            assert file.verify(guo.public)[0].trusted
    path = tmp_path / "a.pgi"
    path.write_bytes(sealed(data, key.public))
    pgic_core.decrypt(path, path, keys=key)
    assert path.read_bytes() == data


def test_both_suites_in_one_file(data: bytes, guo: Person, keys: Keys, tmp_path: Path) -> None:
    """An office counter-signs with a key of another suite, and the file is encrypted by that one."""
    office = make_person(tmp_path / "office", "Office")
    path = tmp_path / "a.pgi"
    path.write_bytes(sealed(data, keys.full.public))
    pgic_core.sign(path, office.signer(), keys=keys.full)
    with open_file(path, keys=keys.full) as file:
        assert [each.trusted for each in file.verify(guo.root)] == [True, False]
        first, second = file.verify(office.root)
        assert (first.algorithm, second.algorithm, second.previous) == ("sm2", "ed25519", (first.id,))


def test_what_was_changed_is_named(data: bytes, guo: Person) -> None:
    from ..container.forge import METADATA, Block, forge

    with PgiReader(data) as reader:
        blocks = [Block(block.type, reader.read_block(block), block.flags) for block in reader.blocks]
    for block in blocks:
        if block.type == METADATA:
            block.content = block.content.replace(b"UAV-7", b"UAV-8")
    with open_file(forge(blocks, version=0x0101)) as file, pytest.raises(PgiAuthenticationError) as caught:
        file.verify(guo.root)
    assert "metadata block" in str(caught.value)


def test_a_key_that_stays_in_a_module(guo: Person, tmp_path: Path) -> None:
    """OpenSSL stands for the module here."""
    asked: list[bytes] = []

    def sign(message: bytes) -> bytes:
        asked.append(message)
        path = tmp_path / "m"
        path.write_bytes(message)
        return openssl("pkeyutl", "-sign", "-inkey", guo.key, *DISTID, "-in", path)

    spki = first_block(guo.public.read_bytes(), b"PUBLIC KEY")
    key = SigningKey.of_module("sm2", spki, sign, guo.chain)
    import numpy as np

    signed_data = pgic_core.encode(np.zeros((8, 8), np.uint8), sign=key)
    with open_file(signed_data) as file:
        assert file.verify(guo.root)[0].trusted
    assert len(asked) == 1
    assert "sign" not in repr(key).replace("SigningKey", "")
    for algorithm in ("ed25519", "rsa"):
        with pytest.raises(PgiOptionError):
            SigningKey.of_module(algorithm, spki, sign)
    with pytest.raises(PgiOptionError, match="not that of the key"):
        SigningKey.of_module("sm2", sm2_spki(PRIVATE), sign, guo.chain)


def test_chains(tmp_path: Path, guo: Person) -> None:
    """As OpenSSL judges them, with an authority between root and leaf."""
    root_key = guo.root.parent / "root.key"
    key = sm2_key(tmp_path / "middle.key")
    middle = sm2_certificate(tmp_path, "Middle", key, (guo.root, root_key), *AUTHORITY)
    leaf = sm2_certificate(tmp_path, "Leaf", guo.key, (middle, key), "keyUsage=digitalSignature")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(leaf.read_bytes() + middle.read_bytes())
    assert why_not(guo, chain) == ""
    assert judged_by_openssl(guo.root, middle)
    assert judged_by_openssl(middle, leaf)
    assert not judged_by_openssl(guo.root, leaf)
    for number, (order, sentence) in enumerate(
        [((leaf,), "no trusted root"), ((middle, leaf), "authority"), ((leaf, leaf), "signed by the next")]
    ):
        other = tmp_path / f"{number}.pem"
        other.write_bytes(b"".join(each.read_bytes() for each in order))
        assert sentence in why_not(guo, other)
    now = datetime.now(UTC)
    assert "not valid at this time" in why_not(guo, chain, now + timedelta(400))
    assert "not valid at this time" in why_not(guo, chain, now - timedelta(2))


@pytest.mark.parametrize(
    ("extensions", "sentence"),
    [
        (("basicConstraints=critical,CA:false",), "of no authority"),
        (("keyUsage=digitalSignature",), "of no authority"),
        (("basicConstraints=critical,CA:true", "keyUsage=digitalSignature"), "of no authority"),
        ((*AUTHORITY, "nameConstraints=critical,permitted;DNS:a.example"), "critical extension"),
    ],
)
def test_who_may_not_sign_certificates(
    extensions: tuple[str, ...], sentence: str, tmp_path: Path, guo: Person
) -> None:
    key = sm2_key(tmp_path / "middle.key")
    middle = sm2_certificate(tmp_path, "Middle", key, (guo.root, guo.root.parent / "root.key"), *extensions)
    leaf = sm2_certificate(tmp_path, "Leaf", guo.key, (middle, key), "keyUsage=digitalSignature")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(leaf.read_bytes() + middle.read_bytes())
    assert sentence in why_not(guo, chain)


def test_a_chain_that_is_longer_than_its_authority_allows(tmp_path: Path, guo: Person) -> None:
    keys = [sm2_key(tmp_path / f"{number}.key") for number in range(2)]
    first = sm2_certificate(
        tmp_path, "A", keys[0], (guo.root, guo.root.parent / "root.key"), "basicConstraints=CA:true,pathlen:0"
    )
    second = sm2_certificate(tmp_path, "B", keys[1], (first, keys[0]), "basicConstraints=CA:true")
    leaf = sm2_certificate(tmp_path, "Leaf", guo.key, (second, keys[1]), "keyUsage=digitalSignature")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(b"".join(each.read_bytes() for each in (leaf, second, first)))
    assert "longer than" in why_not(guo, chain)


def test_other_leaves(tmp_path: Path, guo: Person) -> None:
    """The rules for the signer's certificate are those of every algorithm."""
    issuer = guo.root, guo.root.parent / "root.key"
    for extensions, sentence in (
        (("basicConstraints=CA:true",), "authority"),
        (("keyUsage=keyEncipherment",), "not for signatures"),
        (("extendedKeyUsage=serverAuth",), "other purposes"),
    ):
        leaf = sm2_certificate(tmp_path, "Leaf", guo.key, issuer, *extensions)
        assert sentence in why_not(guo, leaf)
    # A root of the same name with another key is another root.
    key = sm2_key(tmp_path / "thief.key")
    thief = sm2_certificate(tmp_path, "root", key, None)
    forged = sm2_certificate(tmp_path, "UAV-7", guo.key, (thief, key), "keyUsage=digitalSignature")
    assert "no trusted root" in why_not(guo, forged)


def test_roots_of_the_other_suite_prove_nothing(data: bytes, guo: Person, tmp_path: Path) -> None:
    office = make_person(tmp_path / "office", "Office")
    with open_file(data) as file:
        assert "no trusted root" in file.check_signatures(office.root)[0].reason
    both = tmp_path / "both.pem"
    both.write_bytes(office.root.read_bytes() + guo.root.read_bytes() + guo.public.read_bytes())
    with open_file(data) as file:
        assert file.verify(both)[0].trusted


def test_a_broken_certificate_ends_in_a_reason(guo: Person) -> None:
    import numpy as np

    spki = first_block(guo.public.read_bytes(), b"PUBLIC KEY")
    trust, random = Trust.from_pem(guo.root), np.random.default_rng(8)
    der = certificates_of(guo.chain)[0].public_bytes(Encoding.DER)
    for _ in range(40):
        at, value = int(random.integers(len(der))), int(random.integers(1, 256))
        assert trust.why_not(spki, [der[:at] + bytes([der[at] ^ value]) + der[at + 1 :]])


def test_keys_that_are_none(tmp_path: Path, guo: Person) -> None:
    path = tmp_path / "key.pem"
    for text in (
        guo.key.read_text().replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
        guo.public.read_text(),
        "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ):
        path.write_text(text)
        with pytest.raises(PgiInputError):
            SigningKey(path)


def judged_by_openssl(root: Path, leaf: Path) -> bool:
    """One link of a chain: OpenSSL 3.0 knows the identity of the last certificate only."""
    option = ("-vfyopt", "distid:1234567812345678", "-partial_chain")
    return subprocess.run(["openssl", "verify", *option, "-CAfile", root, leaf]).returncode == 0


def test_signatures_of_openssl_are_short_integers_too() -> None:
    """DER leaves out leading zeros, so sizes differ; ours are read again by the strict parser."""
    spki = sm2_spki(PRIVATE)
    for number in range(6):
        message = bytes([number])
        signature = sign_sm2(PRIVATE, message)
        assert encode_dss_signature(*decode_dss_signature(signature)) == signature
        assert is_sm2_signature(spki, signature, message)
