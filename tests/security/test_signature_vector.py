"""Signed files that must verify for ever, also by a reader that was written from FORMAT.md alone."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature

import pgic_core
from pgic_core import SecretKey, open_file
from pgic_core.container import PgiReader
from pgic_core.container.sequence_appending import SequenceAppender, begin_sequence
from pgic_core.security.signatures import signature_making

from . import make_vectors
from .conftest import Keys, sealed
from .independent import EncryptedFile
from .independent_sequence import check_sequence, frames
from .independent_signature import check_signature, records
from .people import make_person

if TYPE_CHECKING:
    from pathlib import Path

SIGNED: list[dict[str, Any]] = json.loads(make_vectors.PATH.read_text())["signed"]
NOT_METADATA = {"acme.raw": 4}
# Ed25519 signs alike each time, so a fixed salt secret and time give one file, byte for byte.
SECRET = bytes(range(32))
FILE_SHA256 = "65732d710562a10d684d2bbc9e14953f55f4c4c3f8b550f0f85698fe17ca4dd1"


@pytest.fixture(params=SIGNED, ids=lambda vector: vector["algorithm"])
def vector(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


def encrypted_file(vector: dict[str, Any]) -> EncryptedFile:
    data = base64.b64decode(vector["encrypted"])
    return EncryptedFile(data, vector["kind"], bytes.fromhex(vector["secret"]))


@pytest.mark.parametrize("state", ["plain", "encrypted"])
def test_files_of_long_ago_verify(vector: dict[str, Any], state: str, tmp_path: Path) -> None:
    public = base64.b64encode(base64.b64decode(vector["key"])).decode()
    trust = tmp_path / "key.pem"
    trust.write_text(f"-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n")
    key = SecretKey(vector["kind"], bytes.fromhex(vector["secret"])) if state == "encrypted" else None
    with PgiReader(base64.b64decode(vector[state])) as reader:
        assert reader.version == (1, 1)
    with open_file(base64.b64decode(vector[state]), keys=key) as file:
        (found,) = file.check_signatures(trust)
    assert (found.state, found.trusted, found.unchecked) == ("holds", True, 0)
    assert found.original == bytes(range(32)).hex()


def test_another_reader_verifies_them(vector: dict[str, Any]) -> None:
    plain = check_signature(base64.b64decode(vector["plain"]), tiers=NOT_METADATA)
    closed = check_signature(base64.b64decode(vector["encrypted"]), encrypted_file(vector))
    assert plain == closed
    assert plain["algorithm"] == vector["algorithm"]
    assert plain["counts"] == [4, 1, 0, 2]


@pytest.mark.parametrize("tier", ["full", "preview", "metadata"])
def test_another_reader_verifies_a_learned_picture(
    tier: str, small: bytes, keys: Keys, tmp_path: Path
) -> None:
    """As far as the key of a tier goes; all leaves of the picture among them."""
    person = make_person(tmp_path / "p", "UAV-7")  # with a certificate, which holds the key
    with PgiReader(small) as reader:
        data = b"".join(signature_making.signed(reader, person.signer()))
    recipients = [(keys.full.public, "full")] if tier == "full" else []
    key = getattr(keys, tier)
    closed = sealed(data, *recipients, *([] if recipients else [(key.public, tier), keys.full.public]))
    file = EncryptedFile(closed, "x25519", key._data)
    found = check_signature(closed, file)
    with open_file(closed, keys=key) as ours:
        assert ours.check_signatures()[0].unchecked == sum(found["counts"][file.tier :])


def test_the_vector_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature_making, "new_secret", lambda: SECRET)
    signer = make_vectors.signers()[0]
    with PgiReader(make_vectors.plain_file()) as reader:
        data = b"".join(signature_making.signed(reader, signer, original=SECRET, time_ms=1_700_000_000_000))
    assert hashlib.sha256(data).hexdigest() == FILE_SHA256


def test_another_reader_refuses_what_was_changed(vector: dict[str, Any]) -> None:
    """The checksums are those of the change, so that the signature alone can tell."""
    from ..container.forge import EXTENSION, IMAGE, METADATA, SECURITY, Block, forge

    data = base64.b64decode(vector["plain"])
    with PgiReader(data) as reader:
        blocks = {block.type: reader.read_block(block) for block in reader.blocks}

    def refused(kind: int, content: bytes) -> None:
        forged = [Block(each, content if each == kind else old) for each, old in blocks.items()]
        changed = forge(forged, version=0x0101)
        with pytest.raises((AssertionError, InvalidSignature)):
            check_signature(changed, tiers=NOT_METADATA)
        with pytest.raises(pgic_core.PgiAuthenticationError), open_file(changed) as file:
            file.verify()

    refused(METADATA, blocks[METADATA].replace(b"UAV-7", b"UAV-8"))
    refused(EXTENSION, blocks[EXTENSION].replace(b"ok", b"no"))
    refused(IMAGE, blocks[IMAGE][:-1] + b"\x00")
    refused(IMAGE, blocks[IMAGE] + b"\x00")
    ((_, record),) = records(blocks[SECURITY])
    content = cbor2.loads(record)
    for name in ("signature", "locators"):
        value = content[name][:-1] + bytes([content[name][-1] ^ 1])
        raw = cbor2.dumps(content | {name: value}, canonical=True)
        refused(SECURITY, b"\x02\x00" + len(raw).to_bytes(4, "little") + raw)


def test_frames_of_long_ago_are_in_their_place(tmp_path: Path) -> None:
    sequence = json.loads(make_vectors.PATH.read_text())["sequence"]
    data = base64.b64decode(sequence["file"])
    assert check_sequence(data, NOT_METADATA) == 3
    trust = tmp_path / "key.pem"
    trust.write_text(f"-----BEGIN PUBLIC KEY-----\n{sequence['key']}\n-----END PUBLIC KEY-----\n")
    with open_file(data) as file:
        places = []
        for number in range(3):
            (found,) = file.frame(number).check_signatures(trust)
            assert (found.state, found.trusted) == ("holds", True)
            places.append(found.frame)
    assert [place.items() for place in places if place] == [
        [record["number"], record["duration"], before] for record, _, before in frames(data)
    ]


def test_change_frames_are_in_their_place() -> None:
    """Since a place says what a frame changes, and what its metadata is compressed with."""
    data = base64.b64decode(json.loads(make_vectors.PATH.read_text())["places"]["file"])
    assert check_sequence(data, NOT_METADATA) == 3
    with open_file(data) as file:
        places = [file.frame(number).check_signatures()[0].frame for number in range(3)]
    assert [place.reference for place in places if place] == [None, 0, 1]
    assert len({place.outer for place in places if place}) == 2


def test_another_reader_notices_frames_that_moved() -> None:
    data = base64.b64decode(json.loads(make_vectors.PATH.read_text())["sequence"]["file"])
    first, second, third = (frame for _, frame, _ in frames(data))
    for order in ((second, first), (first, third), (first, first)):
        made = io.BytesIO(b"".join(begin_sequence(order[0], key_distance=1, duration=40)))
        with SequenceAppender(made) as writer:
            writer.append(order[1], duration=41)
        with pytest.raises(AssertionError):
            check_sequence(made.getvalue(), NOT_METADATA)


def test_encrypted_changes_of_long_ago_are_read() -> None:
    vector = json.loads(make_vectors.PATH.read_text())["changes"]
    data, key = base64.b64decode(vector["file"]), SecretKey("x25519", make_vectors.SECRETS["x25519"])
    theirs = [EncryptedFile(each, "x25519", key._data).payload() for _, each, _ in frames(data)]
    assert [hashlib.sha256(each).hexdigest() for each in theirs] == vector["plain"]
    with open_file(data, keys=key) as file:
        assert [file.is_key_frame(number) for number in range(3)] == [True, False, False]
        (found,) = file.verify()
        assert found.frame is not None
        assert (found.state, found.frame.number, found.frame.duration) == ("holds", 2, 40)
        assert file.frame(2).decode().shape == (64, 128, 3)
        assert file.changes(2).share > 0


def test_a_place_of_long_ago_proves_its_own_frame_alone(tmp_path: Path) -> None:
    vectors = json.loads(make_vectors.PATH.read_text())
    key = SecretKey("x25519", make_vectors.SECRETS["x25519"])
    trust = tmp_path / "key.pem"
    trust.write_text(f"-----BEGIN PUBLIC KEY-----\n{vectors['sequence']['key']}\n-----END PUBLIC KEY-----\n")
    with open_file(base64.b64decode(vectors["changes"]["file"]), keys=key) as file:
        (found,) = file.frame(2).check_signatures(trust)
        assert (found.state, found.trusted) == ("holds", True)
        with pytest.raises(
            pgic_core.PgiAuthenticationError, match="An earlier version signed frame 2, which"
        ):
            file.verify(trust)
