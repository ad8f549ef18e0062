"""Sequences are written frame by frame, and read as pictures are."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

import pgic_core
from pgic_core import Limits, PgiFile, SequenceWriter
from pgic_core.codec.change.change_image import ChangeImage
from pgic_core.codec.sequence.scene import Scene
from pgic_core.errors import PgiInputError, PgiOptionError, PgiUnsupportedError, PgiWarning
from pgic_core.features import read_features

from .conftest import FRAMES
from .scenes import HEIGHT, WIDTH, frame, psnr

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def test_frames_are_what_was_appended(site: Path) -> None:
    with PgiFile(site) as file:
        assert file.is_sequence
        assert file.n_frames == FRAMES
        assert file.durations == [100, 101, 102, 103, 104]
        assert [file.is_key_frame(n) for n in range(FRAMES)] == [True, *[False] * (FRAMES - 1)]
        for number, one in enumerate(file.frames()):
            assert psnr(one.decode(), frame(number)) > 36
            assert one.metadata.timestamp_ms == 1_700_000_000_000 + number
            assert one.metadata.device_id == "camera 3"
            assert one.n_frames == 1
            assert one.info().codec == "learned"
        np.testing.assert_array_equal(file.decode(), file.frame(0).decode())
        np.testing.assert_array_equal(file.frame(-1).decode(), file.frame(FRAMES - 1).decode())
        file.verify()


def test_frames_in_any_order_at_any_size(site: Path) -> None:
    with PgiFile(site) as file:
        whole = {n: file.frame(n).decode() for n in (3, 1, 4, 0, 2)}
    for number, pixels in whole.items():
        with PgiFile(site) as file:
            one = file.frame(number)
            np.testing.assert_array_equal(one.decode(), pixels)
            np.testing.assert_array_equal(one.decode(window=(20, 30, 100, 90)), pixels[30:120, 20:120])
            assert one.decode(scale=2).shape == (HEIGHT // 2, WIDTH // 2, 3)
            assert one.decode(level="preview").shape == (HEIGHT // 8, WIDTH // 8, 3)


def test_changes_take_few_bytes(site: Path) -> None:
    with PgiFile(site) as file:
        records = [file._frames.record(n) for n in range(FRAMES)]  # type: ignore[union-attr]
    assert max(record.length for record in records[1:]) < records[0].length / 2


def test_the_map_says_where_it_changed(site: Path) -> None:
    with PgiFile(site) as file:
        first = file.changes(0)
        assert first.key
        assert first.share == 1
        assert (first.blocks == 255).all()
        changes = file.changes(2)
    assert changes.blocks.shape == (4, 5)
    assert changes.blocks.dtype == np.uint8
    assert changes.reference == 1
    # The object left (50..90, 80..120) for (90..130, 80..120).
    assert (changes.blocks[1, 0:3] > 0).all()
    assert not changes.blocks[3].any()
    covered = np.zeros((HEIGHT, WIDTH), int)
    for x, y, width, height in changes.boxes:
        covered[y : y + height, x : x + width] += 1
    wanted = (changes.blocks > 0).repeat(64, 0).repeat(64, 1)[:HEIGHT, :WIDTH]
    np.testing.assert_array_equal(covered, wanted)
    assert first.boxes == [(0, 0, WIDTH, HEIGHT)]
    assert not changes.blocks[:, 3:].any()


def test_only_noise_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.pgi"
    pgic_core.encode_sequence([frame(n, moving=False) for n in range(4)], path, quality=60)
    with PgiFile(path) as file:
        assert not any(file.changes(n).blocks.any() for n in range(1, 4))
        assert file._frames is not None
        assert file._frames.record(3).length < 60
        np.testing.assert_array_equal(file.frame(3).decode(), file.decode())


def test_what_a_sequence_says_of_itself(site: Path) -> None:
    facts = pgic_core.inspect(site)
    assert facts.sequence is not None
    assert facts.sequence.to_dict() == {
        "frames": FRAMES,
        "key_frames": 1,
        "duration_ms": 510,
        "key_distance": 64,
        "unfinished_bytes": 0,
        "signatures": [],
    }
    assert facts.file_bytes == site.stat().st_size
    assert facts.format_version == (1, 2)
    assert pgic_core.inspect(pgic_core.encode(frame(0), effort=1)).sequence is None


def test_a_prefix_is_enough_for_the_preview_of_the_first(site: Path) -> None:
    with PgiFile(site) as file:
        preview, enough = file.decode(level="preview"), file.preview_bytes
    with PgiFile(site.read_bytes()[:enough]) as file:
        np.testing.assert_array_equal(file.decode(level="preview"), preview)


def test_appending_goes_on_where_the_writer_left(site: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.pgi"
    path.write_bytes(site.read_bytes())
    written = pgic_core.append(path, frame(FRAMES), duration=7)
    assert written.number == FRAMES
    assert not written.key
    with PgiFile(path) as file:
        assert file.n_frames == FRAMES + 1
        assert file.duration(FRAMES) == 7
        assert file.frame(-1).info().quality == 60  # that of the frame before, as nothing else was said
        assert psnr(file.frame(-1).decode(), frame(FRAMES)) > 35
        file.verify()
    assert path.read_bytes()[200 : site.stat().st_size] == site.read_bytes()[200:]


def test_appending_to_a_picture_and_to_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.pgi"
    path.touch()
    assert pgic_core.append(path, frame(0), lossless=True).number == 0
    np.testing.assert_array_equal(pgic_core.decode(path), frame(0))
    pgic_core.encode_to(path, frame(1), lossless=True)
    assert pgic_core.append(path, frame(2), lossless=True).number == 1
    with PgiFile(path) as file:
        np.testing.assert_array_equal(file.frame(0).decode(), frame(1))
        np.testing.assert_array_equal(file.frame(1).decode(), frame(2))


def test_key_frames_come_as_often_as_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "x.pgi"
    pgic_core.encode_sequence([frame(n) for n in range(7)], path, key_distance=2, effort=1)
    with PgiFile(path) as file:
        assert file.key_distance == 2
        assert [file.is_key_frame(n) for n in range(7)] == [True, False, False, True, False, False, True]
    few = Limits(references=1)
    with SequenceWriter(tmp_path / "y.pgi", limits=few) as writer:
        assert [writer.append(frame(n), effort=1).key for n in range(3)] == [True, False, True]
    with SequenceWriter.open(path, key_distance=1) as writer:
        assert [writer.append(frame(n), effort=1).key for n in range(3)] == [False, True, False]


@pytest.mark.parametrize(
    "options",
    [
        {"quality": 61},
        {"lossless": True},
        {"min_psnr": 30.0},
        {"max_bytes": 100_000},
        {"roi": [(0, 0, 64, 64)]},
        {"image_type": "infrared"},
    ],
    ids=str,
)
def test_what_makes_a_key_frame(tmp_path: Path, options: dict[str, Any]) -> None:
    with SequenceWriter(tmp_path / "x.pgi", quality=60, effort=1) as writer:
        writer.append(frame(0, moving=False))
        assert not writer.append(frame(1, moving=False)).key
        if "image_type" in options:
            with pytest.raises(PgiOptionError, match="same kind"):
                writer.append(frame(2, moving=False), **options)
        else:
            assert writer.append(frame(2, moving=False), **options).key
    pgic_core.verify(tmp_path / "x.pgi")


def test_another_scene_is_a_key_frame(tmp_path: Path) -> None:
    with SequenceWriter(tmp_path / "x.pgi", quality=60, effort=1) as writer:
        writer.append(frame(0))
        assert writer.append(255 - frame(1)[::-1]).key


def test_a_region_is_kept_for_all_frames_that_ask_for_it(tmp_path: Path) -> None:
    roi = [(0, 0, 64, 64)]
    with SequenceWriter(tmp_path / "x.pgi", quality=60, effort=1, roi=roi) as writer:
        assert [writer.append(frame(n)).key for n in range(3)] == [True, False, False]
        assert writer.append(frame(3), roi=None).key
    with PgiFile(tmp_path / "x.pgi") as file:
        assert file.frame(2).roi is not None
        assert file.frame(3).roi is None


def test_exact_blocks_of_a_frame(tmp_path: Path) -> None:
    box = (64, 80, 16, 16)
    with SequenceWriter(tmp_path / "x.pgi", quality=30, effort=1) as writer:
        writer.append(frame(0))
        assert not writer.append(frame(1), exact=[box]).key
    with PgiFile(tmp_path / "x.pgi") as file:
        np.testing.assert_array_equal(file.frame(1).decode()[80:96, 64:80], frame(1)[80:96, 64:80])


def test_everything_beside_the_pixels_is_kept_of_each_frame(tmp_path: Path) -> None:
    exif = Image.Exif()
    path = tmp_path / "x.pgi"
    with SequenceWriter(path, effort=1, extension={"acme.x": "y" * 300}) as writer:
        for number in range(3):
            exif[0x010E] = f"frame {number}"
            note = {"label": f"fault {number}", "box": (1, 2, 30, 40)}
            writer.append(frame(number), exif=exif, annotations=[note], icc_profile=b"profile" * 50)
    with PgiFile(path) as file:
        for number, one in enumerate(file.frames()):
            assert f"frame {number}".encode() in (one.exif or b"")
            assert one.annotations[0].label == f"fault {number}"
            assert one.icc_profile == b"profile" * 50
            assert one.extension == {"acme.x": "y" * 300}
        assert file._frames is not None
        # 660 bytes of profile and field, and what else is as in the first frame.
        alone = len(pgic_core.still_file(file, 0))
        assert file._frames.record(0).length < alone - 40


def test_parity_is_that_of_each_frame(tmp_path: Path) -> None:
    path = tmp_path / "x.pgi"
    with SequenceWriter(path, effort=1, protect=0.3) as writer:
        for number in range(3):
            writer.append(frame(number))
    data = bytearray(path.read_bytes())
    with PgiFile(bytes(data)) as file:
        assert file._frames is not None
        record = file._frames.record(2)
        pixels = file.frame(2).decode()
        at = file.container.header.image.offset + 7 + record.frame_offset + record.length // 3
    data[at] ^= 1
    with PgiFile(bytes(data)) as file, pytest.warns(PgiWarning, match="damaged"):
        np.testing.assert_array_equal(file.frame(2).decode(), pixels)
    with PgiFile(bytes(data)) as file, pytest.raises(pgic_core.PgiFormatError):
        file.verify()


def test_encrypted_frames_change_each_other(tmp_path: Path) -> None:
    path, key = tmp_path / "x.pgi", pgic_core.generate_key()
    with SequenceWriter(path, effort=1, recipients=[key.public], protect=0.1) as writer:
        assert writer.append(frame(0), metadata={"device_id": "secret"}).key
        assert not writer.append(frame(1), metadata={"device_id": "secret"}).key
    assert b"secret" not in path.read_bytes()
    with PgiFile(path) as file:
        assert file.encrypted
        assert file.n_frames == 2
        for number in range(2):
            with pytest.raises(PgiUnsupportedError):
                file.frame(number).decode()
        file.verify()
    with PgiFile(path, keys=key) as file:
        assert file.frame(1).metadata.device_id == "secret"
        assert psnr(file.frame(1).decode(), frame(1)) > 30
        assert [each.reader.parity_share for each in file.frames()] == [1000, 1000]
        assert len(pgic_core.still_file(file, 0)) == file._frames.record(0).length  # type: ignore[union-attr]
    before = path.read_bytes()
    with SequenceWriter(path, append=True) as writer:
        with pytest.raises(PgiOptionError, match="The frame before is encrypted"):
            writer.append(frame(2), quality=50, effort=1)
        assert path.read_bytes() == before
        # Nothing is known of the one before, and all of this one.
        keys = [
            writer.append(frame(number), quality=50, effort=1, recipients=[key.public]).key
            for number in (2, 3)
        ]
        assert keys == [True, False]
        with pytest.raises(PgiOptionError, match="name recipients"):
            writer.append(frame(2), quality=50, effort=1)
    with SequenceWriter(path, append=True, keys=key, recipients=[key.public], effort=1) as writer:
        assert not writer.append(frame(4)).key
    with PgiFile(path, keys=key) as file:
        file.verify()
        assert psnr(file.frame(4).decode(), frame(4)) > 30


def test_whoever_gets_a_change_can_open_what_it_changes(tmp_path: Path) -> None:
    path, anna, ben = tmp_path / "x.pgi", pgic_core.generate_key(), pgic_core.generate_key()
    words = pgic_core.Passphrase("two words")
    with SequenceWriter(path, effort=1) as writer:
        made = [
            writer.append(frame(number), recipients=for_whom).key
            for number, for_whom in enumerate(
                [
                    None,  # a key frame for everybody
                    [anna.public, ben.public],
                    [anna.public],
                    [(ben.public, "metadata"), anna.public],
                    [ben.public],  # who cannot open the frame before
                    [ben.public, anna.public],  # one of them cannot
                    [ben.public, words],  # words cannot
                    [words],
                ]
            )
        ]
    assert made == [True, False, False, False, True, True, True, False]
    with (
        SequenceWriter(path, append=True, keys=words, effort=1) as writer,
        pytest.warns(PgiWarning, match="whose preview or regions somebody gets"),
    ):
        assert writer.append(frame(8), recipients=[words, (ben.public, "preview")]).key
    with PgiFile(path, keys=words) as file:
        assert psnr(file.frame(7).decode(), frame(7)) > 30
        file.verify()
    with PgiFile(path, keys=anna) as file:
        assert psnr(file.frame(3).decode(), frame(3)) > 30


def test_signatures_are_those_of_each_frame(tmp_path: Path) -> None:
    signing = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    key = signing.Ed25519PrivateKey.generate()
    secret, public = tmp_path / "secret.pem", tmp_path / "public.pem"
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    path = tmp_path / "x.pgi"
    with SequenceWriter(path, effort=1, sign=pgic_core.SigningKey(secret)) as writer:
        assert writer.append(frame(0), metadata={"device_id": "camera"}).key
        assert not writer.append(frame(1), metadata={"device_id": "camera"}).key
    shares: list[float] = []
    with PgiFile(path) as file:
        assert len(file.verify(public, progress=shares.append)) == 2
        assert len(PgiFile(pgic_core.still_file(file, 0)).verify(public)) == 1
        with pytest.raises(PgiUnsupportedError, match="no window of its own"):
            file.frame(1).prove((0, 0, 8, 8))
    assert shares == [0.5, 1.0]
    with pytest.warns(PgiWarning, match="is not signed, as the frame before it is"):
        pgic_core.append(path, frame(2), effort=1)
    with pytest.raises(pgic_core.PgiAuthenticationError):
        pgic_core.verify(path, trust=public)


def test_a_frame_in_one_call(site: Path) -> None:
    with PgiFile(site) as file:
        pixels = file.frame(2).decode()
    np.testing.assert_array_equal(pgic_core.decode(site, frame=2), pixels)
    window = (10, 20, 30, 40)
    (part,) = pgic_core.decode(site, frame=2, windows=[window])
    np.testing.assert_array_equal(part, pixels[20:60, 10:40])


def test_single_frames_as_files(site: Path) -> None:
    with PgiFile(site) as file:
        still = pgic_core.still_file(file, 0)
        pixels = file.decode()
    original = pgic_core.encode(
        frame(0), quality=60, metadata={"device_id": "camera 3", "timestamp_ms": 1_700_000_000_000}
    )
    assert still == original
    np.testing.assert_array_equal(pgic_core.decode(still), pixels)


def test_files_in_memory(tmp_path: Path) -> None:
    made = io.BytesIO()
    made.write(b"before")
    with SequenceWriter(made, effort=1) as writer:
        for number in range(3):
            writer.append(frame(number))
    assert not made.closed
    pgic_core.encode_sequence([frame(n) for n in range(3)], tmp_path / "x.pgi", effort=1)
    assert made.getvalue() == b"before" + (tmp_path / "x.pgi").read_bytes()


def test_only_one_writer_at_a_time(site: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    path = tmp_path / "x.pgi"
    path.write_bytes(site.read_bytes())
    with SequenceWriter.open(path), pytest.raises(PgiInputError, match="another writer"):
        SequenceWriter.open(path)
    SequenceWriter.open(path).close()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda path: pgic_core.encode_sequence([], path), "one picture or more"),
        (
            lambda path: pgic_core.encode_sequence([frame(0)] * 2, path, durations=[1], effort=1),
            "more pictures",
        ),
        (lambda path: SequenceWriter(path, key_distance=0), "key_distance"),
        (lambda path: SequenceWriter(path, key_distance=1025), "key_distance"),
        (lambda path: pgic_core.append(path, frame(0), duration=-1, effort=1), "duration"),
        (lambda path: pgic_core.append(path, frame(0), quality=0), "quality"),
        (lambda path: SequenceWriter(io.StringIO()), "binary file object"),
        (lambda path: SequenceWriter(path.open("wb")), "reads and writes"),
    ],
)
def test_what_cannot_be_asked_for(tmp_path: Path, call: Any, match: str) -> None:
    with pytest.raises(PgiOptionError, match=match):
        call(tmp_path / "x.pgi")


def test_a_frame_that_does_not_fit_leaves_the_sequence_as_it_was(site: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.pgi"
    path.write_bytes(site.read_bytes())
    with SequenceWriter.open(path) as writer:
        with pytest.raises(PgiOptionError, match="same width: 320 pixels, not 319"):
            writer.append(frame(0)[:, 1:])
        with pytest.raises(PgiOptionError, match="same depth"):
            writer.append(frame(0).astype(np.uint16))
        assert path.read_bytes() == site.read_bytes()
        assert not writer.append(frame(FRAMES)).key
    pgic_core.verify(path)


def test_there_is_no_such_frame(site: Path) -> None:
    with PgiFile(site) as file:
        for number in (FRAMES, -FRAMES - 1, 10**9):
            with pytest.raises(PgiOptionError, match=f"no frame {number}"):
                file.frame(number)
            with pytest.raises(PgiOptionError, match=f"no frame {number}"):
                file.duration(number)
    with PgiFile(pgic_core.encode(frame(0), effort=1)) as file:
        assert file.frame(0) is file
        with pytest.raises(PgiOptionError, match="single picture"):
            file.frame(1)


def test_what_works_on_pictures_only_says_so(site: Path) -> None:
    with pytest.raises(PgiUnsupportedError, match="is a sequence"):
        read_features(site)


@pytest.mark.parametrize("duration", [float("nan"), float("inf")])
def test_durations_are_numbers(duration: float) -> None:
    with (
        pgic_core.SequenceWriter(io.BytesIO()) as writer,
        pytest.raises(pgic_core.PgiOptionError, match="duration"),
    ):
        writer.append(frame(0), duration=duration)


def test_after_a_failure_the_next_frame_refers_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    with pgic_core.SequenceWriter(file, quality=40) as writer:
        writer.append(frame(0))
        with monkeypatch.context() as patch:
            patch.setattr(Scene, "advance", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
            with pytest.raises(KeyboardInterrupt):
                writer.append(frame(1))
        assert writer.append(frame(2)).key
    with pgic_core.open_file(file.getvalue()) as opened:
        assert psnr(opened.frame(-1).decode(), frame(2)) > 30


def test_a_place_that_something_passed_is_taken_up_again(tmp_path: Path) -> None:
    photo, random = data.astronaut()[40:200, 100:340], np.random.default_rng(4)

    def taken(thing: int | None = None) -> NDArray[np.uint8]:
        pixels = photo.astype(np.float32)
        if thing is not None:
            pixels[40:70, thing : thing + 30] = (220, 190, 40)
        return (pixels + random.normal(0, 1.5, pixels.shape)).clip(0, 255).astype(np.uint8)

    shown = [taken(), taken(10), taken(90), taken(170), taken()]
    pgic_core.encode_sequence(shown, tmp_path / "whole.pgi", quality=40)
    pgic_core.encode_sequence(shown[:4], tmp_path / "appended.pgi", quality=40)
    with pgic_core.SequenceWriter.open(tmp_path / "appended.pgi") as writer:  # knows no earlier states
        assert not writer.append(shown[4]).key
    for name, known in (("whole", True), ("appended", False)):
        with PgiFile(tmp_path / f"{name}.pgi") as file:
            coded = file.frame(4).coded
            assert isinstance(coded, ChangeImage)
            assert coded.change.ages.any() == known
            assert psnr(file.frame(4).decode(), shown[4]) > psnr(file.frame(0).decode(), shown[0]) - 0.5
