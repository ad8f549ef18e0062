import numpy as np
import pytest
from click.testing import CliRunner

import pgic_core
from pgic_core.cli.features import features
from pgic_core.features import decode_features


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs ``pgic features`` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(features, arguments)


def test_one_array_there_and_back(run):
    values = np.random.default_rng(0).normal(size=(5, 9, 9)).astype(np.float32)
    np.save("in.npy", values)
    done = run("encode", "in.npy", "out.pgf", "--qp", "4")
    assert done.exit_code == 0
    assert "in.npy -> out.pgf: 1,620 -> " in done.stderr
    assert run("decode", "out.pgf", "back.npy").exit_code == 0
    assert np.abs(np.load("back.npy") - values).max() < 0.1
    assert "5x9x9\tfloat32\tpgic\tQP 4" in run("show", "out.pgf").output


def test_several_arrays_there_and_back(run):
    np.savez("in.npz", a=np.ones((2, 4, 4), np.float32), b=np.zeros((1, 3, 5, 5), np.float16))
    options = ["--codec", "hevc", "--packing", "tile", "--lossless", "--bits", "10"]
    assert run("encode", "in.npz", "out.pgf", *options).exit_code == 0
    assert run("decode", "out.pgf", "back.npz").exit_code == 0
    with np.load("back.npz") as back:
        assert (back["a"] == 1).all()
        assert back["b"].dtype == np.float16


def test_in_a_pgi_instead_of_a_picture_or_beside_one(run, tmp_path):
    np.save("in.npy", np.ones((2, 4, 4), np.float32))
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    (tmp_path / "photo.pgi").write_bytes(pgic_core.encode(picture, lossless=True))
    for options in ([], ["--picture", "photo.pgi"]):
        assert run("encode", "in.npy", "out.pgi", *options).exit_code == 0
        assert "2x4x4" in run("show", "out.pgi").output
        assert run("decode", "out.pgi", "back.npy").exit_code == 0
        assert (np.load("back.npy") == 1).all()
    assert np.array_equal(pgic_core.decode("out.pgi"), picture)
    done = run("decode", "photo.pgi", "back.npy")
    assert (done.exit_code, done.output) == (1, "pgic: photo.pgi carries no feature maps.\n")


def test_what_cannot_be_done_is_said_in_one_line(run, tmp_path):
    (tmp_path / "bad.npy").write_bytes(b"nothing")
    (tmp_path / "bad.pgf").write_bytes(b"nothing")
    np.save("words.npy", np.array(["a"]))
    np.save("ok.npy", np.zeros((1, 2, 2), np.float32))
    assert run("encode", "ok.npy", "ok.pgf").exit_code == 0
    for arguments in (
        ("encode", "bad.npy", "x.pgf"),
        ("decode", "bad.pgf", "x.npy"),
        ("show", "bad.pgf"),
    ):
        done = run(*arguments)
        assert done.exit_code == 1, arguments
        assert done.stderr.startswith("pgic: ")
        assert done.stderr.count("\n") == 1
    for arguments, reason in (
        (("decode", "ok.pgf", "x.npz"), "the target must end in .npy"),
        (("encode", "words.npy", "x.npz"), "float"),
    ):
        wrong = run(*arguments)
        assert wrong.exit_code == 2
        assert reason in wrong.stderr.splitlines()[-1]
        assert not (tmp_path / "x.npz").exists()
    assert decode_features((tmp_path / "ok.pgf").read_bytes()).shape == (1, 2, 2)
