"""Parity of whole files: encoding with it, reading damaged files, repair, and second copies."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner
from PIL import Image

import pgic_core
from pgic_core.cli import app

if TYPE_CHECKING:
    from pathlib import Path

PICTURE = skimage.data.astronaut()[:200, :240]
PLAIN = pgic_core.encode(PICTURE, quality=90, codec="learned")
PROTECTED = pgic_core.encode(PICTURE, quality=90, codec="learned", protect=0.05)


def damaged(data: bytes, low: int, length: int | None = None) -> bytes:
    length = len(data) * 4 // 100 if length is None else length
    return data[:low] + bytes(byte ^ 0x5A for byte in data[low : low + length]) + data[low + length :]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "photo.pgi"
    made.write_bytes(PROTECTED)
    return made


def test_protection_changes_nothing_else(path: Path) -> None:
    pgic_core.verify(path)
    pgic_core.protect(path, None)
    assert path.read_bytes() == PLAIN
    pgic_core.protect(path)
    assert path.read_bytes() == PROTECTED


def test_parity_counts_for_the_size_that_was_asked_for() -> None:
    for most in (7_000, 20_000, 90_000):
        data = pgic_core.encode(PICTURE, max_bytes=most, protect=0.1)
        assert len(data) <= most
        assert any(block.name == "parity block" for block in pgic_core.inspect(data).blocks)


@pytest.mark.parametrize("low", [0, 300, len(PROTECTED) - len(PROTECTED) // 25])
def test_a_damaged_file_opens_as_if_it_were_sound(path: Path, low: int) -> None:
    path.write_bytes(damaged(PROTECTED, low))
    expected = pgic_core.decode(PLAIN)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert np.array_equal(pgic_core.decode(path), expected)
    assert len(caught) == (low < len(PLAIN))
    assert all(str(path) in str(each.message) for each in caught)


def test_pillow_opens_a_damaged_file(path: Path) -> None:
    path.write_bytes(damaged(PROTECTED, 400))
    with pytest.warns(pgic_core.PgiWarning, match="pgic repair"), Image.open(path) as image:
        assert np.array_equal(np.asarray(image), pgic_core.decode(PLAIN))


def test_editing_renews_the_parity_also_of_a_damaged_file(path: Path) -> None:
    path.write_bytes(damaged(PROTECTED, 0))
    with pytest.warns(pgic_core.PgiWarning):
        pgic_core.set_metadata(path, metadata={"device_id": "UAV-7"})
    pgic_core.verify(path)
    edited = path.read_bytes()
    path.write_bytes(damaged(edited, 0, 90))
    assert pgic_core.repair(path).changed
    assert path.read_bytes() == edited


def test_repair_restores_every_byte_and_leaves_sound_files_alone(path: Path) -> None:
    path.write_bytes(damaged(PROTECTED, 500))
    with pytest.raises(pgic_core.PgiChecksumError, match="pgic repair"):
        pgic_core.verify(path)
    found = pgic_core.repair(path)
    assert found.changed
    assert found.sectors > 1
    assert path.read_bytes() == PROTECTED
    before = os.stat(path).st_mtime_ns
    assert pgic_core.repair(path) == pgic_core.Repair(False, 0)
    assert os.stat(path).st_mtime_ns == before


def test_a_file_beyond_repair_stays_as_it_is(path: Path) -> None:
    bad = damaged(PROTECTED, 500, len(PROTECTED) // 4)
    path.write_bytes(bad)
    with pytest.raises(pgic_core.PgiFormatError, match="Too much"):
        pgic_core.repair(path)
    assert path.read_bytes() == bad
    path.write_bytes(damaged(PLAIN, len(PLAIN) // 2, 3))
    with pytest.raises(pgic_core.PgiFormatError, match="no parity block"):
        pgic_core.repair(path)
    path.write_bytes(PLAIN)
    assert not pgic_core.repair(path).changed


# Second copies


def test_a_copy_is_made_kept_and_healed(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.pgi"
    assert pgic_core.replicate(path, copy) == "copied"
    assert pgic_core.replicate(path, copy) == "same"
    copy.write_bytes(damaged(PROTECTED, 500, 5_000))
    assert pgic_core.replicate(path, copy) == "healed copy"
    path.write_bytes(damaged(PROTECTED, 0, 5_000))
    assert pgic_core.replicate(path, copy) == "healed source"
    path.unlink()
    assert pgic_core.replicate(path, copy) == "healed source"
    assert path.read_bytes() == copy.read_bytes() == PROTECTED


@pytest.mark.parametrize("data", [PROTECTED, PLAIN])
def test_two_damaged_copies_heal_each_other(path: Path, tmp_path: Path, data: bytes) -> None:
    """Where neither has enough parity alone, or none at all."""
    copy = tmp_path / "copy.pgi"
    extra = pgic_core.encode(PICTURE, quality=90, codec="learned", metadata={"device_id": "UAV-7"})
    if data == PLAIN:
        data = extra
        path.write_bytes(damaged(data, 150, 2))  # in the metadata block
    else:
        path.write_bytes(damaged(data, 500, len(data) // 10))
    copy.write_bytes(damaged(data, len(data) // 2, len(data) // 10))
    assert pgic_core.replicate(path, copy) == "healed both"
    assert path.read_bytes() == copy.read_bytes() == data


def test_two_lost_files_are_said(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.pgi"
    for each in (path, copy):
        each.write_bytes(damaged(PLAIN, 500, 2_000))
    with pytest.raises(pgic_core.PgiFormatError, match="Both files"):
        pgic_core.replicate(path, copy)


def test_a_newer_copy_is_not_overwritten_unasked(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.pgi"
    pgic_core.replicate(path, copy)
    pgic_core.set_metadata(path, metadata={"device_id": "new"})
    os.utime(copy, (1, 1))
    assert pgic_core.replicate(path, copy) == "updated"
    pgic_core.set_metadata(copy, metadata={"device_id": "newer"})
    os.utime(path, (1, 1))
    with pytest.raises(pgic_core.PgiInputError, match="changed after"):
        pgic_core.replicate(path, copy)
    assert pgic_core.replicate(path, copy, force=True) == "updated"


def test_a_file_is_no_copy_of_itself(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.pgi"
    link.symlink_to(path)
    with pytest.raises(pgic_core.PgiInputError, match="itself"):
        pgic_core.replicate(path, link)
    with pytest.raises(pgic_core.PgiInputError):
        pgic_core.replicate(tmp_path / "none.pgi", tmp_path / "neither.pgi")


# Commands


def run(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stderr


def test_commands(path: Path, tmp_path: Path) -> None:
    photo, coded = tmp_path / "a.png", tmp_path / "a.pgi"
    Image.fromarray(PICTURE).save(photo)
    run("encode", photo, coded, "--protect", "10%")
    whole = coded.read_bytes()
    run("protect", coded, "--remove")
    run("protect", coded, "--share", "10%")
    assert coded.read_bytes() == whole
    coded.write_bytes(damaged(whole, 100))
    assert "repaired" in run("repair", coded)
    assert "sound" in run("repair", coded)
    assert coded.read_bytes() == whole
    run("replicate", tmp_path, tmp_path / "second")
    (tmp_path / "a.pgi").unlink()
    run("replicate", tmp_path / "second", tmp_path)
    assert (tmp_path / "a.pgi").read_bytes() == (tmp_path / "second" / "a.pgi").read_bytes() == whole


def test_a_folder_without_files_to_replicate_is_wrong_usage(path: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(b"")
    failed = CliRunner().invoke(app, ["replicate", str(photos), str(tmp_path / "second")])
    assert failed.exit_code == 2
    assert "no .pgi files" in failed.stderr
    (photos / "a.pgi").write_bytes(path.read_bytes())
    assert "1 file of other kinds" in run("replicate", photos, tmp_path / "second")


def test_the_share_is_said_as_it_was_asked_for(path: Path) -> None:
    assert "5% of the file as parity" in run("protect", path)


@pytest.mark.parametrize("share", ["0", "101%", "nan", "five"])
def test_a_wrong_share_is_wrong_usage(path: Path, share: str) -> None:
    assert CliRunner().invoke(app, ["protect", str(path), "--share", share]).exit_code == 2
