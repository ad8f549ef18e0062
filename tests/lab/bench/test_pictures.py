from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from pgic_core.errors import PgiInputError, PgiOptionError
from pgic_core.lab.bench.bench_pictures import (
    Sample,
    find_samples,
    fit_megapixels,
    load_rgb,
    synthetic_picture,
)


def save(path: Path, width: int, height: int, **options: object) -> np.ndarray:
    path.parent.mkdir(exist_ok=True)
    source = Image.fromarray(data.astronaut()).resize((width, height))
    source.save(path, **options)
    return np.asarray(source)


def test_large_pictures_are_scaled_and_cropped_besides(tmp_path: Path) -> None:
    pixels = save(tmp_path / "large.bmp", 2000, 1100)
    save(tmp_path / "small.bmp", 1600, 400)
    whole, crop, small = find_samples([tmp_path])
    assert (whole.part, crop.part, small.part) == ("whole", "crop", "whole")
    assert crop.path == whole.path == tmp_path / "large.bmp"
    scaled = Image.fromarray(pixels).resize((1600, 880), Image.Resampling.LANCZOS)
    assert np.array_equal(whole.load(), np.asarray(scaled))
    assert np.array_equal(crop.load(), pixels[38:1062, 488:1512])
    assert small.load().shape == (400, 1600, 3)
    assert whole.folder == tmp_path.name


def test_a_crop_takes_what_is_there(tmp_path: Path) -> None:
    pixels = save(tmp_path / "flat.bmp", 1700, 300)
    assert np.array_equal(Sample(tmp_path / "flat.bmp", "crop").load(), pixels[:, 338:1362])


def test_pictures_are_upright_and_rgb(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "turned.png", 60, 40, exif=exif)
    Image.new("L", (30, 20), 7).save(tmp_path / "grey.png")
    assert load_rgb(tmp_path / "turned.png").shape == (60, 40, 3)
    assert load_rgb(tmp_path / "grey.png").tolist() == np.full((20, 30, 3), 7).tolist()


def test_folders_are_read_in_natural_order_up_to_the_limit(tmp_path: Path) -> None:
    for name in ("10.png", "2.png", "1.png", "a.PNG"):
        save(tmp_path / "some" / name, 20, 20)
    (tmp_path / "some" / "notes.txt").write_text("no picture")
    save(tmp_path / "other" / "5.png", 20, 20)
    folders = [tmp_path / "some", tmp_path / "other"]
    assert [s.path.name for s in find_samples(folders)] == ["1.png", "2.png", "10.png", "a.PNG", "5.png"]
    assert [s.path.name for s in find_samples(folders, limit=1)] == ["1.png", "5.png"]
    twice = [folders[1], folders[1] / "5.png"]
    assert len(find_samples(twice)) == 1


def test_what_is_no_picture_is_said(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"nothing")
    with pytest.raises(PgiInputError, match=r"broken\.png cannot be read"):
        find_samples([tmp_path])
    with pytest.raises(PgiInputError, match="does not exist"):
        find_samples([tmp_path / "absent"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(PgiOptionError, match="no picture"):
        find_samples([tmp_path / "empty"])


def test_fitting_scales_down_or_mirrors_on() -> None:
    photo = data.astronaut()
    smaller = fit_megapixels(photo, 0.04)
    assert smaller.shape == (200, 200, 3)
    assert smaller.mean() == pytest.approx(photo.mean(), abs=1)
    larger = fit_megapixels(photo, 0.36)
    assert larger.shape == (600, 600, 3)
    assert np.array_equal(larger[:512, :512], photo)
    assert np.array_equal(larger[512:], larger[424:512][::-1])


def test_the_made_up_picture_is_always_the_same_and_not_flat() -> None:
    picture = synthetic_picture(0.03)
    assert picture.shape == (150, 200, 3)
    assert np.array_equal(picture, synthetic_picture(0.03))
    assert picture.std() > 20
    # As in photos, neighbours are alike.
    assert np.corrcoef(picture[:, 1:, 0].ravel(), picture[:, :-1, 0].ravel())[0, 1] > 0.9
