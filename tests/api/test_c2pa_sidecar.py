"""C2PA manifests, read by C2PA's own reader."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import skimage.data
from click.testing import CliRunner
from PIL import Image

import pgic_core
from pgic_core import SigningKey, check_c2pa, export_c2pa
from pgic_core.cli import app
from pgic_core.errors import (
    PgiAuthenticationError,
    PgiFormatError,
    PgiInputError,
    PgiOptionError,
    PgiUnsupportedError,
)

from ..security.people import Person, make_person

if TYPE_CHECKING:
    from pathlib import Path

c2pa = pytest.importorskip("c2pa")

EMAIL = "1.3.6.1.5.5.7.3.4"
CAPTURE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"


@pytest.fixture(scope="module", params=["ed25519", "ecdsa-p256"])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Person:
    folder = tmp_path_factory.mktemp("people") / "office"
    return make_person(folder, "Office", request.param, purpose=EMAIL)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.fromarray(skimage.data.astronaut()[:64, :96]).save(path)
    return path


@pytest.fixture
def file(photo: Path, office: Person) -> Path:
    """A file that pgic signed, too."""
    path = photo.with_suffix(".pgi")
    pgic_core.encode_to(path, Image.open(photo), codec="learned", sign=office.signer())
    return path


def read(path: Path) -> dict[str, object]:
    """The active manifest, by the library alone."""
    store = path.with_suffix(".pgi.c2pa").read_bytes()
    with path.open("rb") as stream, c2pa.Reader("image/x-pgi", stream, store) as reader:
        content = json.loads(reader.json())
    found: dict[str, object] = content["manifests"][content["active_manifest"]]
    return found


def test_a_manifest_says_what_was_coded(file: Path, photo: Path, office: Person) -> None:
    target = file.with_suffix(".pgi.c2pa")
    export_c2pa(file, target, office.signer(), original=photo)
    found = check_c2pa(file, target, trust=office.root)
    assert (found.trusted, found.signer) == (True, "Office")
    assert found.actions == ("c2pa.opened", "c2pa.transcoded")
    with pgic_core.open_file(file) as opened:
        assert found.signatures == (opened.signatures[0].id,)
        digest = opened.info().model_digest
    manifest = read(file)
    (ingredient,) = manifest["ingredients"]  # type: ignore[misc]
    assert ingredient["title"] == "photo.jpg"
    assert "thumbnail" not in ingredient
    said = {each["label"]: each["data"] for each in manifest["assertions"]}  # type: ignore[attr-defined]
    assert said["org.pgic.file"]["model"] == digest
    assert not check_c2pa(file, target).trusted


def test_a_camera_took_it(file: Path, office: Person) -> None:
    target = file.with_suffix(".pgi.c2pa")
    export_c2pa(file, target, office.signer())
    assert check_c2pa(file, target, trust=office.root).actions == ("c2pa.created",)
    assert CAPTURE in json.dumps(read(file))
    assert target.stat().st_size < 20_000


def test_any_change_ends_it(file: Path, office: Person, tmp_path: Path) -> None:
    target, data = tmp_path / "m.c2pa", file.read_bytes()
    export_c2pa(file, target, office.signer())
    for changed in (data[:-1] + bytes([data[-1] ^ 1]), data + b"\0", data[:-1], data[:30] + data[31:]):
        file.write_bytes(changed)
        with pytest.raises(PgiAuthenticationError, match=r"assertion\.dataHash"):
            check_c2pa(file, target, trust=office.root)
    file.write_bytes(data)
    pgic_core.protect(file, 0.05)
    with pytest.raises(PgiAuthenticationError):
        check_c2pa(file, target)
    file.write_bytes(data)
    store = target.read_bytes()
    for broken in (b"", b"nothing", store[:-10], store[:700]):
        target.write_bytes(broken)
        with pytest.raises(PgiInputError, match="C2PA manifest"):
            check_c2pa(file, target)
    for at in range(900, len(store), 1500):  # a bit of the manifest: refused, or in padding
        target.write_bytes(store[:at] + bytes([store[at] ^ 1]) + store[at + 1 :])
        try:
            check_c2pa(file, target, trust=office.root)
        except (PgiAuthenticationError, PgiInputError):
            continue
        assert store[at] == 0, f"byte {at} is no padding"


def test_strangers_are_not_trusted(file: Path, office: Person, tmp_path: Path) -> None:
    thief = make_person(tmp_path / "thief", "Office", purpose=EMAIL)
    target = tmp_path / "m.c2pa"
    export_c2pa(file, target, thief.signer())
    with pytest.raises(PgiAuthenticationError, match="not trusted"):
        check_c2pa(file, target, trust=office.root)


def test_what_c2pa_refuses(file: Path, office: Person, tmp_path: Path) -> None:
    target = tmp_path / "m.c2pa"
    documents = make_person(tmp_path / "documents", "Office")
    with pytest.raises(PgiOptionError, match="missing required EKU"):
        export_c2pa(file, target, documents.signer())
    with pytest.raises(PgiOptionError, match="needs the certificates"):
        export_c2pa(file, target, SigningKey(office.key))
    lattice = make_person(tmp_path / "lattice", "Office", "ml-dsa-65")
    with pytest.raises(PgiOptionError, match="not ml-dsa-65"):
        export_c2pa(file, target, lattice.signer())
    with pytest.raises(PgiInputError):
        export_c2pa(file, target, office.signer(), original=tmp_path / "missing.jpg")
    file.write_bytes(b"no pgi")
    with pytest.raises(PgiFormatError):
        export_c2pa(file, target, office.signer())
    assert not target.exists()


def test_an_encrypted_file_stays_closed(
    file: Path, photo: Path, office: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where a key lies about, the manifest says only what shows without one."""
    key = pgic_core.generate_key()
    pgic_core.encrypt(file, file, key.public)
    pgic_core.security.write_key_pair(key, tmp_path, "anna")
    monkeypatch.setenv("PGIC_KEYS", str(tmp_path / "anna.key"))
    target = file.with_suffix(".pgi.c2pa")
    export_c2pa(file, target, office.signer(), original=photo)
    assert check_c2pa(file, target, trust=office.root).trusted
    said = {each["label"]: each["data"] for each in read(file)["assertions"]}  # type: ignore[attr-defined]
    assert said["org.pgic.file"]["encrypted"] is True
    assert set(said["org.pgic.file"]) == {"width", "height", "codec", "encrypted", "signatures"}


def test_the_commands(file: Path, photo: Path, office: Person) -> None:
    def run(*arguments: object, status: int = 0) -> str:
        result = CliRunner().invoke(app, ["c2pa", *map(str, arguments)], catch_exceptions=False)
        assert result.exit_code == status, result.output
        return " ".join(result.output.split())

    key = ("--key", office.key, "--cert", office.chain)
    assert "--original PHOTO, or --captured" in run("export", file, *key, status=2)
    assert f"{file}.c2pa: manifest" in run("export", file, *key, "--original", photo)
    assert "by Office" in run("check", file, "--trust", office.root)
    assert "by somebody who is not trusted" in run("check", file)
    run("export", file, *key, "--captured", "-o", photo.with_name("other"))
    assert "c2pa.created" in run("check", file, "--manifest", photo.with_name("other"))


def test_without_the_extra_one_sentence_names_it(
    file: Path, office: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(PgiUnsupportedError, match=r"pgic\[c2pa\]"):
        export_c2pa(file, file.with_suffix(".c2pa"), office.signer())
    with pytest.raises(PgiUnsupportedError, match=r"pgic\[c2pa\]"):
        check_c2pa(file, file)
