"""Forgeries of sequences. Records are made anew, so that only signature or tag stands in the way.

Who has no key can take every frame out of a sequence and put any of them into a new one.
"""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cbor2
import numpy as np
import pytest

import pgic_core
from pgic_core import Limits, SequenceWriter, open_file
from pgic_core.container import PgiReader
from pgic_core.container.sequence_appending import SequenceAppender, begin_sequence
from pgic_core.container.sequence_reader import SequenceReader
from pgic_core.container.sequence_records import FrameKind
from pgic_core.errors import PgiAuthenticationError, PgiChecksumError, PgiFormatError, PgiWarning
from pgic_core.security.signatures.signed_statement import Claims, FramePlace

from ..container.forge import SECURITY, Block, forge
from ..sequences.scenes import frame
from .people import Person, make_person

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Keys

FRAMES = 5
attack = pytest.mark.attack("sequence forgery")


@dataclass(frozen=True)
class Frames:
    """The frames of a sequence as files, and for how many milliseconds each is shown."""

    files: list[bytes]
    durations: list[int]

    @classmethod
    def of(cls, data: bytes) -> Frames:
        with PgiReader(data) as reader:
            records = list(SequenceReader(reader).records())
            assert all(record.kind is FrameKind.KEY for record in records)
            spans = [(record.frame_offset, record.length) for record in records]
            files = [reader.read_payload(*span) for span in spans]
        return cls(files, [record.duration for record in records])

    def file(self, order: list[int] | None = None) -> bytes:
        """A sound sequence of these frames, in another order or not all of them."""
        first, *others = range(len(self.files)) if order is None else order
        pieces = begin_sequence(self.files[first], key_distance=64, duration=self.durations[first])
        out = io.BytesIO(b"".join(pieces))
        with SequenceAppender(out) as appender:
            for number in others:
                appender.append(self.files[number], duration=self.durations[number])
        return out.getvalue()

    def with_file(self, number: int, data: bytes) -> bytes:
        """The same with another file for a frame."""
        files = [*self.files]
        files[number] = data
        return Frames(files, self.durations).file()


def written(path: Path, first: int, **options: object) -> bytes:
    """A sequence of key frames, which an attacker can put anywhere: their error has a bound."""
    with SequenceWriter(path, effort=1, min_psnr=30, sync=False, **options) as writer:  # type: ignore[arg-type]
        for number in range(FRAMES):
            writer.append(frame(first + number)[:128, :192], duration=100 + number)
    return path.read_bytes()


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return make_person(tmp_path_factory.mktemp("people") / "camera", "camera 3")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, person: Person) -> Frames:
    data = written(tmp_path_factory.mktemp("site") / "a.pgi", 0, sign=person.signer())
    assert Frames.of(data).file() == data
    return Frames.of(data)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, person: Person) -> Frames:
    """Another sequence that the same key signed."""
    return Frames.of(written(tmp_path_factory.mktemp("else") / "b.pgi", 20, sign=person.signer()))


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, person: Person, keys: Keys) -> Frames:
    """A sequence that is signed and encrypted."""
    path = tmp_path_factory.mktemp("locked") / "c.pgi"
    return Frames.of(written(path, 0, sign=person.signer(), recipients=[keys.full.public]))


def refused(data: bytes, match: str, trust: Path | None = None, keys: object = None) -> None:
    with open_file(data, keys=keys) as file:  # type: ignore[arg-type]
        assert file.n_frames  # the records themselves are sound
        with pytest.raises(PgiAuthenticationError, match=match):
            file.verify(trust)


def test_what_is_not_changed_is_accepted(site: Frames, locked: Frames, person: Person, keys: Keys) -> None:
    for frames, key in ((site, None), (locked, keys.full)):
        with open_file(frames.file(), keys=key) as file:
            found = file.verify(person.root)
    assert [each.frame.number for each in found if each.frame] == list(range(FRAMES))
    assert [each.frame.duration for each in found if each.frame] == [100 + n for n in range(FRAMES)]
    assert all(each.trusted and each.state == "holds" for each in found)


@attack
@pytest.mark.parametrize("pair", itertools.combinations(range(FRAMES), 2))
def test_swapped_frames(site: Frames, pair: tuple[int, int]) -> None:
    order = list(range(FRAMES))
    one, two = pair
    order[one], order[two] = order[two], order[one]
    refused(site.file(order), f"Frame {one} was signed as frame {two}")


@attack
@pytest.mark.parametrize("pair", itertools.combinations(range(FRAMES), 2))
def test_swapped_frames_of_an_encrypted_sequence(locked: Frames, keys: Keys, pair: tuple[int, int]) -> None:
    order = list(range(FRAMES))
    one, two = pair
    order[one], order[two] = order[two], order[one]
    refused(locked.file(order), f"Frame {one} was signed as frame {two}", keys=keys.full)


@attack
@pytest.mark.parametrize("number", range(FRAMES - 1))
def test_a_frame_is_left_out(site: Frames, number: int) -> None:
    order = [each for each in range(FRAMES) if each != number]
    refused(site.file(order), f"Frame {number} was signed as frame {number + 1}")


@attack
@pytest.mark.parametrize("number", range(FRAMES))
def test_a_frame_is_repeated(site: Frames, number: int) -> None:
    order = sorted([*range(FRAMES), number])
    refused(site.file(order), f"Frame {number + 1} was signed as frame {number}")


@attack
def test_frames_run_backwards(site: Frames) -> None:
    refused(site.file(list(range(FRAMES))[::-1]), f"Frame 0 was signed as frame {FRAMES - 1}")


@attack
@pytest.mark.parametrize("number", range(FRAMES))
def test_the_same_frame_of_another_sequence(site: Frames, elsewhere: Frames, number: int) -> None:
    """Of the same key and number; only the frames before, or those behind, tell that it is another's."""
    wrong = number if number else 1
    forged = site.with_file(number, elsewhere.files[number])
    refused(forged, f"Frame {wrong} was signed behind other frames")


@attack
@pytest.mark.parametrize("number", range(FRAMES))
def test_another_duration(site: Frames, number: int) -> None:
    durations = [*site.durations]
    durations[number] += 1
    refused(Frames(site.files, durations).file(), f"Frame {number} was signed with another duration")


@attack
@pytest.mark.parametrize("number", range(FRAMES))
def test_a_frame_that_nobody_signed(site: Frames, person: Person, number: int) -> None:
    """In the place of a signed one. Without ``trust``, the last frame may be anybody's."""
    stripped = stripped_of_signature(site.files[number])
    forged = site.with_file(number, stripped)
    if number < FRAMES - 1:
        refused(forged, f"Frame {number + 1} was signed behind other frames")
        refused(forged, f"Frame {number + 1} was signed behind other frames", person.root)
    else:
        refused(forged, f"Frame {number} is not signed", person.root)


@attack
@pytest.mark.parametrize("number", range(FRAMES))
def test_changed_pixels(site: Frames, number: int) -> None:
    """The checksums of the frame are made to fit."""
    with PgiReader(site.files[number]) as reader:
        blocks = [Block(block.type, reader.read_block(block)) for block in reader.blocks]
    image = next(block for block in blocks if block.type == 0x0030)
    changed = bytearray(image.content)
    changed[-3] ^= 1
    blocks[blocks.index(image)] = Block(image.type, bytes(changed))
    refused(
        site.with_file(number, forge(blocks, version=0x0101)),
        f"Frame {number} .*changed after it was signed",
    )


@attack
@pytest.mark.parametrize("number", range(FRAMES))
def test_a_flipped_bit_of_an_encrypted_frame(locked: Frames, keys: Keys, number: int) -> None:
    with PgiReader(locked.files[number]) as reader:
        blocks = [Block(block.type, reader.read_block(block), block.flags) for block in reader.blocks]
    image = next(block for block in blocks if block.type == 0x0030)
    changed = bytearray(image.content)
    changed[-20] ^= 1
    blocks[blocks.index(image)] = Block(image.type, bytes(changed), image.flags)
    forged = locked.with_file(number, forge(blocks, version=0x0101))
    with open_file(forged, keys=keys.full) as file, pytest.raises(PgiAuthenticationError):
        file.frame(number).decode()


@attack
@pytest.mark.parametrize("at", range(20, 1000, 49))
def test_a_flipped_byte_of_a_stored_sequence(site: Frames, at: int) -> None:
    """Without new checksums; anywhere."""
    data = bytearray(site.file())
    data[at * (len(data) - 1) // 1000] ^= 0x10
    with pytest.raises((PgiChecksumError, PgiFormatError)), open_file(bytes(data)) as file:
        file.verify()


# What no signature proves; howto/signing.md says so


def test_a_cut_tail_is_not_noticed(site: Frames, person: Person) -> None:
    """But ``verify`` says how many frames there are."""
    with open_file(site.file([0, 1, 2])) as file:
        assert len(file.verify(person.root)) == file.n_frames == 3


def test_encryption_alone_does_not_bind_the_order(tmp_path: Path, keys: Keys) -> None:
    frames = Frames.of(written(tmp_path / "d.pgi", 0, recipients=[keys.full.public]))
    with (
        open_file(frames.file([1, 0]), keys=keys.full) as file,
        open_file(frames.files[1], keys=keys.full) as single,
    ):
        file.verify()
        assert np.array_equal(file.frame(0).decode(), single.decode())


def test_appended_frames_sign_those_before(tmp_path: Path, person: Person) -> None:
    """Also by a writer that opens the file anew, and with frames between that nobody signed."""
    path = tmp_path / "e.pgi"
    signer = person.signer()
    pgic_core.append(path, frame(0), effort=1, sign=signer)
    with pytest.warns(PgiWarning, match="is not signed"):
        pgic_core.append(path, frame(1), effort=1)
    pgic_core.append(path, frame(2), effort=1, sign=signer)
    with open_file(path) as file:
        found = file.verify()
        assert [each.frame.number for each in found if each.frame] == [0, 2]
        assert [file.is_key_frame(number) for number in range(3)] == [True, False, False]


def stripped_of_signature(data: bytes) -> bytes:
    with PgiReader(data) as reader:
        kept = [
            Block(block.type, reader.read_block(block), block.flags)
            for block in reader.blocks
            if block.type != SECURITY
        ]
    return forge(kept)


@pytest.mark.parametrize(
    "place",
    [
        [1, 2],
        [0, 0, bytes(32), 0],
        [0, 0, bytes(32), None],
        [0, 0, bytes(32), 0, bytes(31)],
        [0, 0, bytes(32), None, bytes(32), 0],
        [0, 0, bytes(32), -1, bytes(32)],
        [0, 0, bytes(32), True, bytes(32)],
        [0, 0, bytes(32), bytes(32), bytes(32)],
        [0, 0, bytes(32), None, b""],
        [0, 0, bytes(31)],
        [0, 0, "0" * 32],
        [-1, 0, bytes(32)],
        [0, 1 << 63, bytes(32)],
        [True, 0, bytes(32)],
        [0.0, 0, bytes(32)],
        {"number": 0},
        "first",
        None,
    ],
)
def test_places_that_there_cannot_be(place: object) -> None:
    with pytest.raises(PgiFormatError, match="'frame'"):
        Claims.parse(cbor2.dumps({"frame": place, "renderers": []}, canonical=True), Limits())


def test_claims_that_nobody_knows_are_passed_over() -> None:
    known = FramePlace(3, 40, bytes(range(32)), 2, bytes(range(32, 64)))
    raw = cbor2.loads(Claims((("fast", bytes(32)),), b"", known).to_bytes())
    assert Claims.parse(cbor2.dumps(raw | {"later": [1]}, canonical=True), Limits()).frame == known
    del raw["frame"]
    assert Claims.parse(cbor2.dumps(raw, canonical=True), Limits()).frame is None
