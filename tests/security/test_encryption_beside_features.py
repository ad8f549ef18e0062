"""Encrypted files beside what else files can have: parity, reduced sizes, and a log of who used which key."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data
from PIL import Image

import pgic_core
from pgic_core import PgiKeyError, PgiWarning, inspect, open_file
from pgic_core.audit.chain_check import read_lines, verify
from pgic_core.options import DecodeOptions

from .conftest import sealed

if TYPE_CHECKING:
    from pathlib import Path

    from pgic_core.audit.log_line import Line

    from .conftest import Keys

PICTURE = np.tile(skimage.data.astronaut(), (1, 2, 1))[:300]


@pytest.fixture
def path(tmp_path: Path, keys: Keys) -> Path:
    """An encrypted file with parity."""
    path = tmp_path / "a.pgi"
    path.write_bytes(
        pgic_core.encode(
            PICTURE,
            quality=60,
            metadata={"device_id": "UAV-7"},
            recipients=[keys.full.public, (keys.preview.public, "preview")],
            protect=0.1,
        )
    )
    return path


def parity_of(path: Path) -> list[str]:
    """Names of the blocks that are there beside those of every file."""
    pgic_core.verify(path)  # that parity belongs to this state of the file
    return [block.name for block in inspect(path).blocks]


def damage(path: Path) -> bytes:
    """Spoil a run of the picture, and give back the sound bytes."""
    whole = path.read_bytes()
    image = next(block for block in inspect(path).blocks if block.name == "image data block")
    spoilt = bytearray(whole)
    middle = image.offset + image.length // 2
    spoilt[middle : middle + 200] = bytes(200)
    path.write_bytes(spoilt)
    return whole


def test_encoding_for_recipients_with_parity(path: Path, keys: Keys) -> None:
    assert "parity block" in parity_of(path)
    plain = pgic_core.decode(pgic_core.encode(PICTURE, quality=60))
    assert (pgic_core.decode(path, keys=keys.full) == plain).all()


@pytest.mark.parametrize("budget", [30_000, 60_000])
def test_encryption_and_parity_count_for_the_size(budget: int, keys: Keys) -> None:
    data = pgic_core.encode(PICTURE, max_bytes=budget, protect=0.1, recipients=keys.full.public)
    assert 0.6 * budget < len(data) <= budget


def test_an_encrypted_file_is_repaired_without_a_key(path: Path) -> None:
    whole = damage(path)
    assert pgic_core.repair(path).changed
    assert path.read_bytes() == whole


def test_a_damaged_encrypted_file_is_restored_as_it_is_read(path: Path, keys: Keys) -> None:
    expected = pgic_core.decode(path, keys=keys.full)
    damage(path)
    with pytest.warns(PgiWarning, match="restored as it is read"):
        assert (pgic_core.decode(path, keys=keys.full) == expected).all()


def test_every_change_renews_the_parity(path: Path, keys: Keys, tmp_path: Path) -> None:
    share = parity_share(path)
    pgic_core.add_recipients(path, (keys.metadata.public, "metadata"), keys=keys.full)
    assert parity_share(path) == share
    pgic_core.set_metadata(path, metadata={"device_id": "UAV-8"}, keys=keys.full)
    assert parity_share(path) == share
    pgic_core.rekey(path, path, keys.regions.public, keys=keys.full)
    assert parity_share(path) == share
    plain = tmp_path / "plain.pgi"
    pgic_core.decrypt(path, plain, keys=keys.regions)
    assert parity_share(plain) == share
    pgic_core.encrypt(plain, path, keys.full.public)
    assert parity_share(path) == share
    whole = damage(path)
    pgic_core.repair(path)
    assert path.read_bytes() == whole


def parity_share(path: Path) -> int | None:
    pgic_core.verify(path)
    with open_file(path) as file:
        return file.reader.parity_share


def test_changing_a_damaged_file_mends_it(path: Path, keys: Keys) -> None:
    expected = pgic_core.decode(path, keys=keys.full)
    damage(path)
    with pytest.warns(PgiWarning):
        pgic_core.rekey(path, path, keys.regions.public, keys=keys.full)
    pgic_core.verify(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (pgic_core.decode(path, keys=keys.regions) == expected).all()


def test_parity_of_the_plain_file_does_not_stay_in_the_encrypted_one(tmp_path: Path, keys: Keys) -> None:
    plain, locked = tmp_path / "plain.pgi", tmp_path / "locked.pgi"
    pgic_core.encode_to(plain, PICTURE, quality=60, protect=1.0)
    pgic_core.encrypt(plain, locked, keys.full.public)
    secret, shown = plain.read_bytes(), locked.read_bytes()
    image = next(block for block in inspect(plain).blocks if block.name == "image data block")
    runs = {secret[at : at + 12] for at in range(image.offset + 7, len(secret) - 12)}
    # Heads of packets are alike in both, and zeros.
    heads = (b"PGI\r", b"\nP\n", bytes(3))
    assert [run for run in runs if run in shown and not any(part in run for part in heads)] == []


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_reduced_sizes(scale: int, learned: bytes, sealed_learned: bytes, keys: Keys) -> None:
    whole = pgic_core.decode(learned, scale=scale)
    assert (pgic_core.decode(sealed_learned, scale=scale, keys=keys.full) == whole).all()
    part = pgic_core.decode(sealed_learned, scale=scale, window=(0, 0, 128, 128), keys=keys.regions)
    assert np.abs(part.astype(int) - whole[: 128 // scale, : 128 // scale]).max() <= 1
    with pytest.raises(PgiKeyError):
        pgic_core.decode(sealed_learned, scale=scale, keys=keys.preview)


@pytest.mark.parametrize("scale", [2, 8])
def test_reduced_sizes_of_lossless_pictures(scale: int, lossless: bytes, keys: Keys) -> None:
    data = sealed(lossless, keys.full.public, (keys.preview.public, "preview"))
    assert (
        pgic_core.decode(data, scale=scale, keys=keys.full) == pgic_core.decode(lossless, scale=scale)
    ).all()
    with pytest.raises(PgiKeyError):
        pgic_core.decode(data, scale=scale, keys=keys.preview)


def test_pillow_drafts_what_the_keys_open(
    sealed_learned: bytes, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pgic_plugins.pillow import register_pgi_opener

    path = tmp_path / "a.pgi"
    path.write_bytes(sealed_learned)
    for key, size in ((keys.full, (275, 175)), (keys.preview, (138, 88))):
        register_pgi_opener(keys=key)
        with Image.open(path) as image:
            image.draft(None, (275, 175))
            image.load()
            assert image.size == size
    register_pgi_opener()


def lines(log: Path) -> list[Line]:
    assert verify(str(log)).faults == []
    return list(read_lines(str(log)))[1:]


def test_keys_that_are_used_or_missing_are_logged(
    path: Path, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "audit.log"
    monkeypatch.setenv("PGIC_AUDIT", str(log))
    pgic_core.decode(path, keys=keys.full)
    with pytest.raises(PgiKeyError):
        pgic_core.decode(path, keys=keys.preview)
    with pytest.raises(PgiKeyError):
        pgic_core.decode(path)
    with pytest.raises(PgiKeyError):
        pgic_core.rekey(path, path, keys.full.public, keys=keys.preview)
    pgic_core.add_recipients(path, (keys.metadata.public, "metadata"), keys=keys.full)
    found = lines(log)
    assert [(line.event, line.text("what")) for line in found] == [
        *(("key", ""), ("open", ""), ("decode", "")),
        *(("key", ""), ("open", ""), ("deny", "decode")),
        *(("open", ""), ("deny", "decode")),
        *(("key", ""), ("deny", "rekey")),
        *(("key", ""), ("edit", "recipients")),
    ]
    used = [(line.text("key_id"), line.text("tier")) for line in found if line.event == "key"]
    full, preview = keys.full.key_id.hex(), keys.preview.key_id.hex()
    assert used == [(full, "full"), (preview, "preview"), (preview, "preview"), (full, "full")]
    assert {line.text("file") for line in found} == {str(path)}


@pytest.mark.parametrize("given", ["none", "metadata", "preview"])
@pytest.mark.parametrize("way", ["strips", "adaptive", "windows", "latent", "symbols"])
def test_every_way_to_pixels_is_denied_and_logged(
    sealed_learned: bytes, keys: Keys, given: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "audit.log"
    monkeypatch.setenv("PGIC_AUDIT", str(log))
    with open_file(sealed_learned, keys=getattr(keys, given, None)) as file:
        ways = {
            "strips": lambda: next(file.strips()),
            "adaptive": lambda: file.decode(level="adaptive"),
            "windows": lambda: file.decode_windows([(0, 0, 8, 8)]),
            "latent": file.latent,
            "symbols": lambda: file.symbols_with(DecodeOptions()),
        }
        with pytest.raises(PgiKeyError):
            ways[way]()
    last = lines(log)[-1]
    assert (last.event, last.text("what"), last.text("error")) == ("deny", "decode", "PgiKeyError")


def test_nothing_is_shown_where_a_key_cannot_be_logged(
    path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGIC_AUDIT", "/dev/full/none")
    with pytest.raises(pgic_core.PgiInputError):
        open_file(path, keys=keys.full)


def test_what_is_read_beside_pixels_is_denied_and_logged(
    sealed_learned: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line for each attempt, also where a program asks for the channels before it decodes."""
    log = tmp_path / "audit.log"
    monkeypatch.setenv("PGIC_AUDIT", str(log))
    with open_file(sealed_learned) as file:
        for name in ("channels", "channels", "metadata", "exif", "roi"):
            with pytest.raises(PgiKeyError):
                getattr(file, name)
        with pytest.raises(PgiKeyError):
            file.decode()
        file.info()  # says what shows without a key
    denied = [line.text("what") for line in lines(log) if line.event == "deny"]
    assert denied == ["picture", "picture", "metadata", "extension", "picture", "decode"]
