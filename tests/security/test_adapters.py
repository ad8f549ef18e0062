"""Encrypted files in Pillow, imageio and torchvision's loaders."""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

import pgic_core
import pgic_plugins.pillow as plugin
from pgic_plugins.pillow import register_pgi_opener

from .conftest import Keys, sealed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def usual_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("PGIC_KEYS", raising=False)
    yield
    register_pgi_opener()


@pytest.fixture
def data(small: bytes, keys: Keys) -> bytes:
    return sealed(
        small, keys.full.public, (keys.preview.public, "preview"), (keys.metadata.public, "metadata")
    )


def test_image_open_without_a_key_names_those_that_open_it(data: bytes, keys: Keys) -> None:
    with pytest.raises(OSError, match=keys.full.key_id.hex()) as caught:
        Image.open(io.BytesIO(data))
    assert isinstance(caught.value, pgic_core.PgiError)
    assert str(caught.value).count(".") == 2


def test_image_open_shows_what_the_keys_open(data: bytes, small: bytes, keys: Keys) -> None:
    register_pgi_opener(keys=keys.full)
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["tier"] == "full"
        assert image.size == (96, 64)
        assert (np.asarray(image) == pgic_core.decode(small)).all()
        assert image.info["metadata"].device_id == "UAV-7"
    register_pgi_opener(keys=[keys.preview])
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["tier"] == "preview"
        assert image.size == (12, 8)
        assert (np.asarray(image) == pgic_core.decode(small, level="preview")).all()
    register_pgi_opener(keys=keys.metadata)
    with pytest.raises(OSError, match="takes the tier preview"):
        Image.open(io.BytesIO(data))
    register_pgi_opener()
    assert plugin.KEYS is None


def test_a_plain_file_has_no_tier(small: bytes) -> None:
    with Image.open(io.BytesIO(small)) as image:
        assert "tier" not in image.info


def test_saving_for_recipients(small: bytes, keys: Keys) -> None:
    out = io.BytesIO()
    with Image.open(io.BytesIO(small)) as image:
        image.save(out, "PGI", codec="learned", recipients=keys.full.public)
    with pgic_core.open_file(out.getvalue(), keys=keys.full) as file:
        assert file.tier == "full"
        assert file.metadata.device_id == "UAV-7"


def test_verify_of_pillow_needs_no_key(data: bytes, keys: Keys) -> None:
    register_pgi_opener(keys=keys.preview)
    with Image.open(io.BytesIO(data)) as image:
        image.verify()


def test_other_libraries_use_the_environment(
    data: bytes, small: bytes, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.pgi"
    path.write_bytes(data)
    with pytest.raises(pgic_core.PgiKeyError):
        iio.imread(path)
    pgic_core.security.write_key_pair(keys.full, tmp_path, "anna")
    monkeypatch.setenv("PGIC_KEYS", str(tmp_path / "anna.key"))
    assert (iio.imread(path) == pgic_core.decode(small)).all()


def test_imageio_takes_keys(data: bytes, small: bytes, keys: Keys, tmp_path: Path) -> None:
    path = tmp_path / "a.pgi"
    path.write_bytes(data)
    for source in (path, data):
        assert (iio.imread(source, keys=keys.full, extension=".pgi") == pgic_core.decode(small)).all()
        with pytest.raises(pgic_core.PgiKeyError):
            iio.imread(source, keys=pgic_core.generate_key(), extension=".pgi")
    with iio.imopen(path, "r", plugin="pgi", keys=keys.full) as file:
        assert file.properties().shape == (64, 96, 3)
        assert file.metadata()["metadata"].device_id == "UAV-7"


def test_opencv_takes_keys(data: bytes, small: bytes, keys: Keys) -> None:
    pytest.importorskip("cv2")
    from pgic_plugins import opencv

    assert (opencv.read(data, keys=keys.full)[:, :, ::-1] == pgic_core.decode(small)).all()
    with pytest.raises(pgic_core.PgiKeyError):
        opencv.read(data)


def test_torchvision_takes_keys(data: bytes, small: bytes, keys: Keys, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    from pgic_plugins.torchvision import PgiDetection, PgiFolder, decode_pgi, decode_pgi_latent

    wanted = torch.from_numpy(pgic_core.decode(small)).permute(2, 0, 1)
    assert torch.equal(decode_pgi(data, keys=keys.full), wanted)
    assert torch.equal(decode_pgi([data], keys=[keys.full])[0], wanted)
    (window,) = decode_pgi(data, windows=[(8, 8, 16, 16)], keys=keys.full)
    assert torch.equal(window, wanted[:, 8:24, 8:24])
    assert decode_pgi(data, level="preview", keys=keys.preview).shape == (3, 8, 12)
    assert decode_pgi(data, engine="torch", keys=keys.full).shape == wanted.shape
    assert decode_pgi_latent(data, keys=keys.full).ndim == 3
    with pytest.raises(pgic_core.PgiKeyError):
        decode_pgi(data)
    with pytest.raises(pgic_core.PgiKeyError):
        decode_pgi(data, keys=keys.preview)
    (tmp_path / "data" / "crack").mkdir(parents=True)
    (tmp_path / "data" / "crack" / "a.pgi").write_bytes(data)
    pgic_core.security.write_key_pair(keys.full, tmp_path, "anna")
    name = tmp_path / "anna.key"
    assert torch.equal(PgiFolder(tmp_path / "data", keys=name)[0][0], wanted)
    assert torch.equal(PgiDetection(tmp_path / "data", keys=name)[0][0], wanted)
    sent = pickle.loads(pickle.dumps(PgiFolder(tmp_path / "data", keys=name)))  # as to a spawned worker
    assert torch.equal(sent[0][0], wanted)
    with pytest.raises(TypeError, match="PGIC_KEYS"):
        pickle.dumps(PgiFolder(tmp_path / "data", keys=keys.full))
    with pytest.raises(pgic_core.PgiKeyError):
        PgiFolder(tmp_path / "data")[0]
