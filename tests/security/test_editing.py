"""Files that change: no key and nonce is used twice, and what does not change stays byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import skimage.data

import pgic_core
from pgic_core import (
    Limits,
    Passphrase,
    PgiKeyError,
    PgiOptionError,
    PgiUnsupportedError,
    generate_key,
    open_file,
)
from pgic_core.container import BlockType, PgiReader, file_header
from pgic_core.errors import PgiInputError
from pgic_core.security.cipher_suites import Suite
from pgic_core.security.envelope_opening import find_envelope
from pgic_core.security.reader_unlocking import open_reader, opened_content

from ..container.forge import Block, forge, image_block
from .conftest import Keys, sealed
from .people import make_person

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path, small: bytes, keys: Keys) -> Path:
    path = tmp_path / "a.pgi"
    path.write_bytes(
        sealed(small, keys.full.public, (keys.preview.public, "preview"), (keys.metadata.public, "metadata"))
    )
    return path


@pytest.fixture
def sealings(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[bytes, int], tuple[bytes, bytes]]:
    """Every key and index that a message was sealed with; using one for two messages fails the test."""
    seen: dict[tuple[bytes, int], tuple[bytes, bytes]] = {}
    plain = Suite.seal

    def seal(self: Suite, key: bytes, index: int, data: bytes, associated: bytes) -> bytes:
        # The same message is sealed twice: for the digests of the directory, and to be written.
        assert seen.setdefault((key, index), (data, associated)) == (data, associated)
        return plain(self, key, index, data, associated)

    monkeypatch.setattr(Suite, "seal", seal)
    return seen


def blocks(path: Path) -> dict[int, bytes]:
    with PgiReader(path) as reader:
        return {block.type: reader.read_block(block) for block in reader.blocks}


def tier_of(path: Path, key: object) -> str | None:
    with open_file(path, keys=key) as file:  # type: ignore[arg-type]
        return file.tier


def salts(path: Path) -> set[bytes]:
    with PgiReader(path) as reader:
        envelope = find_envelope(reader)
        assert envelope is not None
        return {seal.salt for seal in envelope.seals}


@pytest.mark.attack("nonce reuse by editing")
def test_edits_never_use_a_nonce_twice(
    path: Path, keys: Keys, sealings: dict[tuple[bytes, int], tuple[bytes, bytes]]
) -> None:
    seen: set[bytes] = set()
    for round in range(20):
        # Also to what it was before: the same plain bytes under another key.
        pgic_core.set_metadata(path, metadata={"device_id": f"D{round % 2}"}, keys=keys.full)
        fresh = salts(path) - seen
        assert len(fresh) == (5 if round == 0 else 4)  # that of the picture stays
        seen |= fresh
        assert pgic_core.inspect(path, keys=keys.metadata).metadata.device_id == f"D{round % 2}"
    assert len(sealings) == 20 * 4
    pgic_core.verify(path, keys=keys.full)


def _signer(folder: Path) -> pgic_core.SigningKey:
    if not (folder / "drone").exists():
        make_person(folder / "drone", "UAV-7")
    return pgic_core.SigningKey(folder / "drone" / "key.pem")


def _again(path: Path, keys: Keys) -> None:
    """Decrypted, and encrypted for the same people."""
    pgic_core.decrypt(path, path, keys=keys.full)
    pgic_core.encrypt(path, path, keys.full.public)


# What an editor can do to an encrypted file whose picture it does not code again.
EDITS: dict[str, Callable[[Path, Keys], object]] = {
    "metadata": lambda path, keys: pgic_core.set_metadata(path, metadata={"device_id": "D9"}, keys=keys.full),
    "field": lambda path, keys: pgic_core.set_metadata(path, extension={"acme.line": "L-9"}, keys=keys.full),
    "strip": lambda path, keys: pgic_core.strip_metadata(path, location=True, keys=keys.full),
    "annotate": lambda path, keys: pgic_core.set_metadata(
        path, annotations=[{"label": "rust", "box": [1, 1, 9, 9]}], keys=keys.full
    ),
    "add": lambda path, keys: pgic_core.add_recipients(path, generate_key().public, keys=keys.full),
    "rekey": lambda path, keys: pgic_core.rekey(path, path, keys.full.public, keys=keys.full),
    "sign": lambda path, keys: pgic_core.sign(path, _signer(path.parent), keys=keys.full),
    "protect": lambda path, keys: pgic_core.protect(path, 0.05),
    "again": _again,
}


@pytest.mark.attack("nonce reuse by editing")
@pytest.mark.parametrize("second", EDITS)
@pytest.mark.parametrize("first", ["metadata", "rekey", "sign"])
@pytest.mark.filterwarnings("ignore::pgic_core.errors.PgiWarning")
def test_no_sequence_of_edits_repeats_a_nonce(
    first: str, second: str, path: Path, keys: Keys, sealings: dict[tuple[bytes, int], tuple[bytes, bytes]]
) -> None:
    """There and back, twice from one state: who has all states sees no key and nonce with two messages."""
    before = path.read_bytes()
    for _ in range(2):
        path.write_bytes(before)
        for edit in (first, second, first):
            EDITS[edit](path, keys)
    assert sealings
    pgic_core.verify(path, keys=keys.full)


@pytest.mark.attack("nonce reuse by editing")
def test_a_writer_that_is_killed_and_starts_again_draws_new_salts(
    path: Path, keys: Keys, sealings: dict[tuple[bytes, int], tuple[bytes, bytes]]
) -> None:
    from pgic_core.security.reader_unlocking import rewritten

    before = path.read_bytes()
    for attempt in range(2):
        with open_reader(path, Limits(), keys.full) as reader:
            pieces = rewritten(reader, reader.metadata, {"acme.line": f"L{attempt}"})
            next(iter(pieces))  # the header is out, and then the process dies
    assert path.read_bytes() == before
    assert len({key for key, _ in sealings}) == len(sealings)


def test_an_edit_copies_the_picture(path: Path, keys: Keys, small: bytes) -> None:
    before = blocks(path)
    pgic_core.set_metadata(path, metadata={"anomaly": True}, keys=keys.full)
    after = blocks(path)
    assert after[BlockType.IMAGE] == before[BlockType.IMAGE]
    with open_file(path, keys=keys.full) as file, open_file(small) as plain:
        assert file.metadata.anomaly
        assert file.exif == plain.exif
        assert file.extension == plain.extension
        assert (file.decode() == plain.decode()).all()


def test_who_does_not_see_all_fields_cannot_change_them(path: Path, keys: Keys) -> None:
    before = path.read_bytes()
    for key in (keys.preview, keys.metadata):
        with pytest.raises(PgiKeyError, match="full"):
            pgic_core.set_metadata(path, metadata={"device_id": "D2"}, keys=key)
    with pytest.raises(PgiKeyError, match=keys.full.key_id.hex()):
        pgic_core.set_metadata(path, metadata={"device_id": "D2"})
    assert path.read_bytes() == before


def test_the_metadata_tier_is_enough_where_nothing_is_hidden_from_it(tmp_path: Path, keys: Keys) -> None:
    plain = pgic_core.encode(skimage.data.astronaut()[:64, :64], codec="learned", metadata={"device_id": "A"})
    path = tmp_path / "b.pgi"
    path.write_bytes(sealed(plain, keys.full.public, (keys.metadata.public, "metadata")))
    pgic_core.set_metadata(path, metadata={"device_id": "B"}, keys=keys.metadata)
    assert pgic_core.inspect(path, keys=keys.full).metadata.device_id == "B"
    with pytest.raises(PgiKeyError):
        pgic_core.set_metadata(path, segments=b"\xff\xe3\x00\x04ab", keys=keys.metadata)


def test_all_metadata_can_be_removed_and_come_back(path: Path, keys: Keys) -> None:
    pgic_core.strip_metadata(path, everything=True, keys=keys.full)
    pgic_core.set_metadata(path, extension={"acme.line": None, "acme.raw": None}, keys=keys.full)
    assert BlockType.METADATA not in blocks(path)
    with open_file(path, keys=keys.full) as file:
        assert not file.metadata.known
        assert file.reader.extension == {}
        file.verify()
    pgic_core.annotate(path, [{"label": "rust", "box": [0, 0, 5, 5]}], keys=keys.full)
    assert [each.label for each in pgic_core.inspect(path, keys=keys.metadata).annotations] == ["rust"]


def test_adding_a_recipient_changes_the_security_block_only(path: Path, keys: Keys) -> None:
    before, new = blocks(path), generate_key("mlkem768-x25519")
    pgic_core.add_recipients(path, new.public, keys=keys.preview, tier="preview")
    after = blocks(path)
    assert {kind for kind in before if before[kind] != after[kind]} == {BlockType.SECURITY}
    assert tier_of(path, new) == "preview"
    assert tier_of(path, keys.metadata) == "metadata"
    for recipient, tier, error in (
        (new.public, "preview", "already"),
        (generate_key().public, "full", "cannot give away full"),
        (generate_key("sm2").public, "preview", "SM2"),
        (generate_key().public, "regions", "regions of interest"),
    ):
        opener = keys.preview if tier != "regions" else keys.full
        with pytest.raises(PgiOptionError, match=error):
            pgic_core.add_recipients(path, recipient, keys=opener, tier=tier)


def test_rekeying_shuts_former_recipients_out(path: Path, keys: Keys, small: bytes, tmp_path: Path) -> None:
    new = generate_key()
    pgic_core.rekey(path, tmp_path / "b.pgi", new.public, keys=keys.full)
    for key in (keys.full, keys.preview, keys.metadata):
        with pytest.raises(PgiKeyError):
            pgic_core.decode(tmp_path / "b.pgi", keys=key)
    pgic_core.decrypt(tmp_path / "b.pgi", tmp_path / "c.pgi", keys=new)
    assert (tmp_path / "c.pgi").read_bytes() == small
    first, second = ({*salts(each)} for each in (path, tmp_path / "b.pgi"))
    assert not first & second
    with pytest.raises(PgiKeyError, match="full"):
        pgic_core.rekey(path, tmp_path / "d.pgi", new.public, keys=keys.preview)


def test_a_file_can_take_its_own_place(path: Path, keys: Keys, small: bytes) -> None:
    new = generate_key()
    pgic_core.rekey(path, path, new.public, keys=keys.full)
    pgic_core.decrypt(path, path, keys=new)
    assert path.read_bytes() == small
    pgic_core.encrypt(path, path, new.public)
    assert tier_of(path, new) == "full"


def test_what_cannot_be_encrypted(path: Path, small: bytes, keys: Keys, tmp_path: Path) -> None:
    target = tmp_path / "x.pgi"
    with pytest.raises(PgiOptionError, match="already"):
        pgic_core.encrypt(path, target, keys.full.public)
    with pytest.raises(PgiOptionError, match="not encrypted"):
        pgic_core.decrypt(small, target, keys=keys.full)
    with pytest.raises(PgiOptionError, match="for whom"):
        pgic_core.encrypt(small, target, [])
    with pytest.raises(PgiOptionError, match="twice"):
        pgic_core.encrypt(small, target, [keys.full.public, (keys.full.public, "preview")])
    with pytest.raises(PgiOptionError, match="tier must be"):
        pgic_core.encrypt(small, target, keys.full.public, tier="all")
    with pytest.raises(PgiOptionError, match="SM2"):
        pgic_core.encrypt(small, target, [generate_key("sm2").public, Passphrase("words")])
    stranger = forge([image_block(), Block(0x8100, b"secret of a vendor")])
    with pytest.raises(PgiUnsupportedError, match="0x8100 is unknown here and would stay readable"):
        pgic_core.encrypt(stranger, target, keys.full.public)
    damaged = small[:-1] + bytes([small[-1] ^ 1])
    with pytest.raises(pgic_core.PgiChecksumError):
        pgic_core.encrypt(damaged, target, keys.full.public)
    assert not target.exists()


def test_a_source_that_changes_meanwhile(small: bytes, keys: Keys, tmp_path: Path) -> None:
    from pgic_core.security.encrypted_file_writing import encrypted
    from pgic_core.security.recipients import recipients_of

    source = tmp_path / "s.pgi"
    source.write_bytes(small)
    with PgiReader(source) as reader:
        pieces = encrypted(reader, recipients_of(keys.full.public))
        source.write_bytes(small[:-9] + b"tampering")
        with pytest.raises(PgiInputError, match="changed while"):
            b"".join(pieces)


def test_nothing_plain_is_written_on_the_way(
    path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rekeying and editing write ciphertext only; decrypting what was changed leaves no file."""
    from pgic_core.container import atomic_writing

    written: list[bytes] = []
    plain = atomic_writing._write_all

    def write_all(handle: int, name: str, chunks: object) -> None:
        kept = [bytes(chunk) for chunk in chunks]  # type: ignore[attr-defined]
        written.extend(kept)
        plain(handle, name, kept)

    monkeypatch.setattr(atomic_writing, "_write_all", write_all)
    pgic_core.set_metadata(path, metadata={"device_id": "needle-7"}, keys=keys.full)
    pgic_core.rekey(path, tmp_path / "b.pgi", keys.full.public, keys=keys.full)
    assert len(written) > 8
    assert not any(b"needle-7" in chunk for chunk in written)
    data = bytearray(path.read_bytes())
    with PgiReader(path) as reader:
        at = reader.header.image.end - 1
    data[at] ^= 1
    with pytest.raises(pgic_core.PgiAuthenticationError):
        pgic_core.decrypt(bytes(data), tmp_path / "c.pgi", keys=keys.full)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.pgi", "b.pgi"]


def test_what_a_reader_of_version_1_0_says(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 10: it opens the file, checks it, and answers that the content is encrypted."""
    monkeypatch.setattr(file_header, "FORMAT_VERSION", 0x0100)
    with PgiReader(path) as reader:
        assert reader.header.newer
        assert (reader.fields.width, reader.fields.height) == (96, 64)
        assert reader.plain_extension["pgic.security"]["algorithm"] == "AES-256-GCM"  # type: ignore[index]
        for block in reader.blocks:
            reader.read_block(block)
        for read in (lambda: reader.metadata, lambda: reader.read_payload(0, 8)):
            with pytest.raises(PgiUnsupportedError, match="is encrypted"):
                read()
        with pytest.raises(PgiUnsupportedError, match="later version"):
            pgic_core.container.rewrite(reader)


def test_plain_files_stay_what_they_were(small: bytes) -> None:
    with open_file(small) as file:
        assert file.reader.version == (1, 0)
        assert not file.encrypted
        assert file.tier is None
        assert file.info().security is None


def test_a_target_that_must_not_be_replaced(path: Path, keys: Keys, small: bytes) -> None:
    with pytest.raises(PgiInputError):
        pgic_core.encrypt(small, path, keys.full.public, replace=False)


def test_large_files_pass_in_pieces(keys: Keys, tmp_path: Path) -> None:
    """No more than a part of the picture is in memory at a time, beside what a caller holds."""
    import tracemalloc

    from pgic_core.container import ImageFields, write_file

    plain, target = tmp_path / "p.pgi", tmp_path / "e.pgi"
    write_file(plain, ImageFields(0, 10_000, 8_000, 8, 200), [bytes(1 << 20)] * 60)
    pgic_core.encrypt(plain, target, keys.full.public)  # loads the libraries
    tracemalloc.start()
    try:
        pgic_core.encrypt(plain, target, keys.full.public)
        pgic_core.decrypt(target, plain, keys=keys.full)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20
    with open_reader(target, Limits(), keys.full) as reader:
        opened = opened_content(reader)
        assert opened is not None
        assert len(opened.groups[0].parts) == 60
