"""``pgic keygen``, ``encrypt``, ``decrypt``, and ``--key`` and ``--to`` of the other commands."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
import skimage.data
from click.testing import CliRunner, Result
from PIL import Image

from pgic_core.cli import app

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PGIC_KEYS", raising=False)
    Image.fromarray(skimage.data.astronaut()[:64, :96]).save("photo.png")
    for name in ("anna", "ben"):
        assert run("keygen", name).exit_code == 0
    assert run("encode", "photo.png", "--codec", "learned").exit_code == 0
    (tmp_path / "words").write_text("open sesame\nnot this line\n", encoding="utf-8")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def failed(*arguments: str, status: int = 1) -> str:
    result = run(*arguments)
    assert result.exit_code == status, result.output
    return " ".join(result.output.split())


def done(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_keys(folder: Path) -> None:
    assert sorted(path.name for path in folder.glob("anna*")) == ["anna.key", "anna.pub"]
    assert "exists already" in failed("keygen", "anna")
    assert "secret, keep it" in done("keygen", "--kind", "mlkem768-x25519", "archive")
    assert "cannot be written" in failed("keygen", "nowhere/carla")
    done("keygen", "--kind", "sm2", "guo")
    done("encrypt", "photo.pgi", "-o", "guo.pgi", "--to", "guo.pub")
    done("decrypt", "guo.pgi", "-o", "back.pgi", "--key", "guo.key")
    assert (folder / "back.pgi").read_bytes() == (folder / "photo.pgi").read_bytes()


def test_there_and_back(folder: Path) -> None:
    done("encrypt", "photo.pgi", "-o", "sealed.pgi", "--to", "anna.pub", "--to", "preview:ben.pub")
    assert "sound, encrypted, no key opens its content" in done("verify", "sealed.pgi")
    assert "keys open the tier preview" in done("verify", "sealed.pgi", "--key", "ben.key")
    told = json.loads(done("info", "--json", "sealed.pgi"))
    assert [each["tier"] for each in told["security"]["recipients"]] == ["full", "preview"]
    text = done("info", "sealed.pgi", "--key", "anna.key")
    assert "open: full" in text
    assert "tiles" in text
    assert "no key was given" in failed("decode", "sealed.pgi", "a.png")
    assert "takes the tier full" in failed("decode", "sealed.pgi", "a.png", "--key", "ben.key")
    done("decode", "sealed.pgi", "a.png", "--key", "anna.key")
    done("decode", "--level", "preview", "sealed.pgi", "b.png", "--key", "ben.key")
    assert Image.open("a.png").size == (96, 64)
    assert Image.open("b.png").size == (12, 8)
    done("decrypt", "sealed.pgi", "plain.pgi", "--key", "anna.key")
    assert (folder / "plain.pgi").read_bytes() == (folder / "photo.pgi").read_bytes()


def test_the_environment_names_keys(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done("encrypt", "photo.pgi", "-o", "sealed.pgi", "--to", "anna.pub")
    monkeypatch.setenv("PGIC_KEYS", os.pathsep.join([str(folder / "ben.key"), str(folder / "anna.key")]))
    done("decode", "sealed.pgi", "a.png")
    done("meta", "set", "sealed.pgi", "--device-id", "D9")
    assert "D9" in done("meta", "show", "sealed.pgi")


def test_metadata_of_an_encrypted_file(folder: Path) -> None:
    done("encrypt", "photo.pgi", "-o", "sealed.pgi", "--to", "anna.pub")
    assert "no key was given" in failed("meta", "set", "sealed.pgi", "--device-id", "D9")
    done("meta", "set", "sealed.pgi", "--device-id", "D9", "--key", "anna.key")
    done("meta", "annotate", "sealed.pgi", "--box", "rust", "1", "2", "30", "40", "--key", "anna.key")
    assert "rust" in done("meta", "show", "sealed.pgi", "--key", "anna.key")
    assert "no key given opens the metadata" in done("meta", "show", "sealed.pgi")
    done("meta", "strip", "sealed.pgi", "--device", "--key", "anna.key")
    shown = done("meta", "show", "sealed.pgi", "--key", "anna.key")
    assert "D9" not in shown
    assert "rust" in shown


def test_adding_and_rekeying(folder: Path) -> None:
    done("encrypt", "photo.pgi", "-o", "sealed.pgi", "--to", "anna.pub")
    done("encrypt", "sealed.pgi", "--add", "--key", "anna.key", "--to", "ben.pub", "--tier", "preview")
    assert "tier preview" in done("verify", "sealed.pgi", "--key", "ben.key")
    done("encrypt", "sealed.pgi", "-o", "new.pgi", "--rekey", "--key", "anna.key", "--to", "ben.pub", "--pad")
    assert "tier full" in done("verify", "new.pgi", "--key", "ben.key")
    assert "no key opens" in done("verify", "new.pgi", "--key", "anna.key")


def test_passphrases(folder: Path) -> None:
    done("encode", "photo.png", "-o", "sealed.pgi", "--to", "passphrase:words", "--tier", "full")
    done("decode", "sealed.pgi", "a.png", "--key", "passphrase:words")
    (folder / "wrong").write_text("close sesame", encoding="utf-8")
    assert "The passphrase is wrong" in failed("decode", "sealed.pgi", "b.png", "--key", "passphrase:wrong")
    assert "on a terminal only" in failed("decode", "sealed.pgi", "b.png", "--key", "passphrase")
    (folder / "empty").write_text("\n", encoding="utf-8")
    assert "empty" in failed("decode", "sealed.pgi", "b.png", "--key", "passphrase:empty", status=2)


def test_a_folder(folder: Path) -> None:
    (folder / "flight" / "day").mkdir(parents=True)
    for name in ("flight/a.pgi", "flight/day/b.pgi"):
        (folder / name).write_bytes((folder / "photo.pgi").read_bytes())
    done("encrypt", "flight", "-o", "sealed", "--to", "anna.pub")
    assert "exists already" in failed("encrypt", "flight", "-o", "sealed", "--to", "anna.pub")
    done("decrypt", "sealed", "-o", "plain", "--key", "anna.key")
    for name in ("a.pgi", "day/b.pgi"):
        assert (folder / "plain" / name).read_bytes() == (folder / "photo.pgi").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["encrypt", "photo.pgi", "-o", "x.pgi"], "Say for whom"),
        (["encrypt", "photo.pgi", "--to", "anna.pub"], "Say where the result goes"),
        (["encrypt", "photo.pgi", "-o", "x.pgi", "--to", "anna.pub", "--key", "anna.key"], "say --rekey"),
        (["encrypt", "photo.pgi", "--add", "--rekey", "--to", "anna.pub"], "contradict"),
        (["encrypt", "photo.pgi", "--add", "-o", "x.pgi", "--to", "anna.pub"], "in place"),
        (["encode", "photo.png", "-o", "x.pgi", "--tier", "preview"], "name one"),
        (
            ["encode", "photo.png", "--to", "anna.pub", "--roi", "saliency", "--show-roi", "r.png"],
            "show openly",
        ),
    ],
)
def test_options_that_contradict_each_other(folder: Path, arguments: list[str], sentence: str) -> None:
    assert sentence in failed(*arguments, status=2)


def test_files_that_are_no_keys(folder: Path) -> None:
    assert "probably anna.pub" in failed("encrypt", "photo.pgi", "-o", "x.pgi", "--to", "anna.key")
    assert "takes a .key file" in failed("decode", "photo.pgi", "x.png", "--key", "anna.pub")
    assert "cannot be read" in failed("decode", "photo.pgi", "x.png", "--key", "nobody.key")
    assert "not encrypted" in failed("decrypt", "photo.pgi", "-o", "x.pgi", "--key", "anna.key", status=1)
