import numpy as np
import pytest
from click.testing import CliRunner

from pgic_core.features import decode_features
from pgic_core.features.command import features


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(features, arguments)


def test_one_array_there_and_back(run):
    values = np.random.default_rng(0).normal(size=(5, 9, 9)).astype(np.float32)
    np.save("in.npy", values)
    done = run("encode", "in.npy", "out.pgf", "--qp", "4")
    assert done.exit_code == 0
    assert "% of 1,620" in done.output
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


def test_what_cannot_be_done_is_said_in_one_line(run, tmp_path):
    (tmp_path / "bad.npy").write_bytes(b"nothing")
    (tmp_path / "bad.pgf").write_bytes(b"nothing")
    np.save("words.npy", np.array(["a"]))
    np.save("ok.npy", np.zeros((1, 2, 2), np.float32))
    assert run("encode", "ok.npy", "ok.pgf").exit_code == 0
    for arguments in (
        ("encode", "bad.npy", "x.pgf"),
        ("encode", "words.npy", "x.pgf"),
        ("decode", "bad.pgf", "x.npy"),
        ("decode", "ok.pgf", "x.npz"),
        ("show", "bad.pgf"),
    ):
        done = run(*arguments)
        assert done.exit_code == 1, arguments
        assert done.output.startswith("pgic: ")
        assert "Traceback" not in done.output
    assert decode_features((tmp_path / "ok.pgf").read_bytes()).shape == (1, 2, 2)
