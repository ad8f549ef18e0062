"""Which lists of revoked certificates count, and for when (FORMAT.md, section 9.9, "Trust")."""

from __future__ import annotations

import datetime
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

import pgic_core
from pgic_core import PgiAuthenticationError, PgiOptionError, open_file
from pgic_core.security.signatures.signer_trust import Trust

from .people import Person, crl, make_person, make_sm2_person, openssl, sm2_certificate, sm2_key

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def drone(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return make_person(tmp_path_factory.mktemp("people") / "drone", "UAV-7", days=(-60, 60))


def why_not(person: Person, *lists: Path, days: float = 0) -> str:
    certificates = x509.load_pem_x509_certificates(person.chain.read_bytes())
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days)
    trust = Trust.from_pem(person.root, lists)
    return trust.why_not(b"", [each.public_bytes(Encoding.DER) for each in certificates], at)


def test_without_lists_nothing_is_checked(drone: Person) -> None:
    assert why_not(drone) == ""


@pytest.mark.parametrize("pem", [True, False])
def test_a_list_that_names_a_certificate(pem: bool, drone: Person, tmp_path: Path) -> None:
    assert why_not(drone, crl(drone, tmp_path / "good", revoked=False, pem=pem)) == ""
    assert "CN=UAV-7 was revoked" in why_not(drone, crl(drone, tmp_path / "bad", revoked=True, pem=pem))


NO_LIST = "no current list"


@pytest.mark.parametrize(
    ("options", "days", "sentence"),
    [
        ({"ends": 30}, 0, ""),
        ({"issued": -9, "ends": -1}, 0, NO_LIST),  # out of date
        ({"issued": -9, "ends": -1}, -2, ""),  # which it was not then
        ({"issued": 2, "ends": 30}, -2, ""),  # a later list speaks of earlier times too
        ({"issued": 70, "ends": 90}, 0, NO_LIST),  # made after the certificate's end: it may be left out
        ({"revoked": True, "since": -5}, -10, ""),  # signed (by a time stamp) before it was revoked
        ({"revoked": True, "since": -5}, -4, "was revoked"),
        ({"extension": x509.DeltaCRLIndicator(1)}, 0, NO_LIST),
        (
            {"extension": x509.IssuingDistributionPoint(None, None, True, False, None, False, False)},
            0,
            NO_LIST,
        ),
        ({"signer": ec.generate_private_key(ec.SECP256R1())}, 0, NO_LIST),
    ],
)
def test_lists_that_count(
    options: dict[str, Any], days: float, sentence: str, drone: Person, tmp_path: Path
) -> None:
    made = crl(drone, tmp_path / "list", **({"revoked": False} | options))
    found = why_not(drone, made, days=days)
    assert sentence in found
    assert bool(found) == bool(sentence)


def test_a_list_of_another_authority_says_nothing(drone: Person, tmp_path: Path) -> None:
    other = make_person(tmp_path / "other", "UAV-8")
    assert NO_LIST in why_not(drone, crl(other, tmp_path / "list", revoked=False))
    both = [crl(other, tmp_path / "a", revoked=True), crl(drone, tmp_path / "b", revoked=False)]
    assert why_not(drone, *both) == ""


def test_a_key_that_is_trusted_by_itself_needs_no_list(drone: Person, tmp_path: Path) -> None:
    import numpy as np

    data = pgic_core.encode(np.zeros((8, 8), np.uint8), sign=drone.signer())
    lists = [crl(drone, tmp_path / "bad", revoked=True)]
    with open_file(data) as file:
        assert file.check_signatures(drone.public, lists)[0].revocation_checked is None
        (found,) = file.check_signatures(drone.root, lists)
        assert (found.trusted, found.revocation_checked) == (False, None)
        assert file.check_signatures(drone.root)[0].revocation_checked is False
        good = [crl(drone, tmp_path / "good", revoked=False)]
        assert file.verify(drone.root, good)[0].revocation_checked is True
        with pytest.raises(PgiOptionError):
            file.check_signatures(None, good)
    learned = pgic_core.encode(np.zeros((8, 8, 3), np.uint8), codec="learned", sign=drone.signer())
    with open_file(learned) as file:
        proof = file.prove((0, 0, 8, 8))
    assert pgic_core.check_proof(proof, trust=drone.root, crls=good).trusted
    with pytest.raises(PgiAuthenticationError, match="was revoked"):
        pgic_core.check_proof(proof, trust=drone.root, crls=lists)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command")
def test_lists_of_sm2(tmp_path: Path) -> None:
    """As OpenSSL makes them; an authority between root and leaf needs a list as well."""
    guo = make_sm2_person(tmp_path / "guo", "UAV-7")
    key = sm2_key(tmp_path / "middle.key")
    middle = sm2_certificate(
        tmp_path, "Middle", key, (guo.root, guo.root_key), "basicConstraints=critical,CA:true"
    )
    leaf = sm2_certificate(tmp_path, "Leaf", guo.key, (middle, key), "keyUsage=digitalSignature")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(leaf.read_bytes() + middle.read_bytes())
    person = Person(guo.key, guo.public, chain, guo.root, guo.root_key)

    def made(name: str, issuer: Path, issuer_key: Path, *revoked: Path) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "index.txt").write_text("")
        (folder / "ca.cnf").write_text(
            f"[ca]\ndefault_ca=c\n[c]\ndatabase={folder / 'index.txt'}\ndefault_md=sm3\n"
            "default_crl_days=30\n[e]\n"
        )
        words = ("-config", folder / "ca.cnf", "-cert", issuer, "-keyfile", issuer_key)
        for each in revoked:
            openssl("ca", *words, "-revoke", each)
        path = tmp_path / f"{name}.crl"
        path.write_bytes(openssl("ca", *words, "-gencrl", "-md", "sm3", "-sigopt", "distid:1234567812345678"))
        return path

    root_list, middle_list = made("root", guo.root, guo.root_key), made("own", middle, key)
    assert why_not(person, root_list, middle_list) == ""
    assert NO_LIST in why_not(person, root_list)
    assert NO_LIST in why_not(person, middle_list)
    assert "CN=Middle was revoked" in why_not(
        person, made("root2", guo.root, guo.root_key, middle), middle_list
    )
    assert "CN=Leaf was revoked" in why_not(person, root_list, made("own2", middle, key, leaf))
