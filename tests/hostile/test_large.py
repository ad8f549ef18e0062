"""Pictures that are worked on in parts come out as if they had not been."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner
from PIL import Image

import pgic_core
from pgic_core.cli import app
from pgic_core.codec.learned.latent_row_buffer import LatentRows
from pgic_core.codec.lossless.decoder import LosslessImage
from pgic_core.codec.rectangle import Rectangle
from pgic_core.errors import PgiFormatError, PgiLimitError

if TYPE_CHECKING:
    from pathlib import Path

PHOTO = np.ascontiguousarray(np.tile(skimage.data.coffee(), (2, 1, 1))[:700, :530])
ALPHA = np.dstack([PHOTO, PHOTO[:, :, 1]])


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgic_core.codec.block_cutting._BLOCK_PIXELS", 1 << 16)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("image", "options"),
    [
        (PHOTO, {"quality": 60}),
        (ALPHA, {"quality": 40}),
        (PHOTO[:, :, 0], {"effort": 1}),
        (PHOTO[:, :, 0].astype(np.uint16) * 3, {"effort": 1}),
        (PHOTO[:, :, 0].astype(np.float32), {}),
    ],
    ids=["learned", "alpha", "grey", "16 bits", "float"],
)
def test_strips_are_the_picture(image: Any, options: dict[str, Any]) -> None:
    shares: list[float] = []
    with pgic_core.open_file(pgic_core.encode(image, **options)) as file:
        strips = list(file.strips(progress=shares.append))
        whole = file.decode()
    assert len(strips) > 1 or image.dtype == np.float32
    np.testing.assert_array_equal(np.concatenate(strips).reshape(whole.shape), whole)
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("suffix", ["npy", "ppm", "pnm", "pgm"])
def test_the_command_writes_strips(suffix: str, tmp_path: Path) -> None:
    image = PHOTO[:, :, 0] if suffix == "pgm" else PHOTO
    coded, out = str(tmp_path / "a.pgi"), str(tmp_path / f"a.{suffix}")
    pgic_core.encode_to(coded, image, quality=60 if image is PHOTO else None)
    assert CliRunner().invoke(app, ["decode", coded, out]).exit_code == 0
    found = np.load(out) if suffix == "npy" else np.asarray(Image.open(out))
    np.testing.assert_array_equal(found, pgic_core.decode(coded))


def test_damage_below_ends_strips_and_leaves_no_file(tmp_path: Path) -> None:
    data = bytearray(pgic_core.encode(PHOTO[:, :, 0]))
    data[-5] ^= 1
    path = tmp_path / "a.pgi"
    path.write_bytes(data)
    with pgic_core.open_file(path) as file, pytest.raises(PgiFormatError):
        list(file.strips())
    assert CliRunner().invoke(app, ["decode", str(path), str(tmp_path / "a.npy")]).exit_code == 1
    assert list(tmp_path.iterdir()) == [path]


def test_rows_of_a_latent_come_and_go() -> None:
    random = np.random.default_rng(0)
    whole = random.normal(size=(1, 100, 12, 3)).astype(np.float32)
    rows = LatentRows(3, 192)
    for bottom in (16 * 7, 16 * 60, 16 * 100):
        new = rows.grow(bottom)
        for left, right in ((0, 128), (128, 192)):
            part = Rectangle(left, new.top, right, new.bottom)
            rows.put(part, whole[:, *part.inside(Rectangle(0, 0, 192, 1600), 16)])
        above = max(0, bottom - 320)
        area = Rectangle(32, above, 160, bottom)
        np.testing.assert_array_equal(rows.take(area), whole[:, *area.inside(Rectangle(0, 0, 0, 0), 16)])
        rows.forget(above)
    assert sum(piece.shape[1] for _, piece in rows._pieces) < 60


def test_a_lack_of_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> object:
        raise MemoryError

    monkeypatch.setattr(LosslessImage, "decode", decode)
    with pytest.raises(PgiLimitError, match="not enough memory"):
        pgic_core.decode(pgic_core.encode(PHOTO[:9, :9, 0]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "megabytes"),
    [
        ("pgic_core.encode_to('a.pgi', np.load('a.npy'), quality=60)", 4 * 108 + 500),
        ("pgic_core.decode('a.pgi')", 4 * 108 + 500),
        ("pgic_core.decode('a.pgi', window=(3000, 2500, 512, 512))", 300),
    ],
    ids=["encode", "decode", "window"],
)
def test_memory_of_36_megapixels(
    call: str, megabytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    large = np.tile(PHOTO[:600, :500], (10, 12, 1))
    np.save("a.npy", large)
    if "encode" not in call:
        pgic_core.encode_to("a.pgi", large, quality=60)
    code = (
        f"import numpy as np, pgic_core\n{call}\n"
        "print([line for line in open('/proc/self/status') if line.startswith('VmHWM')][0].split()[1])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < megabytes * 1e6
