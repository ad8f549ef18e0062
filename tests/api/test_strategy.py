"""``pgic.strategy``: what a file says of how its quantisation and rate were adapted (A-6.3.1d)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage
from click.testing import CliRunner

import pgic_core
from pgic_core.cli import app
from pgic_core.container import PgiReader, Strategy, strategy_from_map
from pgic_core.errors import PgiFormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY = "pgic.strategy"
BOX = [(32, 16, 64, 48)]


@pytest.fixture(scope="module")
def small() -> NDArray[np.uint8]:
    return np.ascontiguousarray(skimage.data.astronaut()[100:228, 100:260])


def field_of(data: bytes) -> object:
    with PgiReader(data) as reader:
        return reader.extension.get(KEY)


def test_a_default_file_has_no_byte_of_it(small: NDArray[np.uint8]) -> None:
    for options in ({}, {"quality": 30}, {"lossless": True}, {"effort": 1}):
        data = pgic_core.encode(small, **options)  # type: ignore[arg-type]
        assert field_of(data) is None


def test_regions_and_their_steps_are_recorded(small: NDArray[np.uint8]) -> None:
    roi = pgic_core.Roi(BOX, strength=1.5, background=-0.5)
    data = pgic_core.encode(small, codec="learned", roi=roi, exact=[(0, 0, 16, 16)])
    assert field_of(data) == {"roi": "boxes", "steps": [-0.5, 1.5], "exact": "boxes"}
    facts = pgic_core.inspect(data)
    assert facts.strategy == Strategy("boxes", (-0.5, 1.5), "boxes")
    assert facts.roi_octaves is not None  # the stream's own record says what was reached
    plain = pgic_core.encode(small, codec="learned", roi=np.full((2, 3), 4, np.int8))
    assert field_of(plain) == {"roi": "map"}
    assert field_of(pgic_core.encode(small, codec="learned", roi="saliency")) == {
        "roi": "saliency",
        "steps": [0, 1],
    }
    mask = np.zeros(small.shape[:2], bool)
    mask[:20] = True
    assert field_of(pgic_core.encode(small, codec="learned", roi=mask)) == {"roi": "mask", "steps": [0, 1]}


def test_targets_are_recorded_and_count_for_themselves() -> None:
    photo = skimage.data.astronaut()[:400, :400]
    data = pgic_core.encode(photo, codec="learned", max_bytes=20_000)
    assert len(data) <= 20_000
    assert field_of(data) == {"target": ["bytes", 20_000]}
    assert field_of(pgic_core.encode(photo, codec="learned", max_bytes=9_000)) is None  # too small a file
    assert field_of(pgic_core.encode(photo, codec="learned", min_psnr=30.5)) == {"target": ["psnr", 30.5]}


def test_what_was_not_done_is_not_recorded(small: NDArray[np.uint8]) -> None:
    flat = np.full((64, 64, 3), 7, np.uint8)
    assert field_of(pgic_core.encode(flat, roi=BOX)) is None  # stored without loss
    assert field_of(pgic_core.encode(small, codec="learned", roi="annotations", exact="annotations")) != {}
    nothing = pgic_core.encode(small, codec="learned", exact="annotations")
    assert field_of(nothing) is None  # there are none


def test_info_shows_it(small: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("strategy") / "a.pgi"
    pgic_core.encode_to(path, small, codec="learned", roi="saliency", min_psnr=30)
    shown = CliRunner().invoke(app, ["info", str(path)]).output
    line = next(line for line in shown.splitlines() if line.strip().startswith("strategy"))
    assert line.split(maxsplit=1)[1] == (
        "more detail by saliency; steps finer by +0 octaves outside and +1 inside; at least 30 dB"
    )
    assert '"target": [\n' in CliRunner().invoke(app, ["info", "--json", str(path)]).output
    pgic_core.set_metadata(path, metadata={"device_id": "UAV-7"})
    assert pgic_core.inspect(path).strategy.roi == "saliency"  # edits keep it


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"roi": ""},
        {"exact": 3},
        {"steps": [1]},
        {"steps": [0, 5]},
        {"steps": [0, True]},
        {"target": ["bytes"]},
        {"target": ["bits", 3]},
        {"target": ["psnr", 0]},
        {"target": [["psnr"], 1]},
    ],
)
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(PgiFormatError, match="strategy"):
        strategy_from_map(value)


def test_names_of_later_versions_are_passed_over() -> None:
    assert strategy_from_map({"later": [1]}) == Strategy()
