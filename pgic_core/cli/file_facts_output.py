"""What files say, written for people or as JSON."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from ..terminal import json_items, show, show_json
from .batch import run_batch
from .paths import PGI_SUFFIXES, STREAM, Source, find_sources
from .pipe_inputs import stdin_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ..api import FileInfo
    from ..container import Annotation
    from ..security.keyring import KeyLike
    from .batch import Progress

__all__ = ["describe_metadata", "pgi_sources", "show_each", "show_facts"]


def pgi_sources(inputs: Sequence[str]) -> list[Source]:
    """The ``.pgi`` files that arguments name; see :func:`.paths.find_sources`.

    Raises:
        click.UsageError: there are none.
    """
    sources = find_sources(inputs, PGI_SUFFIXES)
    if not sources:
        raise click.UsageError("There are no .pgi files in what was named.")
    return sources


def show_each(
    sources: Sequence[Source],
    record: Callable[[str, FileInfo], object] | None,
    describe: Callable[[FileInfo], Iterable[tuple[str, str]]],
    keys: Sequence[KeyLike] = (),
    frame: int | None = None,
) -> None:
    """Write what each file says before the next is opened, so that memory does not grow with their number.

    Exits with 1 if one of them failed.

    Args:
        sources: the files.
        record: name and facts of a file as JSON holds them: one object for one source, a list for several.
            None for text.
        describe: names and values for people.
        keys: of encrypted files.
        frame: of sequences, which one is described; None for the first, and the sequence.
    """
    from ..api import open_file

    with json_items() if record and len(sources) > 1 else nullcontext(show_json) as show_record:

        def work(source: Source, _: Progress) -> None:
            with open_file(stdin_stream() if source.name == STREAM else source.name, keys=keys) as file:
                facts = (file if frame is None else file.frame(frame)).info()
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
    from ..camera.timestamps import text_of_milliseconds

    metadata = facts.metadata
    if metadata.timestamp_ms is not None:
        yield "time", text_of_milliseconds(metadata.timestamp_ms)
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
    if told := facts.strategy.sentences():
        yield "strategy", "; ".join(told)
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


def _describe_annotation(annotation: Annotation) -> str:
    points = " ".join(f"({x:g}, {y:g})" for x, y in annotation.shape.points)
    facts = [annotation.label, f"{type(annotation.shape).__name__.lower()} {points}"]
    if annotation.severity is not None:
        facts.append(str(annotation.severity))
    if annotation.score is not None:
        facts.append(f"score {annotation.score:g}")
    facts += [f"{name} = {value}" for name, value in annotation.attributes.items()]
    return ", ".join(facts)
