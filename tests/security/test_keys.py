"""Keys, the files that hold them, where they are looked for, and what never shows of them."""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import pickle
import stat
import subprocess
import sys
import traceback
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pgic_core
from pgic_core import (
    Passphrase,
    PgiInputError,
    PgiKeyError,
    PgiOptionError,
    PgiUnsupportedError,
    SecretKey,
    generate_key,
)
from pgic_core.security import (
    KEYS_VARIABLE,
    Keyring,
    PublicKey,
    read_public_key,
    read_secret_keys,
    write_key_pair,
)
from pgic_core.security.key_wrapping import SCHEMES
from pgic_core.security.keys import parse_keys

from .conftest import Keys, sealed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kind", SCHEMES)
def test_a_pair_is_written_and_read(kind: str, tmp_path: Path) -> None:
    key = generate_key(kind)
    secret, public = write_key_pair(key, tmp_path, "anna")
    assert stat.S_IMODE(os.stat(secret).st_mode) == 0o600
    assert read_public_key(public) == key.public
    (again,) = read_secret_keys(secret)
    assert again.key_id == key.key_id
    assert again.public == key.public
    for taken in (secret, public):
        with pytest.raises(PgiInputError, match="exists already"):
            write_key_pair(generate_key(kind), tmp_path, taken.stem)
    assert read_public_key(public) == key.public


def test_files_that_hold_no_key(tmp_path: Path) -> None:
    key = generate_key()
    text = key.to_text()
    lines = {
        "empty": "",
        "remark": "# nothing\n",
        "words": "these are not the words of a key file\n",
        "base64": f"pgic-secret x25519 {key.key_id.hex()} !!!!\n",
        "short": f"pgic-secret x25519 {key.key_id.hex()} QUJD\n",
        "id": key.to_text().replace(key.key_id.hex(), "0" * 16),
        "typing": text[:-10] + ("B" if text[-10] == "A" else "A") + text[-9:],
        "binary": "\xff\xfe",
        "point": f"pgic-public sm2 {'0' * 16} {base64.b64encode(bytes(64)).decode()}\n",
    }
    for name, line in lines.items():
        path = tmp_path / name
        path.write_bytes(line.encode("latin-1"))
        for read in (read_secret_keys, read_public_key):
            with pytest.raises(PgiInputError) as caught:
                read(path)
            assert str(path) in str(caught.value)
            assert key.to_text().split()[3] not in str(caught.value)
    with pytest.raises(PgiInputError, match="cannot be read"):
        read_secret_keys(tmp_path / "missing")
    path.write_bytes(b"#" * 70_000)
    with pytest.raises(PgiInputError, match="too large"):
        read_secret_keys(path)
    path.write_text(key.public.to_text())
    with pytest.raises(PgiInputError, match=r"takes a \.key file"):
        read_secret_keys(path)
    path.write_text(key.to_text())
    with pytest.raises(PgiInputError, match=r"is a secret key.*\.pub"):
        read_public_key(path)
    path.write_text("pgic-secret rsa 0011223344556677 QUJD\n")
    with pytest.raises(PgiUnsupportedError, match="'rsa'"):
        read_secret_keys(path)


@given(st.text(max_size=300))
def test_no_text_crashes_the_parser(text: str) -> None:
    with contextlib.suppress(PgiInputError, PgiUnsupportedError):
        parse_keys(text, "It")


def test_secrets_do_not_show(small: bytes, caplog: pytest.LogCaptureFixture) -> None:
    key, words = generate_key(), Passphrase("open sesame")
    secret = key.to_text().split()[3]
    shown = [repr(key), str(key), repr(words), repr(Keyring([key, words]))]
    for thing in (key, words):
        with pytest.raises(TypeError):
            pickle.dumps(thing)
    data = sealed(small, key.public)
    with caplog.at_level(logging.DEBUG):
        file = pgic_core.open_file(data, keys=key)
        file.decode()
        shown += [repr(file.reader.sealed), repr(vars(file)), caplog.text]
        try:
            pgic_core.decode(data, keys=[generate_key(), words])
        except PgiKeyError:
            shown.append(traceback.format_exc())
    for text in shown:
        assert secret not in text
        assert base64.b64decode(secret).hex() not in text
        assert repr(base64.b64decode(secret))[2:-1] not in text
        assert "sesame" not in text


def test_keys_are_found_where_they_are_named(
    small: bytes, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sealed(small, keys.full.public)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(KEYS_VARIABLE, raising=False)
    write_key_pair(keys.full, tmp_path, "anna")
    with pytest.raises(PgiKeyError):  # never in the working folder
        pgic_core.decode(data)
    assert pgic_core.decode(data, keys="anna.key").shape
    assert pgic_core.decode(data, keys=[tmp_path / "anna.key"]).shape
    write_key_pair(keys.preview, tmp_path, "ben")
    monkeypatch.setenv(KEYS_VARIABLE, os.pathsep.join(["ben.key", "anna.key"]))
    assert pgic_core.decode(data).shape
    monkeypatch.setenv(KEYS_VARIABLE, "carla.key")
    with pytest.raises(PgiInputError, match="carla"):
        pgic_core.decode(data)
    assert pgic_core.decode(small).shape  # a plain file needs none of it


def test_a_plugin_gives_keys(small: bytes, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    from pgic_core import hooks

    monkeypatch.delenv(KEYS_VARIABLE, raising=False)
    answers = {keys.full.key_id.hex(): keys.full.to_text().encode()}
    asked: list[tuple[str, str]] = []

    def find_key(purpose: str, key_id: str) -> bytes | None:
        asked.append((purpose, key_id))
        return answers.get(key_id)

    monkeypatch.setattr(hooks, "find_key", find_key)
    data = sealed(small, keys.full.public)
    assert pgic_core.decode(data).shape
    assert asked == [("decrypt", keys.full.key_id.hex())]
    asked.clear()
    assert pgic_core.decode(data, keys=keys.full).shape
    assert asked == []  # what was named is tried first
    answers[keys.full.key_id.hex()] = b"\xff\x00"
    with pytest.raises(PgiInputError, match="not the text of a key file"):
        pgic_core.decode(data)


def test_what_is_no_key(small: bytes, keys: Keys) -> None:
    with pytest.raises(PgiOptionError, match="encrypts only"):
        pgic_core.decode(small, keys=keys.full.public)  # type: ignore[arg-type]
    with pytest.raises(PgiOptionError, match="passphrase is empty"):
        pgic_core.Passphrase("")
    with pytest.raises(PgiOptionError, match="A key is"):
        pgic_core.decode(small, keys=[7])  # type: ignore[list-item]
    with pytest.raises(PgiOptionError, match="not the secret one"):
        sealed(small, keys.full)
    with pytest.raises(PgiOptionError, match="A recipient is"):
        sealed(small, 7)
    with pytest.raises(PgiOptionError, match="kind of key"):
        generate_key("rsa")
    with pytest.raises(PgiOptionError, match="not a valid point"):
        sealed(small, PublicKey("x25519", bytes(32)))
    with pytest.raises(PgiOptionError):
        SecretKey("x25519", bytes(31))
    for kind in SCHEMES:
        with pytest.raises(PgiOptionError):
            SecretKey(kind, b"")


def test_without_the_extra_one_sentence_names_it(small: bytes, keys: Keys, tmp_path: Path) -> None:
    """Opening a plain file needs no cryptography; an encrypted one can be described and verified."""
    (tmp_path / "a.pgi").write_bytes(sealed(small, keys.full.public))
    (tmp_path / "b.pgi").write_bytes(small)
    write_key_pair(keys.full, tmp_path, "anna")
    code = """
import sys
sys.modules["cryptography"] = None
sys.modules["gmalg"] = None
import pgic_core
pgic_core.decode("b.pgi")
pgic_core.verify("a.pgi")
print(pgic_core.inspect("a.pgi").security.key_id)
for call in (
    lambda: pgic_core.decode("a.pgi"),
    lambda: pgic_core.decode("a.pgi", keys="anna.key"),
    lambda: pgic_core.generate_key(),
    lambda: pgic_core.encrypt("b.pgi", "c.pgi", "anna.pub"),
    lambda: pgic_core.encrypt("b.pgi", "c.pgi", pgic_core.Passphrase("words")),
):
    try:
        call()
    except pgic_core.PgiUnsupportedError as error:
        assert "pip install 'pgic[security]'" in str(error), error
    else:
        raise AssertionError
assert not {"cryptography.hazmat", "gmalg.sm2"} & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) == 16
