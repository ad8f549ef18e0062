import sys

import numpy as np
import pytest
from skimage import data

from pgic_core.errors import PgiOptionError
from pgic_core.lab.bench.metrics import psnr
from pgic_core.lab.bench.peer_codecs import PEERS, available, find_codec

PICTURE = data.astronaut()[:101, 100:227]


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_sweeps_from_small_to_good(name: str) -> None:
    codec = find_codec(name)
    assert list(codec.qualities) == sorted(set(codec.qualities))
    sizes, qualities = [], []
    for quality in (codec.qualities[0], codec.usual, codec.qualities[-1]):
        coded = codec.encode(PICTURE, quality)
        decoded = codec.decode(coded)
        assert decoded.shape == PICTURE.shape
        assert decoded.dtype == np.uint8
        sizes.append(len(coded))
        qualities.append(psnr(PICTURE, decoded))
    assert sizes == sorted(sizes)
    assert qualities == sorted(qualities)
    assert qualities[0] < 32 < 36 < qualities[-1]


def test_a_codec_without_its_plugin_is_named_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr("PIL.features.check", lambda feature: feature != "avif")
    found, missing = available(("heic", "jpeg", "avif", "webp"))
    assert [codec.name for codec in found] == ["jpeg", "webp"]
    assert list(missing) == ["heic", "avif"]
    assert "pillow-heif is not installed" in missing["heic"]
    assert "built without AVIF" in missing["avif"]


@pytest.mark.parametrize("name", ["gif", "pgic-e", "pgic-e0", "pgic-e12", ""])
def test_an_unknown_name_says_what_there_is(name: str) -> None:
    with pytest.raises(PgiOptionError, match="jpeg, webp, avif, heic, jxl, jp2, pgic"):
        find_codec(name)
