"""Sequences as users of Pillow, imageio and torchvision know them."""

from __future__ import annotations

import io
import pickle
import warnings
from typing import TYPE_CHECKING

import imageio.v2
import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image, ImageSequence

import pgic_core
import pgic_plugins.imageio
import pgic_plugins.pillow  # noqa: F401
from pgic_core import PgiFile

from .conftest import FRAMES
from .scenes import HEIGHT, WIDTH, frame, psnr

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def decoded(site: Path) -> list[np.ndarray]:
    with PgiFile(site) as file:
        return [one.decode() for one in file.frames()]


def test_pillow_goes_from_frame_to_frame(site: Path, decoded: list[np.ndarray]) -> None:
    with Image.open(site) as image:
        assert image.n_frames == FRAMES
        assert image.is_animated
        assert image.tell() == 0
        np.testing.assert_array_equal(np.asarray(image), decoded[0])
        for number in (3, 1, 1, 4, 0):
            image.seek(number)
            assert image.tell() == number
            assert image.info["duration"] == 100 + number
            assert image.info["metadata"].timestamp_ms == 1_700_000_000_000 + number
            np.testing.assert_array_equal(np.asarray(image), decoded[number])
        for wrong in (-1, FRAMES):
            with pytest.raises(EOFError):
                image.seek(wrong)
        assert image.tell() == 0
        image.seek(2)
        image.draft(None, (WIDTH // 4, HEIGHT // 4))
        assert image.size == (WIDTH // 4, HEIGHT // 4)
        image.seek(1)
        assert image.size == (WIDTH, HEIGHT)


def test_pillow_iterates_and_verifies(site: Path, decoded: list[np.ndarray]) -> None:
    with Image.open(site) as image:
        frames = [np.asarray(one.convert("RGB")) for one in ImageSequence.Iterator(image)]
    np.testing.assert_array_equal(frames, decoded)
    with Image.open(site) as image:
        image.verify()
    data = bytearray(site.read_bytes())
    data[-100] ^= 1
    with Image.open(io.BytesIO(data)) as image, pytest.raises(OSError, match="damaged"):
        image.verify()


def test_a_picture_has_one_frame() -> None:
    with Image.open(io.BytesIO(pgic_core.encode(frame(0), effort=1))) as image:
        assert image.n_frames == 1
        assert not image.is_animated
        assert "duration" not in image.info
        image.seek(0)
        with pytest.raises(EOFError):
            image.seek(1)


@pytest.mark.parametrize("durations", [None, 40, [40, 50, 60, 70]], ids=str)
def test_pillow_saves_all_frames(tmp_path: Path, durations: int | list[int] | None) -> None:
    first, *others = (Image.fromarray(frame(n)) for n in range(4))
    exif = Image.Exif()
    exif[0x010E] = "scene"
    given = {} if durations is None else {"duration": durations}
    path = tmp_path / "x.pgi"
    first.save(path, save_all=True, append_images=others, quality=60, exif=exif, key_distance=2, **given)
    with PgiFile(path) as file:
        expected = durations if isinstance(durations, list) else [durations] * 4
        assert file.durations == expected
        assert [file.is_key_frame(n) for n in range(4)] == [True, False, False, True]
        for number, one in enumerate(file.frames()):
            assert psnr(one.decode(), frame(number)) > 35
            assert b"scene" in (one.exif or b"")
    with Image.open(path) as image:
        image.save(tmp_path / "y.pgi", save_all=True, quality=60, key_distance=2)
    with PgiFile(tmp_path / "y.pgi") as again:
        assert again.durations == expected
        assert again.n_frames == 4


def test_pillow_saves_the_frames_of_a_gif_with_their_durations(tmp_path: Path) -> None:
    frames = [Image.fromarray(frame(n, noise=0)).quantize(64) for n in range(3)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:], duration=[50, 60, 70])
    with Image.open(tmp_path / "x.gif") as gif, warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*frames.*")
        warnings.filterwarnings("ignore", message=".*palette.*")
        gif.seek(1)
        gif.save(tmp_path / "x.pgi", save_all=True, lossless=True)
        assert gif.tell() == 1
        shown = [np.asarray(one.convert("RGB")) for one in ImageSequence.Iterator(gif)]
    with PgiFile(tmp_path / "x.pgi") as file:
        assert file.durations == [50, 60, 70]
        np.testing.assert_array_equal([one.decode() for one in file.frames()], shown)


def test_pillow_saves_the_present_frame_without_save_all(site: Path, decoded: list[np.ndarray]) -> None:
    out = io.BytesIO()
    with Image.open(site) as image:
        image.seek(2)
        with pytest.warns(pgic_core.PgiWarning, match="has 5 frames; frame 3 is coded"):
            image.save(out, "PGI", lossless=True)
    with PgiFile(out.getvalue()) as file:
        assert not file.is_sequence
        np.testing.assert_array_equal(file.decode(), decoded[2])


def test_pillow_says_what_is_wrong(tmp_path: Path) -> None:
    images = [Image.fromarray(frame(n)) for n in range(2)]
    with pytest.raises(ValueError, match="1 durations"):
        images[0].save(tmp_path / "x.pgi", save_all=True, append_images=images[1:], duration=[4])
    with pytest.raises(ValueError, match="same width"):
        images[0].save(tmp_path / "x.pgi", save_all=True, append_images=[images[1].crop((0, 0, 50, 50))])
    assert not (tmp_path / "x.pgi").exists()


def test_imageio_reads_frames(site: Path, decoded: list[np.ndarray]) -> None:
    np.testing.assert_array_equal(iio.imread(site), decoded[0])
    np.testing.assert_array_equal(iio.imread(site, index=3), decoded[3])
    np.testing.assert_array_equal(iio.imread(site, index=-1), decoded[-1])
    np.testing.assert_array_equal(iio.imread(site, index=...), decoded)
    np.testing.assert_array_equal(list(iio.imiter(site)), decoded)
    assert iio.improps(site).shape == (HEIGHT, WIDTH, 3)
    assert iio.improps(site, index=...).shape == (FRAMES, HEIGHT, WIDTH, 3)
    assert iio.improps(site, index=...).n_images == FRAMES
    assert iio.immeta(site, index=2)["duration"] == 102
    assert iio.immeta(site)["n_images"] == FRAMES
    with pytest.raises(ValueError, match="no frame 5"):
        iio.imread(site, index=FRAMES)
    with imageio.v2.get_reader(site) as reader:
        assert len(reader) == FRAMES
        np.testing.assert_array_equal(reader.get_data(2), decoded[2])
    np.testing.assert_array_equal(imageio.v2.mimread(site), decoded)


def test_imageio_writes_frames(tmp_path: Path) -> None:
    pictures = [frame(n) for n in range(3)]
    with iio.imopen(tmp_path / "a.pgi", "w") as file:
        for picture in pictures:
            file.write(picture, quality=60, duration=25)
    iio.imwrite(tmp_path / "b.pgi", pictures, quality=60, duration=25)
    with imageio.v2.get_writer(tmp_path / "c.pgi", quality=60) as writer:
        for picture in pictures:
            writer.append_data(picture)
    (tmp_path / "d.pgi").write_bytes(iio.imwrite("<bytes>", pictures, extension=".pgi", quality=60))
    for name in "abcd":
        with PgiFile(tmp_path / f"{name}.pgi") as file:
            assert file.n_frames == 3
            assert file.durations == ([25] * 3 if name in "ab" else [None] * 3)
            assert not file.is_key_frame(2)
            for one, picture in zip(file.frames(), pictures, strict=True):
                assert psnr(one.decode(), picture) > 35
            file.verify()


def test_imageio_keeps_what_was_written_before_a_failure(tmp_path: Path) -> None:
    with iio.imopen(tmp_path / "x.pgi", "w") as file:
        file.write(frame(0), effort=1)
        file.write(frame(1), effort=1)
        with pytest.raises(ValueError, match="same width"):
            file.write(frame(2)[:, :50], effort=1)
    assert iio.improps(tmp_path / "x.pgi", index=...).n_images == 2


def test_torchvision_gives_frames_and_maps(site: Path, tmp_path: Path, decoded: list[np.ndarray]) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    from pgic_plugins.torchvision import PgiSequence, decode_pgi

    dataset = PgiSequence(site)
    assert len(dataset) == FRAMES
    for number in (0, 3, -1):
        image, facts = dataset[number]
        np.testing.assert_array_equal(image.permute(1, 2, 0), decoded[number])
        with PgiFile(site) as file:
            np.testing.assert_array_equal(facts["changes"], file.changes(number).blocks)
        assert facts["frame"] == number % FRAMES
        assert facts["key"] == (number == 0)
        assert facts["duration"] == 100 + number % FRAMES
    with pytest.raises(IndexError):
        dataset[FRAMES]
    again = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(again[2][0], dataset[2][0])
    loader = torch.utils.data.DataLoader(dataset, batch_size=2)
    assert [batch.shape[0] for batch, _ in loader] == [2, 2, 1]
    for engine in ("onnxruntime", "torch"):
        shown = decode_pgi(site, frame=3, engine=engine).permute(1, 2, 0).numpy()
        assert np.abs(shown.astype(int) - decoded[3]).max() <= 2
    assert decode_pgi([site, site], frame=-1)[1].shape == (3, HEIGHT, WIDTH)


def test_torchvision_takes_folders_and_what_changed(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    from pgic_plugins.torchvision import PgiSequence

    (tmp_path / "b").mkdir()
    pgic_core.encode_sequence([frame(n, moving=n > 1) for n in range(3)], tmp_path / "b" / "x.pgi", effort=1)
    pgic_core.encode_to(tmp_path / "a.pgi", frame(0), effort=1)
    whole = PgiSequence(tmp_path)
    assert [whole[n][1]["frame"] for n in range(len(whole))] == [0, 0, 1, 2]
    changed = PgiSequence(tmp_path, changed_only=True, target_transform=lambda facts: facts["frame"])
    assert [changed[n][1] for n in range(len(changed))] == [0, 0, 2]
