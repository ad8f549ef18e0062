"""Sequences that are plain up to a frame and encrypted from there on, and what opening frames costs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
import pytest
from cryptography.hazmat.primitives.kdf import argon2

import pgic_core
from pgic_core import SequenceWriter, generate_key, open_file
from pgic_core.errors import PgiOptionError, PgiWarning
from pgic_core.security.recipients import Recipient
from pgic_core.security.tier_keys import Tier

from ..sequences.scenes import frame

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pgic_core import SecretKey

    from .conftest import Keys

FRAMES = 2


def picture(number: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(frame(number)[:128, :192])


def shown(path: Path, key: SecretKey | None = None) -> NDArray[np.uint8]:
    """Pixels of all frames."""
    with open_file(path, keys=key) as file:
        return np.stack([each.decode() for each in file.frames()])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A key frame and a change of it, plain."""
    target = tmp_path / "site.pgi"
    with SequenceWriter(target, effort=1, sync=False) as writer:
        assert [writer.append(picture(number)).key for number in range(FRAMES)] == [True, False]
    return target


@pytest.fixture
def half(path: Path, keys: Keys) -> Path:
    """Plain frames, and one that was appended for somebody."""
    assert not pgic_core.append(path, picture(FRAMES), effort=1, recipients=[keys.full.public]).key
    return path


def encrypted_frames(path: Path) -> list[bool]:
    with open_file(path) as file:
        return [each.encrypted for each in file.frames()]


def test_what_is_encrypted_from_a_frame_on_can_be_edited(half: Path, keys: Keys, tmp_path: Path) -> None:
    """Each edit passes over the frames that it need not change, and says so where that matters."""
    assert encrypted_frames(half) == [False] * FRAMES + [True]
    wanted = shown(half, keys.full)
    other, target = generate_key(), tmp_path / "target.pgi"
    pgic_core.decrypt(half, target, keys=keys.full)
    assert encrypted_frames(target) == [False] * (FRAMES + 1)
    np.testing.assert_array_equal(shown(target), wanted)
    with pytest.warns(PgiWarning, match="Frames 0 to 1: not encrypted"):
        pgic_core.add_recipients(half, [other.public], keys=keys.full)
    np.testing.assert_array_equal(shown(half, other), wanted)
    with pytest.warns(PgiWarning, match="Frames 0 to 1: not encrypted"):
        pgic_core.rekey(half, target, [other.public], keys=keys.full)
    assert encrypted_frames(target) == [False] * FRAMES + [True]
    np.testing.assert_array_equal(shown(target, other), wanted)
    with pytest.warns(PgiWarning, match="Frame 2: encrypted before"):
        pgic_core.encrypt(half, target, [keys.full.public])
    assert encrypted_frames(target) == [True] * (FRAMES + 1)
    np.testing.assert_array_equal(shown(target, keys.full), wanted)


def test_nothing_to_do_is_said(path: Path, keys: Keys, tmp_path: Path) -> None:
    before, target = path.read_bytes(), tmp_path / "target.pgi"
    with pytest.raises(PgiOptionError, match="not encrypted"):
        pgic_core.decrypt(path, target, keys=keys.full)
    with pytest.raises(PgiOptionError, match="not encrypted"):
        pgic_core.rekey(path, target, [keys.full.public], keys=keys.full)
    with pytest.raises(PgiOptionError, match="not encrypted"):
        pgic_core.add_recipients(path, [keys.full.public], keys=keys.full)
    assert path.read_bytes() == before
    pgic_core.encrypt(path, path, [keys.full.public])
    with pytest.raises(PgiOptionError, match="encrypted already"):
        pgic_core.encrypt(path, target, [keys.full.public])
    assert not target.exists()


def test_who_joins_gets_what_change_frames_have(path: Path, keys: Keys) -> None:
    pgic_core.encrypt(path, path, [keys.full.public])
    other = generate_key()
    with pytest.raises(PgiOptionError, match="Frame 1: A change frame has the tiers metadata and full"):
        pgic_core.add_recipients(path, [(other.public, "preview")], keys=keys.full)
    pgic_core.add_recipients(path, [Recipient(other.public, Tier.PREVIEW, fitting=True)], keys=keys.full)
    with open_file(path, keys=other) as file:
        assert [each.tier for each in file.frames()] == ["preview"] + ["metadata"] * (FRAMES - 1)


def test_a_passphrase_is_tried_once_on_each_frame(path: Path, tmp_path: Path) -> None:
    """Each trial is slow by design, and a change frame is opened with all those before it."""
    words, target = pgic_core.Passphrase("correct horse"), tmp_path / "words.pgi"
    pgic_core.encrypt(path, target, [words])
    reader = pgic_core.Passphrase("correct horse")
    with (
        mock.patch.object(argon2, "Argon2id", wraps=argon2.Argon2id) as tried,
        open_file(target, keys=reader) as file,
    ):
        file.frame(1).decode()
        file.frame(1).info()
        file.frame(0).decode()
    assert tried.call_count == 2
