"""``pgic info``."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from ..terminal import json_items, show, show_json
from .batch import run_batch
from .common import PGI_SUFFIXES
from .paths import STREAM, Source, find_sources
from .streams import stdin_stream
from .tiers import TieredCommand, option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ..api import FileInfo
    from ..container import Annotation
    from .batch import Progress

__all__ = ["describe_metadata", "info", "show_each", "show_facts"]


@click.command(cls=TieredCommand)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@option("--json", "as_json", is_flag=True, help="One JSON object for one file, a list for several.")
def info(inputs: tuple[str, ...], as_json: bool) -> None:
    """Say what .pgi files hold: size, codec, model, regions, blocks, metadata, annotations.

    INPUT is a .pgi file, a pattern, a folder, which is gone through with all below it, or - for standard
    input. No pixels are decoded.
    """
    sources = find_sources(inputs, PGI_SUFFIXES)
    if not sources:
        raise click.UsageError("There are no .pgi files in what was named.")

    def record(name: str, facts: FileInfo) -> dict[str, object]:
        return {"file": name, **facts.to_dict(), **_explained(facts.extension)}

    show_each(sources, record if as_json else None, _describe)


def show_each(
    sources: Sequence[Source],
    record: Callable[[str, FileInfo], object] | None,
    describe: Callable[[FileInfo], Iterable[tuple[str, str]]],
) -> None:
    """Write what files say, each before the next is opened, so that memory does not grow with their number.

    Exits with 1 if one of them failed.

    Args:
        sources: the files.
        record: name and facts of a file as JSON holds them: one object for one source, a list for several.
            None for text.
        describe: names and values for people.
    """
    from ..api import inspect

    with json_items() if record and len(sources) > 1 else nullcontext(show_json) as show_record:

        def work(source: Source, _: Progress) -> None:
            facts = inspect(stdin_stream() if source.name == STREAM else source.name)
            if record is None:
                show_facts(source.name, describe(facts))
            else:
                show_record(record(source.name, facts))

        report = run_batch(
            sources, lambda source: source.name, work, jobs=1, verbose=False, show_progress=False
        )
    report.finish()


def show_facts(title: str, facts: Iterable[tuple[str, str]]) -> None:
    """Write a title and below it names and values, for people."""
    show(title)
    for name, value in facts:
        show(f"  {name:<13} {value}")


def describe_metadata(facts: FileInfo) -> Iterator[tuple[str, str]]:
    """Name and value of each known field of A.3, annotation and vendor field, for people."""
    metadata = facts.metadata
    if metadata.timestamp_ms is not None:
        try:
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=metadata.timestamp_ms)
            yield "time", moment.isoformat(timespec="milliseconds")
        except OverflowError:
            yield "time", f"{metadata.timestamp_ms} ms after 1970"
    if metadata.device_id:
        yield "device", metadata.device_id
    if metadata.location is not None:
        place = metadata.location
        parts = (
            f"{name} {value}"
            for name in ("lon", "lat", "height", "datum")
            if (value := getattr(place, name)) not in (None, "")
        )
        yield "location", ", ".join(parts)
    for sentence in facts.contradictions:
        yield "contradiction", sentence
    if metadata.anomaly:
        yield "anomaly", "yes"
    for name, value in metadata.sensor_params.items():
        yield "parameter", f"{name} = {value}"
    if facts.preprocess:
        yield "preprocess", ", ".join(facts.preprocess)
    for annotation in facts.annotations:
        yield "annotation", _describe_annotation(annotation)
    if facts.extension:
        from ..hooks import read_extension_fields

        for key, field in read_extension_fields(facts.extension).items():
            # A field that no installed plugin knows is shown as it is stored, but for byte strings.
            value = field.text if isinstance(field.value, bytes) else repr(field.value)
            text = f"{field.label}: {field.text}" if field.package else f"{key} = {value}"
            yield "field", text[:200]
            for problem in field.problems:
                yield "problem", f"{field.label}: {problem}"


def _explained(extension: Mapping[str, object]) -> dict[str, object]:
    """``fields``: what installed plugins say about vendors' fields, by key; nothing if they say nothing."""
    if not extension:
        return {}
    from ..hooks import read_extension_fields

    fields: dict[str, object] = {
        key: {name: getattr(field, name) for name in ("label", "text", "package", "problems")}
        for key, field in read_extension_fields(extension).items()
        if field.package
    }
    return {"fields": fields} if fields else {}


def _describe_annotation(annotation: Annotation) -> str:
    points = " ".join(f"({x:g}, {y:g})" for x, y in annotation.shape.points)
    facts = [annotation.label, f"{type(annotation.shape).__name__.lower()} {points}"]
    if annotation.severity is not None:
        facts.append(str(annotation.severity))
    if annotation.score is not None:
        facts.append(f"score {annotation.score:g}")
    facts += [f"{name} = {value}" for name, value in annotation.attributes.items()]
    return ", ".join(facts)


def _describe(facts: FileInfo) -> Iterator[tuple[str, str]]:
    yield "format", ".".join(map(str, facts.format_version))
    yield (
        "picture",
        f"{facts.width} x {facts.height}, {facts.channels}, {facts.sample_format}, {facts.image_type}",
    )
    if facts.orientation != 1:
        yield "orientation", f"{facts.orientation} (EXIF, not applied)"
    codec: str = facts.codec
    if facts.codec == "learned":
        codec += f", quality {facts.quality}, model {facts.model_digest}"
        if facts.channels == "rgb+alpha":
            codec += ", alpha lossless"
    yield "codec", codec
    if facts.roi_octaves is not None:
        yield "regions", "steps finer by {:+.3f} to {:+.3f} octaves".format(*facts.roi_octaves)
    if facts.filter_bytes:
        yield "filter", f"{facts.filter_bytes:,} bytes"
    if facts.exact_blocks:
        yield (
            "exact",
            f"{facts.exact_blocks:,} blocks of 8 x 8, {facts.exact_share:.2%} of the picture, "
            f"{facts.exact_bytes:,} bytes",
        )
    if facts.near_blocks:
        yield "near-exact", f"{facts.near_blocks:,} blocks of 8 x 8"
    yield "tiles", f"{facts.tiles} of {facts.tile_size[0]} x {facts.tile_size[1]}"
    yield (
        "size",
        f"{facts.file_bytes:,} bytes, {facts.bpp:.3f} bpp, preview in the first {facts.preview_bytes:,}",
    )
    for block in facts.blocks:
        flags = " compressed" * block.compressed + " encrypted" * block.encrypted
        yield "block", f"{block.name}: {block.length:,} bytes{flags}"
    profiles = {"EXIF": facts.exif_bytes, "ICC": facts.icc_bytes, "XMP": facts.xmp_bytes}
    present = [f"{name} {length:,} bytes" for name, length in profiles.items() if length]
    if present:
        yield "profiles", ", ".join(present)
    if facts.segment_bytes:
        whose = f"raw temperatures of {facts.radiometric}" if facts.radiometric else "no raw temperatures"
        yield "segments", f"{facts.segment_bytes:,} bytes from the JPEG, {whose}"
    for name, value in facts.to_dict()["side_data"].items():  # type: ignore[attr-defined]
        if name.endswith("_bytes"):
            yield "beside", f"{name.removesuffix('_bytes').replace('_', ' ')}, {value:,} bytes"
    for comment in facts.side_data.comments:
        yield "comment", comment.decode("utf-8", "replace")[:200]
    for text in facts.side_data.texts:
        yield "text", f"{text.keyword}: {text.text}"[:200]
    if facts.dpi:
        yield "resolution", f"{facts.dpi[0]:g} x {facts.dpi[1]:g} dpi"
    yield from describe_metadata(facts)
