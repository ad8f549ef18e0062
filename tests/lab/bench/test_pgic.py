"""The measurements on pgic itself, with the model that is installed."""

import math
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from PIL import Image
from skimage import data

from pgic_core.api import decode, encode
from pgic_core.cli.bench import bench
from pgic_core.lab.bench.metrics import psnr
from pgic_core.lab.bench.peer_codecs import PEERS, find_codec
from pgic_core.lab.bench.rate_distortion import Point, read_points, write_points
from pgic_core.lab.bench.speed import measure_speed, measure_stages
from pgic_core.lab.bench.stage_times import STAGES

PICTURE = data.coffee()[:192, :256]


def test_pgic_is_measured_as_whole_files() -> None:
    for name, effort in (("pgic", None), ("pgic-e1", 1)):
        codec = find_codec(name)
        coded = codec.encode(PICTURE, 60)
        assert coded == encode(PICTURE, quality=60, effort=effort)
        decoded = codec.decode(coded)
        assert decoded.shape == PICTURE.shape
        assert decoded.dtype == np.uint8
        assert psnr(PICTURE, decoded) > 33


def test_levels_are_measured_on_the_same_bytes() -> None:
    usual, fine = find_codec("pgic"), find_codec("pgic-fine")
    coded = fine.encode(PICTURE, 40)
    assert coded == usual.encode(PICTURE, 40)
    np.testing.assert_array_equal(fine.decode(coded), decode(coded, level="fine"))
    assert psnr(PICTURE, fine.decode(coded)) > psnr(PICTURE, usual.decode(coded))


def test_levels_stand_against_fast(tmp_path: Path) -> None:
    points = [
        Point("photos", "1.png", "whole", name, quality, 256, 192, 10, bpp, psnr + more)
        for name, more in (("pgic", 0), ("pgic-fine", 1))
        for quality, bpp, psnr in ((10, 0.125, 20.0), (50, 1.0, 32.0), (90, 4.0, 45.0))
    ]
    write_points(points, tmp_path / "points.csv")
    done = CliRunner().invoke(bench, ["rd", "--from", str(tmp_path / "points.csv")])
    assert done.exit_code == 0, done.output
    assert "against pgic" in " ".join(done.stdout.split())


def test_a_new_model_needs_no_new_figures_of_its_peers(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(PICTURE).save(path)
    peers = [
        Point(tmp_path.name, path.name, "whole", name, quality, 256, 192, 10, bpp, psnr)
        for name in PEERS
        for quality, bpp, psnr in ((10, 0.125, 20.0), (90, 4.0, 45.0))
    ]
    write_points(peers, tmp_path / "peers.csv")
    arguments = ["rd", path, "--from", tmp_path / "peers.csv", "--points", 3, "--results", tmp_path]
    done = CliRunner().invoke(bench, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    points = read_points(tmp_path / "results.csv")
    assert [repr(p) for p in points if p.codec != "pgic"] == [repr(p) for p in sorted_by_codec(peers)]
    assert [p.quality for p in points if p.codec == "pgic"] == [5, 50, 100]
    assert "Worst tile at quality 50 and above" in done.stdout


def sorted_by_codec(points: list[Point]) -> list[Point]:
    return sorted(points, key=lambda p: (p.codec, p.quality))


def test_preview_and_window_stand_beside_the_full_decode() -> None:
    rows = measure_speed(PICTURE, [find_codec("pgic")], runs=1, repeats=1)
    assert [row.operation for row in rows] == ["encode", "decode", "preview", "window"]
    assert [math.isnan(row.megapixels_per_second) for row in rows] == [False, False, True, True]
    assert all(math.isnan(row.ratio) for row in rows)


def test_every_stage_is_seen_both_ways() -> None:
    times = measure_stages(PICTURE, repeats=1)
    assert list(times) == ["encode", "decode"]
    for seconds in times.values():
        assert tuple(seconds) == STAGES
        assert all(value > 0 for value in seconds.values())
