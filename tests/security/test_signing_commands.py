"""Signatures by the ``pgic`` command: keys, signing, time stamps, what is shown and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import skimage.data
from click.testing import CliRunner, Result
from PIL import Image

from pgic_core.cli import app
from pgic_core.errors import PgiWarning

from .people import Authority, Person, crl, make_person

if TYPE_CHECKING:
    from pathlib import Path

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PGIC_KEYS", raising=False)
    Image.fromarray(skimage.data.astronaut()[:64, :96]).save("photo.png")
    return tmp_path


@pytest.fixture
def drone(folder: Path) -> Person:
    return make_person(folder / "drone", "UAV-7")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)


def failed(*arguments: object, status: int = 1) -> str:
    result = run(*arguments)
    assert result.exit_code == status, result.output
    return " ".join(result.output.split())


def done(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-p256", "ml-dsa-65", "sm2-sign"])
def test_keys_that_sign(kind: str, folder: Path) -> None:
    told = done("keygen", "--kind", kind, "drone")
    assert sorted(path.name for path in folder.glob("drone*")) == ["drone.pem", "drone.pem.pub"]
    assert (folder / "drone.pem").stat().st_mode & 0o077 == 0
    key_id = told.split()[-1]
    done("encode", "photo.png", "--codec", "lossless", "--sign", "drone.pem")
    told = done("verify", "photo.pgi", "--trust", "drone.pem.pub")
    assert f"signed by a trusted key (key {key_id}), {kind.removesuffix('-sign')}" in told
    assert "exist" in failed("keygen", "--kind", kind, "drone")
    assert "not trusted" in done("verify", "photo.pgi")


def test_encoding_with_a_certificate(folder: Path, drone: Person) -> None:
    done("encode", "photo.png", "--sign", drone.key, "--cert", drone.chain)
    told = done("verify", "photo.pgi", "--trust", drone.root)
    assert "signed by CN=UAV-7" in told
    assert "not proven: that its certificate was not revoked (--crl)" in told
    assert "--cert says whose key --sign names" in failed(
        "encode", "photo.png", "b.pgi", "--cert", drone.chain, status=2
    )
    assert "is no private key" in failed("encode", "photo.png", "b.pgi", "--sign", drone.chain)
    assert not (folder / "b.pgi").exists()


def test_a_signed_and_encrypted_file_at_once(folder: Path, drone: Person) -> None:
    done("keygen", "anna")
    done("encode", "photo.png", "--sign", drone.key, "--cert", drone.chain, "--to", "anna.pub")
    assert "takes a key to tell" in failed("verify", "photo.pgi", "--trust", drone.root)
    assert "proven: picture" in done("verify", "photo.pgi", "--trust", drone.root, "--key", "anna.key")
    # Signing it once more takes a key that opens it.
    done("keygen", "--kind", "ed25519", "office")
    assert "no key was given" in failed("sign", "photo.pgi", "--key", "office.pem")
    assert "signed by key" in done("sign", "photo.pgi", "--key", "office.pem", "--unlock", "anna.key")
    told = done("verify", "photo.pgi", "--key", "anna.key")
    assert told.count("proven: picture, metadata and extension are as this key signed them") == 2


def test_info_lists_signatures_that_it_did_not_verify(folder: Path, drone: Person) -> None:
    done("encode", "photo.png", "--codec", "lossless", "--sign", drone.key, "--cert", drone.chain)
    done("keygen", "--kind", "ed25519", "office")
    done("sign", "photo.pgi", "--key", "office.pem")
    lines = [line for line in done("info", "photo.pgi").splitlines() if "signature" in line]
    assert len(lines) == 2
    assert f"key {drone.signer().key_id.hex()} (CN=UAV-7), ed25519, 20" in lines[0]
    assert all(line.endswith("not verified") for line in lines)
    (first, second) = json.loads(done("info", "--json", "photo.pgi"))["signatures"]
    assert (first["subject"], first["verified"], first["stamps"]) == ("CN=UAV-7", False, 0)
    assert second["subject"] == ""
    # An encrypted file shows them too: who signed is no secret.
    done("keygen", "anna")
    done("encrypt", "photo.pgi", "-o", "sealed.pgi", "--to", "anna.pub")
    assert done("info", "sealed.pgi").count("not verified") == 2
    assert json.loads(done("info", "--json", "sealed.pgi"))["signatures"] == [first, second]


@needs_openssl
def test_a_time_stamp(folder: Path, drone: Person) -> None:
    authority = Authority(folder / "tsa")
    done("encode", "photo.png", "--codec", "lossless")
    assert "not signed; sign it first" in failed("timestamp", "photo.pgi", "--request", "a.tsq", status=2)
    done("sign", "photo.pgi", "--key", drone.key, "--cert", drone.chain)
    assert "for the authority" in done("timestamp", "photo.pgi", "--request", "a.tsq")
    (folder / "a.tsr").write_bytes(authority.answer((folder / "a.tsq").read_bytes()))
    assert "time stamp added" in done("timestamp", "photo.pgi", "--response", "a.tsr")
    (folder / "roots.pem").write_bytes(drone.root.read_bytes() + authority.root.read_bytes())
    told = done("verify", "photo.pgi", "--trust", "roots.pem")
    assert "proven: it was signed by 20" in told
    crl(drone, folder / "later.crl", revoked=True, since=1)  # it is from tomorrow on
    told = done("verify", "photo.pgi", "--trust", "roots.pem", "--crl", "later.crl")
    assert "name none of its certificates as revoked by the time of its stamp" in told
    assert "the time, which nobody trusted confirms" in done("verify", "photo.pgi", "--trust", drone.root)
    assert "time stamp, not verified" in done("info", "photo.pgi")
    for arguments in ((), ("--request", "a.tsq", "--response", "a.tsr")):
        assert "--request or --response" in failed("timestamp", "photo.pgi", *arguments, status=2)
    (folder / "bad.tsr").write_bytes(b"<html>sorry</html>")
    assert "no time stamp on a signature" in failed("timestamp", "photo.pgi", "--response", "bad.tsr")


def test_the_camera_file(folder: Path, drone: Person) -> None:
    for name in ("a.png", "b.png"):
        shutil.copy("photo.png", name)
    done("encode", "a.png", "b.png")
    done("sign", "a.pgi", "--key", drone.key, "--original", "a.png")
    assert "the camera's file had SHA-256" in done("verify", "a.pgi")
    assert "name one FILE" in failed(
        "sign", "a.pgi", "b.pgi", "--key", drone.key, "--original", "a.png", status=2
    )
    assert "cannot be read" in failed("sign", "b.pgi", "--key", drone.key, "--original", "missing.jpg")


def test_a_changed_file_says_what(folder: Path, drone: Person) -> None:
    done("encode", "photo.png", "--sign", drone.key, "--cert", drone.chain)
    with pytest.warns(PgiWarning, match="breaks its signatures"):
        done("meta", "set", "photo.pgi", "--device-id", "D8")
    told = failed("verify", "photo.pgi", "--trust", drone.root)
    assert "changed after it was signed" in told
    assert "metadata block" in told
    done("sign", "photo.pgi", "--key", drone.key, "--cert", drone.chain)
    assert "signed an earlier state" in done("verify", "photo.pgi", "--trust", drone.root)


def test_lists_of_revoked_certificates(folder: Path) -> None:
    drone = make_person(folder / "uav", "UAV-7", "ecdsa-p256")
    done("encode", "photo.png", "--codec", "lossless", "--sign", drone.key, "--cert", drone.chain)
    trusted = ("verify", "photo.pgi", "--trust", drone.root)
    crl(drone, folder / "good.crl", revoked=False)
    crl(drone, folder / "bad.crl", revoked=True)
    assert "lists of their issuers name none" in done(*trusted, "--crl", "good.crl")
    assert "was revoked" in failed(*trusted, "--crl", "bad.crl")
    assert "was revoked" in failed(*trusted, "--crl", "good.crl", "--crl", "bad.crl")
    assert "names" in failed("verify", "photo.pgi", "--crl", "good.crl", status=2)
    assert "holds no list" in failed(*trusted, "--crl", "photo.png")
    assert "cannot be read" in failed(*trusted, "--crl", "missing.crl")


def test_keys_for_the_other_purpose_are_called_that(folder: Path) -> None:
    done("keygen", "anna")
    done("keygen", "--kind", "ed25519", "drone")
    done("encode", "photo.png", "--codec", "lossless")
    assert "'pgic keygen --kind ed25519' makes one" in failed("sign", "photo.pgi", "--key", "anna.key")
    assert "key for encryption" in failed("verify", "photo.pgi", "--trust", "anna.pub")
    assert "which is for signatures" in failed("encrypt", "photo.pgi", "-o", "a.pgi", "--to", "drone.pem.pub")


def test_one_key_has_one_id(folder: Path) -> None:
    """Whatever it signs: files, policies, models, audit logs."""
    from pgic_core.ed25519_keys import Signer, key_id_of, load_public_key

    key_id = done("keygen", "--kind", "ed25519", "office").split()[-1]
    done("encode", "photo.png", "--codec", "lossless", "--sign", "office.pem")
    assert f"(key {key_id})" in done("verify", "photo.pgi", "--trust", "office.pem.pub")
    assert Signer("office.pem").key_id == key_id == key_id_of(load_public_key("office.pem.pub"))


def test_a_time_that_no_calendar_has(folder: Path, drone: Person) -> None:
    """The signer's clock is a claim, and may claim anything."""
    from pgic_core.container import PgiReader
    from pgic_core.security.signatures.signature_making import signed

    done("encode", "photo.png", "--codec", "lossless")
    with PgiReader("photo.pgi") as reader:
        data = b"".join(signed(reader, drone.signer(), time_ms=(1 << 64) - 1))
    (folder / "odd.pgi").write_bytes(data)
    assert "ms after 1970 by the signer's clock" in done("verify", "odd.pgi", "--trust", drone.root)
    assert "ms after 1970, not verified" in done("info", "odd.pgi")


@pytest.mark.parametrize("kind", ["ed25519", "sm2-sign"])
def test_without_the_extra_signatures_are_still_listed(kind: str, folder: Path) -> None:
    """SM3, and with it the id of an SM2 signature, comes with the extra."""
    told = done("keygen", "--kind", kind, "office")
    done("encode", "photo.png", "--codec", "lossless", "--sign", "office.pem")
    code = "import sys; sys.modules['cryptography'] = None; from pgic_core.cli import main; main()"
    shown = subprocess.run(
        [sys.executable, "-c", code, "info", "photo.pgi"], capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stderr
    assert f"signature     key {told.split()[-1]}" in shown.stdout


def test_a_watermark_in_an_encrypted_file(folder: Path) -> None:
    Image.fromarray(skimage.data.astronaut()).resize((900, 900)).save("large.png")
    for command in ("watermark key mark.key", "keygen anna", "keygen --kind ed25519 office"):
        done(*command.split())
    done("watermark", "embed", "large.png", "a.pgi", "--key", "mark.key", "--id", "00000000000004d2")
    done("encrypt", "a.pgi", "-o", "b.pgi", "--to", "anna.pub")
    detect = ("watermark", "detect", "b.pgi", "--key", "mark.key")
    assert "--unlock where --key signs or marks" in failed(*detect)
    assert "00000000000004d2" in done(*detect, "--unlock", "anna.key")
    done("watermark", "edits", "b.pgi", "--key", "mark.key", "--unlock", "anna.key")
    done("sign", "b.pgi", "--key", "office.pem", "--unlock", "anna.key")
    assert "anna.pub holds public keys only" in failed(*detect, "--unlock", "anna.pub")


def test_a_tier_that_there_is_not(folder: Path) -> None:
    done("keygen", "anna")
    done("encode", "photo.png")
    told = failed("encrypt", "photo.pgi", "-o", "b.pgi", "--to", "all:anna.pub", status=2)
    assert "all is no tier; there are metadata, preview, regions, full." in told


def test_what_verify_says_of_a_sequence(folder: Path) -> None:
    told = done("keygen", "--kind", "ed25519", "camera")
    made = ("encode", "--sequence", "photo.png", "photo.png", "photo.png", "-o", "site.pgi", "--sign")
    done(*made, "camera.pem")
    said = done("verify", "site.pgi", "--trust", "camera.pem.pub")
    key = told.split()[-1]
    assert f"3 of 3 frames are signed by a trusted key (key {key}), ed25519: holds" in said
    assert "proven: frames 0 to 2 are as the signer of frame 2 found them, in this order" in said
    assert "not proven: that no frame followed; the time; what the pictures show" in said
    done("append", "site.pgi", "photo.png", "--sign", "camera.pem")
    assert "4 of 4 frames are signed" in done("verify", "site.pgi", "--trust", "camera.pem.pub")
    said = done("split", "site.pgi", "-o", "single")
    assert "signed as changes: frames 1 to 3; what is made of change frames is not signed" in said
    assert said.count("not signed") == 1
    assert "photo.png is not signed, as the frame before it is" in done("append", "site.pgi", "photo.png")
    said = done("verify", "site.pgi")
    assert "4 of 5 frames are signed" in said
    assert "not proven: that all frames are in their place; that no frame followed" in said
    assert "Frame 4 is not signed" in failed("verify", "site.pgi", "--trust", "camera.pem.pub")


def test_what_is_appended_to_an_encrypted_sequence_is_encrypted(folder: Path) -> None:
    done("keygen", "anna")
    done("encode", "--sequence", "photo.png", "photo.png", "-o", "site.pgi", "--to", "anna.pub")
    assert "everybody could read this one: name recipients (--to)" in failed(
        "append", "site.pgi", "photo.png"
    )
    done("append", "site.pgi", "photo.png", "--to", "anna.pub")
    assert "name one" in failed("append", "site.pgi", "photo.png", "--cert", "anna.pub", status=2)
    assert "all 3 frames, encrypted, keys open the tier full" in done(
        "verify", "site.pgi", "--key", "anna.key"
    )
