"""``pgic meta``: show, set, strip, annotate."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from ..errors import PgiInputError, PgiOptionError
from ..small_files import MOST_JSON, parse_json
from .command_base import PgicGroup, option
from .file_facts_output import describe_metadata, pgi_sources, show_each
from .frame_numbers import edited_frames
from .key_options import key_options
from .paths import STREAM
from .roi_options import shapes_in
from .running import change_each
from .value_types import FRAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..api import FileInfo
    from ..security.keyring import KeyLike
    from .batch import Progress

__all__ = ["meta"]

_A3 = "Fields (A.3)"


@click.group(cls=PgicGroup)
def meta() -> None:
    """Show or change metadata without coding pixels again."""


@meta.command(examples=("pgic meta show photo.pgi", "pgic meta show --json coded"))
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@option("--json", "as_json", is_flag=True, help="One JSON object for one file, a list for several.")
@option(
    "--frame",
    type=FRAME,
    metavar="N",
    group="Sequences",
    help="Show this frame of a sequence, counted from 0; -1 is the last. [default: 0]",
)
@key_options(advanced=True)
def show(inputs: tuple[str, ...], as_json: bool, frame: int | None, keys: list[KeyLike]) -> None:
    """Show metadata, fault annotations and vendor fields."""

    def record(name: str, facts: FileInfo) -> dict[str, object]:
        plain = facts.to_dict()
        # Without "security", nobody could tell metadata that is hidden from metadata that is not there.
        shown = ("metadata", "preprocess", "annotations", "extension", "security")
        return {"file": name} | {key: plain[key] for key in shown}

    def describe(facts: FileInfo) -> Iterator[tuple[str, str]]:
        if facts.security is not None and facts.security.tier is None:
            yield "encrypted", "no key given opens the metadata"
        yield from describe_metadata(facts)

    show_each(pgi_sources(inputs), record if as_json else None, describe, keys, frame)


@meta.command(
    "set",
    examples=(
        "pgic meta set photo.pgi --device-id D7 --anomaly --param iso=200",
        "pgic meta set *.pgi --unset location --unset exif",
        "pgic meta set site.pgi --frame -1 --anomaly",
    ),
)
@click.argument("inputs", nargs=-1, required=True, metavar="FILE...")
@option("--time", "timestamp", metavar="ISO", group=_A3, help="Time with offset: 2026-05-01T08:30:00Z.")
@option("--device-id", metavar="TEXT", group=_A3, help="Id of the device that took the picture.")
@option("--location", metavar="LON,LAT[,HEIGHT]", group=_A3, help="Degrees east and north, metres.")
@option("--anomaly/--no-anomaly", default=None, group=_A3, help="Whether the picture shows a fault.")
@option(
    "--param",
    "params",
    multiple=True,
    metavar="KEY=TEXT",
    group=_A3,
    help="A sensor parameter; may be repeated.",
)
@option(
    "--field",
    "fields",
    multiple=True,
    metavar="VENDOR.KEY=VALUE",
    group="Other",
    help="A vendor field (A.4); may be repeated. VALUE is JSON, or text where it is not JSON.",
)
@option(
    "--unset",
    multiple=True,
    metavar="NAME",
    group="Other",
    help="Remove NAME: time, device-id, location (from EXIF and XMP too), a sensor parameter, a vendor "
    "field, exif, icc, xmp, dpi, segments or side-data (IPTC, comments, texts); may be repeated. With exif "
    "or xmp, the fields that were filled from them are removed too.",
)
@edited_frames
@key_options(advanced=True)
def set_(
    inputs: tuple[str, ...],
    timestamp: str | None,
    device_id: str | None,
    location: str | None,
    anomaly: bool | None,
    params: tuple[str, ...],
    fields: tuple[str, ...],
    unset: tuple[str, ...],
    frames: int | slice | None,
    keys: list[KeyLike],
) -> None:
    """Change metadata of files in place.

    What you do not name stays as it is. Changes break signatures of the file, and pgic says which.
    """
    from ..api import set_metadata

    metadata: dict[str, Any] = {}
    if timestamp is not None:
        metadata["timestamp"] = timestamp
    if device_id is not None:
        metadata["device_id"] = device_id
    if location is not None:
        metadata["location"] = _numbers(location)
    if anomaly is not None:
        metadata["anomaly"] = anomaly
    sensor_params: dict[str, str | None] = dict(_pairs(params, "--param"))
    extension: dict[str, object] = {key: _json_or_text(text) for key, text in _pairs(fields, "--field")}
    changes: dict[str, Any] = {}
    for name in unset:
        if name in ("time", "location"):
            metadata["timestamp_ms" if name == "time" else name] = None
        elif name == "device-id":
            metadata["device_id"] = ""
        elif name in ("exif", "xmp", "dpi", "icc", "segments"):
            changes["icc_profile" if name == "icc" else name] = None
        elif name == "side-data":
            changes["side_data"] = None
        elif "." in name:
            extension[name] = None
        else:
            sensor_params[name] = None
    if sensor_params:
        metadata["sensor_params"] = sensor_params
    if metadata:
        changes["metadata"] = metadata
    if extension:
        changes["extension"] = extension
    if not changes:
        raise click.UsageError("There is nothing to change.")

    def work(name: str, progress: Progress) -> None:
        set_metadata(name, **changes, frames=frames, keys=keys, progress=progress)

    change_each(inputs, work)


@meta.command(examples=("pgic meta strip photo.pgi --location", "pgic meta strip flight --all"))
@click.argument("inputs", nargs=-1, required=True, metavar="FILE...")
@option("--location", is_flag=True, help="Position, height above the sea, names of places.")
@option("--device", is_flag=True, help="Device id, maker, model, owner, serial numbers and the maker's note.")
@option("--thumbnail", is_flag=True, help="Small pictures in EXIF and XMP.")
@option(
    "--all",
    "everything",
    is_flag=True,
    help="XMP, EXIF except the orientation, and every field of A.3 except the anomaly flag.",
)
@edited_frames
@key_options(advanced=True)
def strip(
    inputs: tuple[str, ...],
    location: bool,
    device: bool,
    thumbnail: bool,
    everything: bool,
    frames: int | slice | None,
    keys: list[KeyLike],
) -> None:
    """Remove private facts from files in place.

    They are removed from the metadata fields, EXIF and XMP alike. Annotations, vendor fields, ICC and
    resolution stay. Only its maker can read a maker's note, which may hold any of this; --device removes it.
    """
    from ..api import strip_metadata

    if not (location or device or thumbnail or everything):
        raise click.UsageError("Say what to take out: --location, --device, --thumbnail or --all.")
    what: dict[str, Any] = {
        "location": location,
        "device": device,
        "thumbnail": thumbnail,
        "everything": everything,
    }

    def work(name: str, progress: Progress) -> None:
        strip_metadata(name, **what, frames=frames, keys=keys, progress=progress)

    change_each(inputs, work)


@meta.command(examples=('pgic meta annotate photo.pgi --box "broken insulator" 120 80 260 190',))
@click.argument("file", metavar="FILE")
@option(
    "--box",
    "boxes",
    multiple=True,
    type=(str, float, float, float, float),
    metavar="LABEL LEFT TOP RIGHT BOTTOM",
    help="A fault in a rectangle; may be repeated.",
)
@option(
    "--from",
    "source",
    type=click.File("rb"),
    metavar="JSON",
    help="File with a list of annotations, as 'pgic meta show --json' prints them; - for standard input.",
)
@option(
    "--recognise",
    metavar="NAME",
    help="Add what this recogniser finds in the decoded picture ('pgic plugins' lists recognisers).",
)
@option(
    "--replace", is_flag=True, help="Remove the annotations that the file has; given alone, it leaves none."
)
@partial(edited_frames, demanded=True)
@key_options(advanced=True)
def annotate(
    file: str,
    boxes: Sequence[tuple[str, float, float, float, float]],
    source: Any,
    recognise: str | None,
    replace: bool,
    frames: int | slice | None,
    keys: list[KeyLike],
) -> None:
    """Add fault annotations to a file.

    Say to which frames of a sequence they belong. A recogniser looks at all of them if you do not.

    Coordinates are pixels of the upright picture (EXIF orientation applied), x to the right and y down.
    """
    from ..api import annotate as write_annotations

    items: list[Any] = [{"label": label, "box": list(edges)} for label, *edges in boxes]
    if source is not None:
        name, data = getattr(source, "name", STREAM), source.read(MOST_JSON + 1)
        try:
            if len(data) > MOST_JSON:
                raise PgiInputError(f"{name} is larger than {MOST_JSON:,} bytes.")
            items += shapes_in(parse_json(data, name), name)
        except PgiInputError as error:
            raise click.UsageError(str(error)) from error
    if recognise is not None and items:
        raise click.UsageError("Give either --recognise or annotations of your own.")
    if recognise is None and not items and not replace:
        raise click.UsageError("There is nothing to add; give --box, --from or --recognise.")
    added = items if recognise is None else recognise

    def work(name: str, progress: Progress) -> None:
        if frames is None and recognise is None:
            _require_one_frame(name, keys)
        write_annotations(name, added, replace=replace, frames=frames, keys=keys, progress=progress)

    change_each([file], work)


def _require_one_frame(name: str, keys: list[KeyLike]) -> None:
    """Raise unless it is clear to which frame annotations belong.

    Raises:
        PgiOptionError: there are several.
    """
    from ..api import open_file

    with open_file(name, keys=keys) as file:
        if file.n_frames > 1:
            raise PgiOptionError(
                f"The file has {file.n_frames:,} frames. Say to which the annotations belong: --frame N, or "
                "--frames A:B (: for all)."
            )


def _pairs(texts: Sequence[str], name: str) -> list[tuple[str, str]]:
    pairs = []
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{name} must look like KEY=VALUE, not {text!r}.")
        pairs.append((key, value))
    return pairs


def _json_or_text(text: str) -> object:
    try:
        return parse_json(text, "")
    except PgiInputError:
        return text


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise click.UsageError(f"--location must be two or three numbers, not {text!r}.") from None
