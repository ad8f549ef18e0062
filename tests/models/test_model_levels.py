"""Renderers: entries of the manifest, their digests, and which of them draws."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pgic_core
from pgic_core.errors import PgiError, PgiModelError, PgiOptionError
from pgic_core.models import Model, default_model, find_model, model_lookup
from pgic_core.models.levels import parse_renderers
from pgic_core.models.manifest import identity_digest, read_manifest, write_manifest

if TYPE_CHECKING:
    from pathlib import Path

RGB = np.random.default_rng(3).integers(0, 255, (96, 128, 3), dtype=np.uint8)


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder of one's own with the shipped model's files, which is found first."""
    folder = tmp_path / "models" / "copy"
    shutil.copytree(default_model().folder, folder, ignore=shutil.ignore_patterns("*.pt", "*.md", "*.png"))
    monkeypatch.setenv("PGIC_MODEL_PATH", str(folder.parent))
    monkeypatch.setenv("PGIC_MODEL_UNSIGNED", "1")
    return folder


def rewrite(folder: Path, **changes: Any) -> dict[str, Any]:
    """Write the manifest anew, with all digests."""
    manifest = {**read_manifest(folder), **changes}
    kept = {k: v for k, v in manifest.items() if k not in ("digest", "files") and v is not None}
    write_manifest(folder, kept)
    model_lookup._models.cache_clear()
    return read_manifest(folder)


def entries(folder: Path) -> list[dict[str, Any]]:
    manifest: dict[str, Any] = read_manifest(folder)
    found: list[dict[str, Any]] = manifest["renderers"]
    return found


def test_the_shipped_model_has_its_levels_and_scales() -> None:
    model = default_model()
    found = {(r.level, r.scale) for r in model.renderers}
    assert {("fast", 1), ("fast", 2), ("fast", 4), ("preview", 4), ("preview", 8)} <= found
    assert model.renderer("fast").network == "synthesis.onnx"
    assert model.renderer("fast", 8) == model.renderer("preview", 8) == model.renderer("preview", 1)
    assert not any(r.synthesised for r in model.renderers if r.level not in ("perceptual", "recognition"))


def test_a_renderer_has_a_digest_of_its_own(copy: Path) -> None:
    before = Model(copy)
    network = bytearray((copy / "synthesis-half.onnx").read_bytes())
    network[len(network) // 2] ^= 1
    (copy / "synthesis-half.onnx").write_bytes(network)
    rewrite(copy)
    after = Model(copy)
    assert after.digest == before.digest == identity_digest(copy)
    changed = [(a.level, a.scale) for a, b in zip(after.renderers, before.renderers, strict=True) if a != b]
    assert changed == [("fast", 2)]
    # What it must see is a part of it, too.
    wider = [{**e, "halo": [[52, 16]]} if e["scale"] == 2 else e for e in entries(copy)]
    rewrite(copy, renderers=wider)
    assert Model(copy).renderer("fast", 2).digest != after.renderer("fast", 2).digest


def test_adding_a_level_touches_the_manifest_alone(copy: Path) -> None:
    """Every way to decode knows it then."""
    data = pgic_core.encode(RGB, quality=60)
    with pytest.raises(PgiOptionError, match="level must be one of"):
        pgic_core.decode(data, level="plain")
    fast = next(e for e in entries(copy) if (e["level"], e["scale"]) == ("fast", 1))
    plain = {**fast, "level": "plain", "post_filter": False}
    rewrite(copy, renderers=[*entries(copy), plain])
    assert find_model(default_model().digest).folder == copy
    shown = pgic_core.decode(data, level="plain")
    assert shown.shape == RGB.shape
    with pgic_core.open_file(data) as file:
        assert file.info().filter_bytes == 0 or not np.array_equal(shown, file.decode())
        assert [r.level for r in file.info().renderers][-1] == "plain"
        renderer = file.renderer("plain")
        assert renderer is not None
        assert renderer.digest == Model(copy).renderer("plain").digest
    assert pgic_core.decode(data, level="plain", scale=2).shape == (48, 64, 3)


def test_a_model_without_a_list_has_two_levels_and_makes_scales_of_them(copy: Path) -> None:
    """Models made before there was a list decode as they did."""
    data = pgic_core.encode(RGB, quality=60)
    whole, preview = pgic_core.decode(data), pgic_core.decode(data, level="preview")
    rewrite(copy, renderers=None)
    assert "renderers" not in json.loads((copy / "manifest.json").read_text())
    old = find_model(default_model().digest)
    assert old.folder == copy
    assert old.levels == ("fast", "preview")
    assert np.array_equal(pgic_core.decode(data), whole)
    assert np.array_equal(pgic_core.decode(data, level="preview"), preview)
    means = whole.reshape(24, 4, 32, 4, 3).astype(int).sum((1, 3))
    assert np.array_equal(pgic_core.decode(data, scale=4), (means + 8) // 16)
    assert np.array_equal(pgic_core.decode(data, level="preview", scale=4), (means + 8) // 16)
    with pytest.raises(PgiModelError, match="has no level fine; it has fast, preview"):
        pgic_core.decode(data, level="fine")
    with pytest.raises(PgiModelError, match="has no level adaptive"):
        pgic_core.decode(data, level="adaptive")


def test_old_and_new_models_decode_side_by_side(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two models with other symbols: each file finds its own."""
    import dataclasses

    other = tmp_path / "models" / "other"
    copy.rename(other)
    tables = Model(other).tables
    fields = {field.name: getattr(tables, field.name) for field in dataclasses.fields(tables)}
    coarser = dataclasses.replace(tables, **{**fields, "step_exponent": tables.step_exponent + np.int16(1)})
    coarser.save(other / "tables.npz")
    rewrite(other, id="other")
    monkeypatch.setenv("PGIC_MODEL_PATH", f"{tmp_path / 'models'}")
    new = Model(other)
    assert new.digest != default_model().digest
    shipped = pgic_core.encode(RGB, quality=60)
    monkeypatch.setenv("PGIC_MODEL", "other")
    theirs = pgic_core.encode(RGB, quality=60)
    digests = [pgic_core.inspect(data).model_digest for data in (shipped, theirs)]
    assert digests == [find_model("grid-1").digest[:32], new.digest[:32]]
    for data in (shipped, theirs):
        shown = pgic_core.decode(data).astype(int)
        assert np.sqrt(np.square(shown - RGB).mean()) < 40
        assert pgic_core.decode(data, scale=2).shape == (48, 64, 3)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"level": "Fast!"}, "may be called"),
    ({"level": "adaptive"}, "may be called"),
    ({"level": None}, "may be called"),
    ({"scale": 3}, "no sound entry 'scale'"),
    ({"scale": True}, "no sound entry 'scale'"),
    ({"layer": "z"}, "no sound entry 'layer'"),
    ({"network": "../synthesis.onnx"}, "no sound entry 'network'"),
    ({"network": "missing.onnx"}, "no sound entry 'network'"),
    ({"network": "tables.npz"}, "no sound entry 'network'"),
    ({"halo": []}, "no sound entry 'halo'"),
    ({"halo": [[36, 0]]}, "no sound entry 'halo'"),
    ({"halo": [[36, 24]]}, "no sound entry 'halo'"),
    ({"halo": [[-1, 16]]}, "no sound entry 'halo'"),
    ({"halo": [[1 << 40, 16]]}, "no sound entry 'halo'"),
    ({"halo": [[900, 16]] * 2}, "no sound entry 'halo'"),
    ({"halo": [[36.0, 16]]}, "no sound entry 'halo'"),
    ({"inside_halo": -4}, "no sound entry 'inside_halo'"),
    ({"inside_halo": None}, "no sound entry 'inside_halo'"),
    ({"post_filter": 1}, "no sound entry 'post_filter'"),
    ({"synthesised": "no"}, "no sound entry 'synthesised'"),
    ({"network": "synthesis-half.onnx"}, "fast must be drawn by synthesis"),
    ({"digest": "0" * 64}, "is not that of its entry and file"),
    ({"synthesised": True}, "is not that of its entry and file"),
]


@pytest.mark.parametrize(("change", "reason"), WRONG)
def test_entries_that_break_a_rule(copy: Path, change: dict[str, Any], reason: str) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    first = next(e for e in manifest["renderers"] if (e["level"], e["scale"]) == ("fast", 1))
    first.update(change)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(PgiModelError, match=reason):
        Model(copy)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda found: {}, "must be a list"),
        (lambda found: found * 40, "must be a list of at most 64"),
        (lambda found: [*found, 5], "not a JSON object"),
        (lambda found: [*found, found[0]], "the same level and scale"),
        (lambda found: [e for e in found if e["level"] != "fast"], "no renderer draws the level fast"),
        (lambda found: [e for e in found if e["scale"] != 1], "no renderer draws the level fast"),
    ],
)
def test_lists_that_break_a_rule(copy: Path, change: Any, reason: str) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["renderers"] = change(manifest["renderers"])
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(PgiModelError, match=reason):
        Model(copy)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("level", "scale", "layer", "network", "halo", "inside_halo", "post_filter", "synthesised", "digest")


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=9), max_size=3) | JSON)
def test_no_list_raises_anything_else(found: Any) -> None:
    with pytest.raises(PgiError):
        parse_renderers(found, {"synthesis.onnx": "0" * 64})


def test_a_network_that_gives_something_else_is_named(copy: Path) -> None:
    """An entry that says of a network what it does not do, with digests that agree."""
    data = pgic_core.encode(RGB, quality=60)
    half = next(e for e in entries(copy) if (e["level"], e["scale"]) == ("fast", 2))
    lies = [
        ({"network": "synthesis.onnx"}, "gives other pixels than it should"),
        ({"network": "means.onnx"}, "asks for .*known"),
    ]
    others = [e for e in entries(copy) if e is not half and e["scale"] != 2]
    for lie, reason in lies:
        rewrite(copy, renderers=[*others, {**half, **lie}])
        with pytest.raises(PgiModelError, match=reason):
            pgic_core.decode(data, scale=2)
