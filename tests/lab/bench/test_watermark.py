"""``pgic bench watermark``: what it counts."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner
from PIL import Image
from scipy.stats import binomtest

from pgic_core.cli.bench import bench
from pgic_core.lab.bench.watermark_edits import paste_blocks
from pgic_core.lab.bench.watermark_false import MARKED_SHARE, numbered_key
from pgic_core.lab.bench.watermark_rows import WatermarkRow, watermark_table
from pgic_core.lab.bench.wilson_interval import wilson_interval
from pgic_core.security.watermark import Edits

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("hits", "trials"), [(0, 100_000), (40, 40), (39, 40), (3, 7), (500, 1000)])
def test_intervals_are_those_of_scipy(hits: int, trials: int) -> None:
    theirs = binomtest(hits, trials).proportion_ci(method="wilson")
    assert wilson_interval(hits, trials) == pytest.approx((theirs.low, theirs.high), abs=1e-7)


def test_no_trial_tells_nothing() -> None:
    assert wilson_interval(0, 0) == (0, 1)


def test_the_command_counts_and_writes(tmp_path: Path) -> None:
    Image.fromarray(skimage.data.astronaut()).save(tmp_path / "a.png")
    Image.fromarray(skimage.data.coffee()[:300, :520]).save(tmp_path / "b.png")
    table = tmp_path / "marks.csv"
    done = CliRunner().invoke(
        bench, ["watermark", str(tmp_path), "--pairs", "12", "--megapixels", "0.25", "--csv", str(table)]
    )
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(table.open()))
    ids = [row for row in rows if row["measure"] == "id found"]
    assert {row["trials"] for row in ids} == {"1"}
    assert {row["case"] for row in ids} >= {
        *(".pgi 40", ".pgi 60", ".pgi 80", "JPEG 70", "scale 0.75", "scale 1.5", "crop to a quarter"),
        ".pgi 60, scale 0.75, JPEG 70",
    }
    assert all(float(row["psnr"]) > 42 for row in ids if row["case"] == ".pgi 50")
    assert all(float(row["megapixels"]) <= 0.251 for row in ids)
    strong = [row for row in ids if row["case"] == ".pgi 80"]
    assert [row["hits"] for row in strong] == ["1", "1"]
    # Only one picture has a whole tile of 512 x 512 pixels.
    false = {row["case"]: row for row in rows if row["measure"] == "false id" and row["tiles"] == "1"}
    assert false["unmarked tile"]["trials"] == "12"
    assert int(false["marked tile, wrong key"]["trials"]) >= 12 / MARKED_SHARE / 16
    assert {row["hits"] for row in false.values()} == {"0"}


def test_no_tile_is_a_plain_error(tmp_path: Path) -> None:
    Image.fromarray(skimage.data.coffee()[:300, :300]).save(tmp_path / "b.png")
    done = CliRunner().invoke(bench, ["watermark", str(tmp_path), "--only", "false-ids"])
    assert done.exit_code == 2
    assert "512 pixels or more on each side" in done.stderr


def test_pastes_are_counted_apart_from_the_rest() -> None:
    pasted = paste_blocks(skimage.data.astronaut(), skimage.data.coffee(), 1)
    assert pasted.places
    assert np.array_equal(
        pasted.picture[:448, :448][~np.kron(pasted.touched[:7, :7], np.ones((64, 64), bool))],
        skimage.data.astronaut()[:448, :448][~np.kron(pasted.touched[:7, :7], np.ones((64, 64), bool))],
    )
    nothing = np.zeros_like(pasted.touched)
    untouched = int((~pasted.touched).sum())
    assert pasted.counts(None) == {"edit found": (len(pasted.places), 0), "false edit": (untouched, 0)}
    all_right = Edits(pasted.touched, nothing, nothing.astype(float))
    assert pasted.counts(all_right)["edit found"] == (len(pasted.places), len(pasted.places))
    all_wrong = Edits(~pasted.touched, nothing, nothing.astype(float))
    assert pasted.counts(all_wrong) == {
        "edit found": (len(pasted.places), 0),
        "false edit": (untouched, untouched),
    }


def test_the_table_sums_over_pictures() -> None:
    rows = [WatermarkRow("id found", name, "JPEG 70", 1, hits, 42.2) for name, hits in (("a", 1), ("b", 0))]
    table = watermark_table(rows)
    cells = [next(iter(column.cells)) for column in table.columns]
    assert cells[:5] == ["id found", "JPEG 70", "2", "2", "1"]
    assert cells[5] == "50"


def test_keys_can_be_made_again_and_differ() -> None:
    keys = {numbered_key(label, number) for label in ("wrong", "other") for number in range(50)}
    assert len(keys) == 100
    assert numbered_key("wrong", 7) in keys
