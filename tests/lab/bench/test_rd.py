import dataclasses
import io
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from pgic_core.errors import PgiInputError, PgiOptionError, PgiUnsupportedError
from pgic_core.lab.bench import metrics
from pgic_core.lab.bench.bdrate import bd_rate
from pgic_core.lab.bench.bench_pictures import find_samples
from pgic_core.lab.bench.printed_tables import worst_tile_line
from pgic_core.lab.bench.quality_scale import check_steps
from pgic_core.lab.bench.rate_distortion import (
    Point,
    bd_rows,
    measure,
    quality_rows,
    read_points,
    write_points,
)
from pgic_core.lab.bench.rate_distortion_plot import plot_curves

QUALITIES = {"jpeg": (20, 80), "webp": (20, 80)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    Image.fromarray(data.chelsea()[:100, :150]).save(tmp_path / "photos" / "cat.png")
    Image.fromarray(data.astronaut()[:120, 100:260]).save(tmp_path / "photos" / "woman.png")
    return tmp_path / "photos"


def made(codec: str, curve: list[tuple[float, float]], image: str = "a", folder: str = "f") -> list[Point]:
    return [
        Point(folder, image, "whole", codec, i, 100, 100, int(bpp * 1250), bpp, psnr)
        for i, (bpp, psnr) in enumerate(curve)
    ]


def test_points_are_what_the_codec_gives(folder: Path) -> None:
    points = [p for batch in measure(find_samples([folder]), QUALITIES) for p in batch]
    assert [(p.image, p.codec, p.quality) for p in points] == [
        (image, codec, quality)
        for image in ("cat.png", "woman.png")
        for codec in ("jpeg", "webp")
        for quality in (20, 80)
    ]
    buffer = io.BytesIO()
    picture = data.chelsea()[:100, :150]
    Image.fromarray(picture).save(buffer, "JPEG", quality=80, optimize=True)
    decoded = np.asarray(Image.open(buffer))
    point = points[1]
    assert (point.folder, point.width, point.height) == ("photos", 150, 100)
    assert point.bytes == len(buffer.getvalue())
    assert point.bpp == 8 * point.bytes / 15000
    assert point.psnr == metrics.psnr(picture, decoded)
    assert point.ms_ssim == metrics.ms_ssim(picture, decoded)


def test_several_processes_give_the_same_points(folder: Path) -> None:
    samples = find_samples([folder])
    alone = [p for batch in measure(samples, QUALITIES) for p in batch]
    together = [p for batch in measure(samples, QUALITIES, jobs=2) for p in batch]
    assert {repr(p) for p in alone} == {repr(p) for p in together}
    (folder / "cat.png").write_bytes(b"gone")
    with pytest.raises(PgiInputError, match=r"cat\.png"):
        list(measure(samples, QUALITIES, jobs=2))


def test_points_survive_the_csv(tmp_path: Path) -> None:
    points = made("jpeg", [(0.25, 30.125), (0.5, math.inf)])
    points[0] = dataclasses.replace(points[0], ms_ssim=0.9375)
    write_points(points[::-1], tmp_path / "points.csv")
    assert [repr(p) for p in read_points(tmp_path / "points.csv")] == [repr(p) for p in points]
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    for name in ("other.csv", "absent.csv"):
        with pytest.raises(PgiInputError, match=name):
            read_points(tmp_path / name)


def test_bd_rate_is_taken_per_picture_and_then_averaged() -> None:
    curve = [(0.1, 30.0), (0.2, 33.0), (0.5, 37.0)]
    other = [(0.15, 30.5), (0.4, 34.0), (0.7, 38.0)]
    apart = [(0.5, 50.0), (0.6, 51.0)]
    points = (
        made("pgic", [(b * 0.5, q) for b, q in curve], "a")
        + made("avif", curve, "a")
        + made("pgic", other, "b")
        + made("avif", curve, "b")
        + made("pgic", apart, "c", "g")
        + made("avif", curve, "c", "g")
    )
    rows = bd_rows(points, ["pgic"], ["avif"])
    assert [(row.group, row.pictures) for row in rows] == [("f", 2), ("g", 1), ("all", 3)]
    second = bd_rate(curve, other)
    assert second is not None
    mean = pytest.approx((-50 + second) / 2)
    assert [row.against["avif"] for row in rows] == [(mean, 2), (None, 0), (mean, 2)]


def test_crops_count_as_pictures_and_stand_apart_as_well() -> None:
    curve = [(0.1, 30.0), (0.2, 33.0)]
    half = made("pgic", [(b / 2, q) for b, q in curve])
    crops = [dataclasses.replace(p, part="crop") for p in made("pgic", curve)]
    anchors = made("avif", curve)
    rows = bd_rows(
        [*half, *crops, *anchors, *(dataclasses.replace(p, part="crop") for p in anchors)], ["pgic"], ["avif"]
    )
    assert [(row.group, row.against["avif"][0]) for row in rows] == [
        ("f", pytest.approx(-25)),
        ("f: whole", pytest.approx(-50)),
        ("f: crop", pytest.approx(0)),
    ]


def test_rows_by_quality_name_the_worst_tile() -> None:
    points = [
        dataclasses.replace(p, ms_ssim=value, worst_tile=value - 0.1)
        for p, value in zip(
            made("pgic", [(1.0, 30.0)], "a") + made("pgic", [(3.0, 40.0)], "b"), (0.9, 0.8), strict=True
        )
    ]
    (row,) = quality_rows(points)
    assert (row.bpp, row.psnr, row.worst_image) == (2.0, 35.0, "b")
    assert (row.ms_ssim, row.worst_tile) == (pytest.approx(0.85), pytest.approx(0.7))
    later = dataclasses.replace(row, quality=80, worst_tile=0.9)
    assert "0.9000, pgic at quality 80 in f/b" in worst_tile_line([row, later])
    assert "No tile" in worst_tile_line([row])


def test_steps_must_rise_in_the_mean_and_hold_for_each_picture() -> None:
    rising = made("pgic", [(0.1, 30.0), (0.2, 31.0), (0.3, 32.0)], "a")
    assert check_steps(rising).holds
    wobble = made("pgic", [(0.1, 30.0), (0.2, 29.96), (0.3, 31.0)], "b")
    assert check_steps(rising + wobble).holds
    fall = made("pgic", [(0.1, 30.0), (0.2, 29.9), (0.1, 33.0)], "c")
    report = check_steps(rising + wobble + fall)
    assert report.falls == [("f/c", 1, pytest.approx(0.1))]
    assert report.falling_means == []
    assert not report.holds
    assert check_steps(fall).falling_means == [1, 2]


def test_the_plot_shows_one_panel_for_each_folder_and_each_codec(tmp_path: Path) -> None:
    curve = [(0.1, 30.0), (0.2, 33.0), (0.5, 37.0)]
    one = made("pgic", curve) + made("jpeg", [(2 * b, q) for b, q in curve])
    plot_curves(one, tmp_path / "one.png")
    plot_curves([*one, *made("webp", curve, folder="g")], tmp_path / "two.png")
    narrow, wide = (np.asarray(Image.open(tmp_path / f"{n}.png").convert("RGB")) for n in ("one", "two"))
    assert wide.shape[1] == 2 * narrow.shape[1]
    colours = {"pgic": (0xD5, 0x30, 0x1A), "jpeg": (0x8C, 0x8C, 0x8C), "webp": (0xE6, 0x9F, 0x00)}
    seen = {name: bool((narrow == colour).all(axis=2).any()) for name, colour in colours.items()}
    assert seen == {"pgic": True, "jpeg": True, "webp": False}
    assert (wide[:, narrow.shape[1] :] == colours["webp"]).all(axis=2).any()
    with pytest.raises(PgiOptionError):
        plot_curves([], tmp_path / "none.png")


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(PgiUnsupportedError, match=r"pgic\[eval\]"):
        plot_curves(made("pgic", [(0.1, 30.0)]), tmp_path / "plot.png")
