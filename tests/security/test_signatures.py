"""Signatures of files: what they prove, what breaks them, and what they survive (FORMAT.md, section 9.9)."""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC
from typing import TYPE_CHECKING

import cbor2
import numpy as np
import pytest
import skimage.data
from PIL import Image

import pgic_core
from pgic_core import SigningKey, add_timestamp, open_file, set_metadata, sign, timestamp_request
from pgic_core.cli import app
from pgic_core.container import PgiReader
from pgic_core.errors import (
    PgiAuthenticationError,
    PgiFormatError,
    PgiInputError,
    PgiKeyError,
    PgiOptionError,
    PgiUnsupportedError,
    PgiWarning,
)
from pgic_core.security.envelope_opening import records_of
from pgic_core.security.security_block import Record, pack_records
from pgic_core.security.signatures.signature_making import signed
from pgic_core.security.signatures.signature_record import signatures_in
from pgic_core.security.signatures.signer_check import signer_key
from pgic_core.security.signatures.signer_trust import Trust

from ..container.forge import SECURITY, Block, forge
from .conftest import Keys, sealed
from .people import SERVERS, Authority, Person, make_person

if TYPE_CHECKING:
    from pathlib import Path

    from pgic_core import SignatureInfo


@pytest.fixture(scope="module")
def drone(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return make_person(tmp_path_factory.mktemp("people") / "drone", "UAV-7")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return make_person(tmp_path_factory.mktemp("people") / "office", "Office", "ecdsa-p256")


def signed_bytes(data: bytes, person: Person, *, certified: bool = True) -> bytes:
    with PgiReader(data) as reader:
        return b"".join(signed(reader, person.signer(certified=certified)))


def checked(data: bytes, trust: Path | None = None, keys: object = None) -> SignatureInfo:
    with open_file(data, keys=keys) as file:  # type: ignore[arg-type]
        (found,) = file.verify(trust)
    return found


@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa-p256", "ml-dsa-65"])
def test_a_signed_file_says_who_signed_it(algorithm: str, tmp_path: Path, small: bytes) -> None:
    person = make_person(tmp_path / "p", "UAV-7", algorithm)
    found = checked(signed_bytes(small, person), person.root)
    assert (found.algorithm, found.state, found.trusted, found.unchecked) == (algorithm, "holds", True, 0)
    assert found.subject == "CN=UAV-7"
    assert found.model == pgic_core.inspect(small).model_digest
    assert ("fast" in dict(found.renderers)) is True


def test_without_trust_nobody_is_named(small: bytes, drone: Person) -> None:
    data = signed_bytes(small, drone)
    found = checked(data)
    assert found.state == "holds"
    assert not found.trusted
    assert found.signer == f"key {drone.signer().key_id.hex()}, not trusted"
    with open_file(data) as file:
        assert file.signatures == (found,)


def test_a_public_key_can_be_trusted_by_itself(small: bytes, drone: Person, office: Person) -> None:
    data = signed_bytes(small, drone, certified=False)
    assert checked(data, drone.public).trusted
    for other in (office.public, office.root, drone.root):
        with pytest.raises(PgiAuthenticationError, match="No trusted signature holds"):
            checked(data, other)


@pytest.mark.parametrize(
    ("leaf", "reason"),
    [
        ({"purpose": SERVERS}, "other purposes"),
        ({"signs": False}, "not for signatures"),
        ({"ca": True}, "trusted root|authority"),
        ({"days": (-30, -1)}, "trusted root"),
        ({"days": (1, 30)}, "trusted root"),
    ],
)
def test_certificates_that_may_not_sign_files(
    leaf: dict[str, object], reason: str, tmp_path: Path, small: bytes
) -> None:
    person = make_person(tmp_path / "p", "Server", **leaf)
    with pytest.raises(PgiAuthenticationError, match=reason):
        checked(signed_bytes(small, person), person.root)


def test_version_and_bytes_beside_the_security_block_stay(small: bytes, drone: Person) -> None:
    data = signed_bytes(small, drone)
    with PgiReader(small) as before, PgiReader(data) as after:
        assert (before.version, after.version) == ((1, 0), (1, 1))
        old = [before.read_block(block) for block in before.blocks]
        assert [after.read_block(block) for block in after.blocks][:-1] == old
    assert np.array_equal(pgic_core.decode(small), pgic_core.decode(data))


@pytest.mark.parametrize("kind", ["learned", "lossless", "small"])
def test_it_survives_encrypting_and_decrypting(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, keys: Keys, drone: Person
) -> None:
    data = signed_bytes(request.getfixturevalue(kind), drone)
    closed = sealed(data, keys.full.public)
    assert checked(closed, drone.root, keys.full).unchecked == 0
    path = tmp_path / "new.pgi"
    pgic_core.rekey(closed, path, keys.regions.public, keys=keys.full)
    pgic_core.add_recipients(path, keys.preview.public, keys=keys.regions)
    pgic_core.protect(path, 0.05)
    assert checked(path.read_bytes(), drone.root, keys.preview).unchecked == 0
    pgic_core.decrypt(path, path, keys=keys.preview)
    pgic_core.protect(path, None)
    assert path.read_bytes() == data


@pytest.mark.parametrize("tier", ["regions", "preview", "metadata"])
def test_a_lower_tier_checks_what_it_opens(tier: str, learned: bytes, keys: Keys, drone: Person) -> None:
    secret = getattr(keys, tier)
    closed = sealed(signed_bytes(learned, drone), keys.full.public, (secret.public, tier))
    found = checked(closed, drone.root, secret)
    assert found.state == "holds"
    assert found.unchecked > 0


def test_no_key_proves_no_content(small: bytes, keys: Keys, drone: Person) -> None:
    closed = sealed(signed_bytes(small, drone), keys.full.public)
    assert checked(closed).state == "locked"
    with pytest.raises(PgiKeyError, match="takes a key"):
        checked(closed, drone.root)
    with pytest.raises(PgiKeyError), open_file(closed) as file:
        list(signed(file.reader, drone.signer()))


def test_hashes_in_an_encrypted_file_do_not_tell_its_content(small: bytes, keys: Keys, drone: Person) -> None:
    """Two signatures of one file have no leaf hash in common, and the salts are not in the file."""
    from pgic_core.security.envelope_opening import records_of
    from pgic_core.security.signatures.signature_record import OpenPart, signatures_in

    plain = [signed_bytes(small, drone) for _ in range(2)]
    found = []
    for data in plain:
        with PgiReader(data) as reader:
            found += signatures_in(records_of(reader), reader.limits, encrypted=False)
    first, second = ({each.locators[at : at + 8] for at in range(0, len(each.locators), 8)} for each in found)
    assert not first & second
    assert isinstance(found[0].secret_part, OpenPart)
    closed = sealed(plain[0], keys.full.public)
    assert found[0].secret_part.secret in plain[0]
    assert found[0].secret_part.secret not in closed
    assert found[0].secret_part.claims not in closed


def test_signing_an_encrypted_file(tmp_path: Path, small: bytes, keys: Keys, drone: Person) -> None:
    path = tmp_path / "a.pgi"
    path.write_bytes(sealed(small, keys.full.public, (keys.preview.public, "preview")))
    with pytest.raises(PgiKeyError):
        sign(path, drone.signer(), keys=keys.preview)
    with pytest.raises(PgiKeyError):
        sign(path, drone.signer())
    sign(path, drone.signer(), keys=keys.full)
    assert checked(path.read_bytes(), drone.root, keys.full).state == "holds"
    pgic_core.decrypt(path, path, keys=keys.full)
    assert checked(path.read_bytes(), drone.root).state == "holds"


@pytest.mark.parametrize("encrypted", [False, True])
def test_editing_metadata_breaks_it_and_says_so(
    encrypted: bool, tmp_path: Path, small: bytes, keys: Keys, drone: Person, office: Person
) -> None:
    path = tmp_path / "a.pgi"
    data = signed_bytes(small, drone)
    path.write_bytes(sealed(data, keys.full.public) if encrypted else data)
    with pytest.warns(PgiWarning, match="breaks its signatures"):
        set_metadata(path, metadata={"device_id": "UAV-8"}, keys=keys.full)
    with pytest.raises(PgiAuthenticationError, match=r"after it was signed.*metadata block"):
        checked(path.read_bytes(), keys=keys.full)
    # The office signs what it sees; the drone's signature stays as history.
    sign(path, office.signer(), keys=keys.full)
    with open_file(path, keys=keys.full) as file:
        first, second = file.verify(office.root)
        assert (first.state, first.changed) == ("superseded", ("metadata block",))
        assert (second.state, second.previous) == ("holds", (first.id,))
        with pytest.raises(PgiAuthenticationError, match="No trusted signature holds"):
            file.verify(drone.root)


def test_counter_signing_an_unchanged_file(
    tmp_path: Path, small: bytes, drone: Person, office: Person
) -> None:
    path = tmp_path / "a.pgi"
    path.write_bytes(signed_bytes(small, drone))
    sign(path, office.signer())
    with open_file(path) as file:
        assert [each.state for each in file.verify(drone.root)] == ["holds", "holds"]
        assert [each.trusted for each in file.verify(office.root)] == [False, True]


def test_the_camera_file_and_the_watermark_are_signed(tmp_path: Path, drone: Person) -> None:
    from pgic_core.security.watermark import Watermark

    original, path = tmp_path / "DJI.JPG", tmp_path / "a.pgi"
    original.write_bytes(b"as it came")
    picture = skimage.data.astronaut()
    pgic_core.encode_to(path, picture, watermark=Watermark(b"k" * 32, bytes.fromhex("0123456789abcdef")))
    sign(path, drone.signer(), original=original)
    found = checked(path.read_bytes(), drone.root)
    assert found.original == hashlib.sha256(b"as it came").hexdigest()
    assert found.watermark == "0123456789abcdef"
    with pytest.raises(PgiInputError):
        sign(path, drone.signer(), original=tmp_path / "missing")


def test_a_device_signs_as_it_encodes(keys: Keys, drone: Person) -> None:
    picture = skimage.data.astronaut()[:200, :200]
    data = pgic_core.encode(picture, max_bytes=9000, sign=drone.signer(), protect=0.05)
    assert len(data) <= 9000
    assert checked(data, drone.root).state == "holds"
    closed = pgic_core.encode(
        picture, max_bytes=12_000, sign=drone.signer(), recipients=[keys.full.public], protect=0.05
    )
    assert len(closed) <= 12_000
    assert checked(closed, drone.root, keys.full).state == "holds"


def test_pillow_notices_a_change(
    tmp_path: Path, small: bytes, drone: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pgic_plugins.pillow  # noqa: F401

    path = tmp_path / "a.pgi"
    path.write_bytes(signed_bytes(small, drone))
    Image.open(path).verify()
    with pytest.warns(PgiWarning):
        set_metadata(path, metadata={"anomaly": True})
    with pytest.raises(OSError, match="after it was signed"):
        Image.open(path).verify()
    # Without the extra nothing is called sound.
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(PgiUnsupportedError, match="The file is signed"):
        pgic_core.verify(path)


def test_unsigned_files_prove_nothing(small: bytes, drone: Person) -> None:
    with open_file(small) as file:
        assert file.verify() == ()
        with pytest.raises(PgiAuthenticationError, match="not signed"):
            file.verify(drone.root)


def test_an_authority_confirms_the_time(
    tmp_path: Path, small: bytes, keys: Keys, drone: Person, office: Person
) -> None:
    authority, path, roots = Authority(tmp_path / "tsa"), tmp_path / "a.pgi", tmp_path / "roots.pem"
    path.write_bytes(signed_bytes(small, drone))
    response = authority.answer(timestamp_request(path))
    add_timestamp(path, response)
    roots.write_bytes(drone.root.read_bytes() + authority.root.read_bytes())
    for data, secret in ((path.read_bytes(), None), (sealed(path.read_bytes(), keys.full.public), keys.full)):
        found = checked(data, roots, secret)
        assert found.stamped_ms is not None
        assert abs(found.stamped_ms - found.time_ms) < 60_000
        assert checked(data, drone.root, secret).stamped_ms is None  # nobody trusts the authority
    path.write_bytes(signed_bytes(small, office))
    with pytest.raises(PgiInputError, match="no time stamp"):
        add_timestamp(path, response)
    with pytest.raises(PgiInputError, match="no time stamp"):
        add_timestamp(path, b"nothing")
    path.write_bytes(small)
    with pytest.raises(PgiOptionError, match="not signed"):
        timestamp_request(path)


def test_a_stamped_signature_outlives_its_certificate(tmp_path: Path, small: bytes) -> None:
    """What decides is whether the certificate was valid at the time of the stamp."""
    from datetime import datetime, timedelta

    person = make_person(tmp_path / "p", "UAV-7", days=(-30, -10))
    with PgiReader(signed_bytes(small, person)) as reader:
        (signature,) = signatures_in(records_of(reader), reader.limits, encrypted=False)
    trust = Trust.from_pem(person.root)
    spki = signer_key(signature.key, signature.certificates)
    assert signature.key == b""  # the certificate has it
    assert trust.why_not(spki, signature.certificates)
    now = datetime.now(UTC)
    assert trust.why_not(spki, signature.certificates, now - timedelta(20)) == ""
    assert trust.why_not(spki, signature.certificates, now - timedelta(40))


def test_a_stamp_moved_to_another_signature(small: bytes, tmp_path: Path, drone: Person) -> None:
    authority, path = Authority(tmp_path / "tsa"), tmp_path / "a.pgi"
    path.write_bytes(signed_bytes(small, drone))
    response = authority.answer(timestamp_request(path))
    other = signed_bytes(small, drone)
    with PgiReader(other) as reader:
        records = records_of(reader)
        (signature,) = signatures_in(records, reader.limits, encrypted=False)
        blocks = [Block(block.type, reader.read_block(block), block.flags) for block in reader.blocks[:-1]]
    for stamped, error in ((signature.id, PgiAuthenticationError), (bytes(32), PgiFormatError)):
        stamp = Record(3, cbor2.dumps({"signature": stamped, "response": response}, canonical=True))
        security = Block(SECURITY, pack_records([*records, stamp]))
        with pytest.raises(error) as caught, open_file(forge([*blocks, security], version=0x0101)) as file:
            file.verify()
        assert type(caught.value) is error


def test_a_window_is_proven_alone(learned: bytes, keys: Keys, drone: Person, office: Person) -> None:
    data = sealed(signed_bytes(learned, drone), keys.full.public)
    with open_file(data, keys=keys.full) as file:
        proof = file.prove((600, 100, 10, 10))
        assert len(file.prove((0, 0, file.width, file.height))) > len(proof)
        with pytest.raises(PgiOptionError, match="touches no tile"):
            file.prove((5000, 0, 1, 1))
    found = pgic_core.check_proof(proof, trust=drone.root)
    assert (found.trusted, found.subject, found.width) == (True, "CN=UAV-7", 1100)
    names = [part.name for part in found.parts]
    assert names[:2] == ["model and quality", "stream header"]
    assert {name.partition(",")[0] for name in names[2:]} >= {"preview layer", "detail layer"}
    assert all(part.content in learned for part in found.parts[1:])
    assert not pgic_core.check_proof(proof).trusted
    with pytest.raises(PgiAuthenticationError, match="not trusted"):
        pgic_core.check_proof(proof, trust=office.root)
    for part in found.parts:
        at = proof.index(part.content)
        forged = proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :]
        with pytest.raises(PgiAuthenticationError, match="was changed"):
            pgic_core.check_proof(forged)


def test_keys_and_certificates_that_are_none(tmp_path: Path, drone: Person, office: Person) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("nothing")
    with pytest.raises(PgiInputError):
        SigningKey(junk)
    with pytest.raises(PgiInputError):
        SigningKey(drone.key, junk)
    with pytest.raises(PgiOptionError, match="not that of the key"):
        SigningKey(drone.key, office.chain)
    assert drone.key.read_text().splitlines()[1] not in repr(drone.signer())


def test_the_commands(
    tmp_path: Path, small: bytes, drone: Person, office: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.pgi"
    path.write_bytes(small)

    def run(*arguments: object) -> str:
        app([str(each) for each in arguments], standalone_mode=False)
        told = capsys.readouterr()
        return told.out + told.err

    run("sign", path, "--key", drone.key, "--cert", drone.chain)
    assert "signed by CN=UAV-7" in run("verify", path, "--trust", drone.root)
    told = run("verify", path)
    assert "not trusted" in told
    assert "UAV-7" not in told
    with pytest.raises(SystemExit):
        run("verify", path, "--trust", office.root)
