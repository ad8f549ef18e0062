"""Hypothesis strategies for what a file holds."""

from __future__ import annotations

from hypothesis import strategies as st

from pgic_core.container import (
    Annotation,
    Box,
    Compression,
    ImageFields,
    Location,
    Metadata,
    Polygon,
    Segment,
    Severity,
    pack_segments,
)

texts = st.text(max_size=20)

fields = st.builds(
    ImageFields,
    image_type=st.integers(0, 255),
    width=st.integers(1, 128),
    height=st.integers(1, 128),
    color_depth=st.integers(1, 255),
    compression_type=st.integers(0, 255).filter(lambda kind: kind != Compression.SEQUENCE),
)

payloads = st.lists(st.binary(max_size=40), min_size=1, max_size=4).filter(any)

locations = st.builds(
    Location,
    lon=st.none() | st.floats(-180, 180),
    lat=st.none() | st.floats(-90, 90),
    height=st.none() | st.floats(-1e7, 1e7),
    datum=texts,
).filter(lambda location: location.known)

metadata = st.builds(
    Metadata,
    timestamp_ms=st.none() | st.integers(0, 2**64 - 2),
    device_id=texts,
    location=st.none() | locations,
    sensor_params=st.dictionaries(texts, texts, max_size=5),
    anomaly=st.booleans(),
)

values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**64), 2**64 - 1),
        st.floats(allow_nan=False),
        texts,
        st.binary(max_size=30),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)

keys = st.from_regex(r"[a-z0-9][a-z0-9-]{0,10}\.[^\x00-\x1f\x7f\ud800-\udfff]{1,10}", fullmatch=True).filter(
    lambda key: not key.startswith("pgic.")
)

extensions = st.builds(
    lambda own, reserved: own | reserved,
    st.dictionaries(keys, values, max_size=4),
    st.fixed_dictionaries(
        {},
        optional={
            "pgic.exif": st.binary(min_size=1, max_size=50),
            "pgic.xmp": st.binary(min_size=1, max_size=50),
            "pgic.icc": st.binary(min_size=1, max_size=50),
            "pgic.dpi": st.lists(st.floats(1, 1e6) | st.integers(1, 10**6), min_size=2, max_size=2),
            "pgic.segments": st.lists(
                st.builds(Segment, st.integers(0xE0, 0xEF), st.binary(max_size=40)), min_size=1, max_size=4
            ).map(pack_segments),
            "pgic.xmp-extended": st.binary(min_size=1, max_size=50),
            "pgic.iptc": st.binary(min_size=1, max_size=50),
            "pgic.photoshop": st.binary(min_size=1, max_size=50),
            "pgic.comments": st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=3),
            "pgic.text": st.lists(
                st.fixed_dictionaries(
                    {"keyword": st.text(min_size=1, max_size=10), "text": texts},
                    optional={"language": texts, "translated": texts},
                ),
                min_size=1,
                max_size=3,
            ),
            "pgic.preprocess": st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=3),
            "pgic.strategy": st.fixed_dictionaries(
                {}, optional={"roi": st.text(min_size=1, max_size=20), "steps": st.just([-0.5, 1])}
            ),
        },
    ),
)

_coordinates = st.floats(0, 1e5) | st.integers(0, 10**5)
_boxes = st.tuples(_coordinates, _coordinates, st.floats(1, 1e4), st.floats(1, 1e4)).map(
    lambda edges: Box(edges[0], edges[1], edges[0] + edges[2], edges[1] + edges[3])
)
_polygons = st.lists(st.tuples(_coordinates, _coordinates), min_size=3, max_size=6).map(
    lambda points: Polygon(tuple(points))
)
annotations = st.builds(
    Annotation,
    label=st.text(min_size=1, max_size=20),
    shape=_boxes | _polygons,
    score=st.none() | st.floats(0, 1),
    severity=st.none() | st.sampled_from(Severity),
    attributes=st.dictionaries(texts, texts | st.integers(-(2**63), 2**63) | st.booleans(), max_size=3),
)
