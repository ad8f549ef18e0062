"""Finished sequences are signed, encrypted and decrypted; what is signed later covers what stands before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cbor2
import numpy as np
import pytest
from click.testing import CliRunner

import pgic_core
from pgic_core import SequenceWriter, open_file
from pgic_core.cli import app
from pgic_core.errors import (
    PgiAuthenticationError,
    PgiKeyError,
    PgiOptionError,
    PgiUnsupportedError,
    PgiWarning,
)

from ..sequences.scenes import frame
from ..sequences.test_editing import pictures, records
from .independent import EncryptedFile
from .independent_sequence import check_sequence, frames, places
from .independent_signature import check_signature, opened_secrets
from .independent_signature import records as security_records
from .people import Authority, Person, make_person

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Keys

FRAMES = 4


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A key frame and changes of it, plain."""
    path = tmp_path_factory.mktemp("plain") / "site.pgi"
    with SequenceWriter(path, effort=1, sync=False) as writer:
        for number in range(FRAMES):
            fields = {"device_id": "camera 3", "timestamp_ms": 1_800_000_000_000 + number}
            written = writer.append(frame(number)[:128, :192], metadata=fields)
            assert written.key == (number == 0)
    return path.read_bytes()


@pytest.fixture
def path(made: bytes, tmp_path: Path) -> Path:
    target = tmp_path / "site.pgi"
    target.write_bytes(made)
    return target


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return make_person(tmp_path_factory.mktemp("people") / "camera", "camera 3")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return make_person(tmp_path_factory.mktemp("people") / "office", "office")


def states(path: Path, trust: Path | None = None, keys: object = None) -> list[str]:
    with open_file(path, keys=keys) as file:  # type: ignore[arg-type]
        return [each.state for each in file.verify(trust)]


# --- signing -----------------------------------------------------------------------------------------------


def test_all_frames_are_signed_in_their_place(path: Path, made: bytes, camera: Person) -> None:
    pgic_core.sign(path, camera.signer())
    assert states(path, camera.root) == ["holds"] * FRAMES
    assert pictures(path.read_bytes()) == pictures(made)
    assert check_sequence(path.read_bytes(), {}, changes_alone=True) == FRAMES
    with open_file(path) as file:
        places = [file.frame(number).signatures[0].frame for number in range(FRAMES)]
        assert [place.number for place in places if place] == list(range(FRAMES))
        assert not file.is_key_frame(1)


def test_one_signature_on_the_last_frame_covers_all(path: Path, camera: Person, office: Person) -> None:
    pgic_core.sign(path, camera.signer())
    before = path.read_bytes()
    with pytest.raises(PgiOptionError, match=r"break the signatures of frames 1 to 3, .*\(--frame -1\)"):
        pgic_core.sign(path, office.signer())
    with pytest.raises(PgiOptionError, match=r"of frames 2 to 3, "):
        pgic_core.sign(path, office.signer(), frames=1)
    assert path.read_bytes() == before
    pgic_core.sign(path, office.signer(), frames=-1)
    for trust in (camera.root, office.root):
        assert states(path, trust) == ["holds"] * (FRAMES + 1)
    # What is appended behind it is covered by nobody.
    with pytest.warns(PgiWarning, match="is not signed"):
        pgic_core.append(path, frame(FRAMES)[:128, :192], effort=1)
    with pytest.raises(PgiAuthenticationError, match=f"Frame {FRAMES} is not signed"):
        states(path, office.root)


@pytest.mark.parametrize("number", range(FRAMES - 1))
def test_the_last_signature_notices_changes_before(path: Path, camera: Person, number: int) -> None:
    pgic_core.sign(path, camera.signer(), frames=-1)
    assert states(path, camera.root) == ["holds"]
    with pytest.warns(PgiWarning, match=r"breaks the signatures of frame 3, .*--renew --frames 3:'"):
        pgic_core.set_metadata(path, metadata={"device_id": "camera 4"}, frames=number)
    for trust in (camera.root, None):
        with pytest.raises(PgiAuthenticationError, match="Frame 3 was signed behind other frames"):
            states(path, trust)


def test_edited_frames_are_signed_again(path: Path, camera: Person, office: Person) -> None:
    pgic_core.sign(path, camera.signer())
    with pytest.warns(PgiWarning, match=r"site.pgi: the change breaks the signatures of frames 1 to 3, "):
        pgic_core.set_metadata(path, metadata={"anomaly": True}, frames=1)
    with pytest.raises(PgiAuthenticationError, match="Frame 1 was changed after it was signed"):
        states(path)
    with pytest.raises(PgiOptionError, match=r"of frames 2 to 3, .* Renew these, too"):
        pgic_core.sign(path, office.signer(), frames=1, renew=True)
    pgic_core.sign(path, office.signer(), frames=slice(1, None), renew=True)
    with open_file(path) as file:
        found = file.verify(office.root)
    assert [each.state for each in found] == ["holds", *["superseded", "holds"] * 3]
    assert found[3].changed == ("the frame was signed behind other frames than those that are there",)
    with pytest.raises(PgiAuthenticationError, match="Frame 1: No trusted signature holds"):
        states(path, camera.root)


def test_renewing_leaves_alone_what_holds(path: Path, camera: Person, office: Person) -> None:
    assert not pgic_core.sign(path, office.signer(), renew=True)  # nothing is signed
    pgic_core.sign(path, camera.signer(), frames=slice(2, None))
    before = path.read_bytes()
    assert not pgic_core.sign(path, office.signer(), renew=True)
    assert path.read_bytes() == before
    with pytest.warns(PgiWarning, match="of frames 2 to 3, "):
        pgic_core.set_metadata(path, metadata={"anomaly": True}, frames=2)
    assert pgic_core.sign(path, office.signer(), renew=True)
    assert states(path) == ["superseded", "holds"] * 2


def test_who_moves_frames_and_signs_them_is_not_trusted(
    path: Path, camera: Person, office: Person, tmp_path: Path
) -> None:
    """A signature that was superseded in its place counts for nothing."""
    pgic_core.sign(path, camera.signer())
    with pytest.warns(PgiWarning, match="breaks the signatures"):
        pgic_core.set_metadata(path, metadata={"device_id": "x"}, frames=0)
    pgic_core.sign(path, office.signer(), renew=True)
    assert states(path) == ["superseded", "holds"] * FRAMES
    with pytest.raises(PgiAuthenticationError, match="Frame 0: No trusted signature holds"):
        states(path, camera.root)


def test_parity_and_recipients_leave_signatures_alone(path: Path, camera: Person, keys: Keys) -> None:
    pgic_core.protect(path, 0.1)
    pgic_core.sign(path, camera.signer())
    before = path.read_bytes()
    with pytest.raises(PgiOptionError, match="Do this before you sign"):
        pgic_core.protect(path, 0.2)
    pgic_core.protect(path, 0.1)  # which they have
    assert path.read_bytes() == before
    assert states(path, camera.root) == ["holds"] * FRAMES
    pgic_core.protect(path, 0.2, frames=-1)  # nothing stands behind it
    assert states(path, camera.root) == ["holds"] * FRAMES


def test_a_signed_change_becomes_an_unsigned_picture(path: Path, camera: Person) -> None:
    pgic_core.sign(path, camera.signer())
    with open_file(path) as file:
        with pytest.warns(PgiWarning, match="Frame 2 is signed as a change"):
            data = pgic_core.still_file(file, 2)
        with open_file(data) as still:
            still.verify()
            assert not still.signatures
            np.testing.assert_array_equal(still.decode(), file.frame(2).decode())


def test_an_authority_confirms_when_a_sequence_was_there(path: Path, camera: Person, tmp_path: Path) -> None:
    authority, roots = Authority(tmp_path / "tsa"), tmp_path / "roots.pem"
    with pytest.raises(PgiOptionError, match="not signed"):
        pgic_core.timestamp_request(path)
    pgic_core.sign(path, camera.signer())
    pgic_core.add_timestamp(path, authority.answer(pgic_core.timestamp_request(path)))
    roots.write_bytes(camera.root.read_bytes() + authority.root.read_bytes())
    with open_file(path) as file:
        stamped = [each.stamped_ms is not None for each in file.verify(roots)]
    assert stamped == [False] * (FRAMES - 1) + [True]
    early = authority.answer(pgic_core.timestamp_request(path, frame=0))
    with pytest.raises(PgiOptionError, match="break the signatures of frames 1 to 3"):
        pgic_core.add_timestamp(path, early, frame=0)


def test_the_original_is_of_one_frame(path: Path, camera: Person) -> None:
    with pytest.raises(PgiOptionError, match="name one frame"):
        pgic_core.sign(path, camera.signer(), original=camera.root)
    pgic_core.sign(path, camera.signer(), original=camera.root, frames=2)
    assert states(path) == ["holds"]


# --- encrypting --------------------------------------------------------------------------------------------


def test_a_sequence_is_encrypted_and_decrypted(path: Path, made: bytes, keys: Keys, tmp_path: Path) -> None:
    sealed, plain = tmp_path / "sealed.pgi", tmp_path / "plain.pgi"
    pgic_core.encrypt(path, sealed, keys.full.public)
    data = sealed.read_bytes()
    assert [each.is_key for each in records(data)] == [True] + [False] * (FRAMES - 1)
    with open_file(sealed) as file:
        file.verify()
        assert file.container.metadata.device_id == ""
        for number in range(FRAMES):
            with pytest.raises(PgiKeyError):
                file.frame(number).decode()
    with open_file(sealed, keys=keys.full) as file, open_file(made) as before:
        file.verify()
        for number in range(FRAMES):
            assert file.frame(number).metadata == before.frame(number).metadata
            np.testing.assert_array_equal(file.frame(number).decode(), before.frame(number).decode())
            np.testing.assert_array_equal(file.changes(number).blocks, before.changes(number).blocks)
        with pytest.raises(PgiUnsupportedError, match="'pgic decrypt' the file first"):
            pgic_core.still_file(file, 1)
    pgic_core.decrypt(sealed, plain, keys=keys.full)
    assert plain.read_bytes() == made


def test_another_reader_opens_and_checks_encrypted_changes(
    path: Path, made: bytes, camera: Person, keys: Keys
) -> None:
    """One that was written from FORMAT.md and shares no code with pgic."""
    pgic_core.encrypt(path, path, keys.full.public)
    pgic_core.sign(path, camera.signer(), keys=keys.full)
    found = []
    data = path.read_bytes()
    for (_, frame_file, _), place in zip(frames(data), places(data), strict=True):
        opened = EncryptedFile(frame_file, "x25519", keys.full._data)
        found.append(opened.payload())
        check_signature(frame_file, opened)
        ((_, signature),) = [each for each in security_records(opened.blocks["security"][1]) if each[0] == 2]
        _, _, claims = opened_secrets(cbor2.loads(signature), 1, opened)
        assert cbor2.loads(claims)["frame"] == place
    assert found == pictures(made)


def test_who_may_open_a_sequence_changes(path: Path, keys: Keys, tmp_path: Path) -> None:
    sealed, again = tmp_path / "sealed.pgi", tmp_path / "again.pgi"
    pgic_core.encrypt(path, sealed, [(keys.full.public, "full"), (keys.metadata.public, "metadata")])
    with open_file(sealed, keys=keys.metadata) as file:
        file.verify()
        assert [each.metadata.device_id for each in file.frames()] == ["camera 3"] * FRAMES
        with pytest.raises(PgiKeyError):
            file.frame(1).decode()
    pgic_core.add_recipients(sealed, keys.regions.public, keys=keys.full)
    pgic_core.verify(sealed, keys=keys.regions)
    pgic_core.rekey(sealed, again, keys.preview.public, keys=keys.regions)
    with open_file(again, keys=keys.full) as file, pytest.raises(PgiKeyError):
        file.frame(0).decode()
    with open_file(again, keys=keys.preview) as file:
        assert psnr_is_good(file.frame(FRAMES - 1).decode())
    pgic_core.set_metadata(again, metadata={"device_id": "camera 5"}, frames=-1, keys=keys.preview)
    with open_file(again, keys=keys.preview) as file:
        file.verify()
        assert [each.metadata.device_id for each in file.frames()] == ["camera 3"] * 3 + ["camera 5"]


def psnr_is_good(pixels: np.ndarray) -> bool:
    error = pixels.astype(float) - frame(FRAMES - 1)[:128, :192]
    return bool(10 * np.log10(255**2 / np.mean(error**2)) > 30)


def test_change_frames_have_no_preview_to_give(path: Path, keys: Keys, tmp_path: Path) -> None:
    for tier in ("preview", "regions"):
        with pytest.raises(PgiOptionError, match=r"change frame has the tiers metadata|has the tier regions"):
            pgic_core.encrypt(path, tmp_path / "x.pgi", (keys.full.public, tier))
    assert not (tmp_path / "x.pgi").exists()


@pytest.mark.parametrize("number", range(FRAMES))
def test_a_changed_bit_of_an_encrypted_frame(path: Path, keys: Keys, tmp_path: Path, number: int) -> None:
    sealed = tmp_path / "sealed.pgi"
    pgic_core.encrypt(path, sealed, keys.full.public)
    data = bytearray(sealed.read_bytes())
    found = records(bytes(data))
    start = len(data) - found[-1].end + found[number].frame_offset
    with open_file(bytes(data)) as file:
        image = file.frame(number).reader.header.image
    data[start + image.end - 5] ^= 1
    with open_file(bytes(data), keys=keys.full) as file, pytest.raises(PgiAuthenticationError):
        file.frame(FRAMES - 1).decode()


def test_signatures_that_encrypting_breaks_are_named(
    path: Path, camera: Person, office: Person, keys: Keys, tmp_path: Path
) -> None:
    pgic_core.sign(path, camera.signer())
    sealed = tmp_path / "sealed.pgi"
    with pytest.warns(PgiWarning, match="breaks the signatures of frames 1 to 3, "):
        pgic_core.encrypt(path, sealed, keys.full.public)
    with open_file(sealed, keys=keys.full) as file:
        assert file.frame(0).verify()[0].state == "holds"
        with pytest.raises(PgiAuthenticationError, match="Frame 1 was signed behind other frames"):
            file.verify()
    pgic_core.sign(sealed, office.signer(), keys=keys.full, renew=True)
    assert states(sealed, office.root, keys.full) == ["holds", *["superseded", "holds"] * (FRAMES - 1)]
    with pytest.raises(PgiKeyError):
        pgic_core.sign(sealed, office.signer(), renew=True)
    with pytest.raises(PgiOptionError, match="Do this before you sign"):
        pgic_core.add_recipients(sealed, keys.preview.public, keys=keys.full)


def test_the_commands(path: Path, camera: Person, tmp_path: Path) -> None:
    def pgic(*arguments: object, code: int = 0) -> str:
        done = CliRunner().invoke(app, [str(each) for each in arguments], prog_name="pgic")
        assert done.exit_code == code, done.output
        return done.output

    key, sealed = tmp_path / "anna", tmp_path / "sealed.pgi"
    pgic("keygen", key)
    pgic("keygen", "--kind", "ed25519", tmp_path / "me")
    pgic("encrypt", path, "-o", sealed, "--to", f"{key}.pub")
    pgic("sign", sealed, "--frame", -1, "--key", tmp_path / "me.pem", "--unlock", f"{key}.key")
    told = pgic("info", sealed)
    assert "last frame" in told
    assert "signed by key" in told
    assert "not verified; it signs all frames before" in told
    facts = pgic_core.inspect(sealed).sequence
    assert facts is not None
    assert [each.algorithm for each in facts.signatures] == ["ed25519"]
    locked = "^Frame 3 is encrypted, and it takes a key to tell whether its signature holds"
    with pytest.raises(PgiKeyError, match=locked):
        states(sealed, tmp_path / "me.pem.pub")
    said = pgic("verify", sealed, "--key", f"{key}.key", "--trust", tmp_path / "me.pem.pub")
    assert "1 of 4 frames is signed by a trusted key" in said
    assert "proven: frames 0 to 3 are as the signer of frame 3 found them, in this order" in said
    assert "not proven: that no frame followed; the time;" in said
    pgic("decrypt", sealed, "-o", tmp_path / "plain.pgi", "--key", f"{key}.key")
    assert pictures((tmp_path / "plain.pgi").read_bytes()) == pictures(path.read_bytes())
