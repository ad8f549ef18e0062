"""``pgic info``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .command_base import PgicCommand, option
from .file_facts_output import describe_metadata, pgi_sources, show_each
from .info_changes import draw_changes, show_each_change
from .key_options import key_options
from .value_types import FRAME, OUTPUT_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ..api import FileInfo, SequenceInfo
    from ..security.keyring import KeyLike
    from ..security.signatures.stated_signatures import StatedSignature

__all__ = ["info"]


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic info photo.pgi",
        "pgic info --json coded",
        "pgic info --changes site.pgi",
        "pgic info --frame 12 --show-changes changed.png site.pgi",
    ),
)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@option("--json", "as_json", is_flag=True, help="One JSON object for one file, a list for several.")
@option(
    "--frame",
    type=FRAME,
    metavar="N",
    group="Sequences",
    help="Show this frame of a sequence, counted from 0; -1 is the last. [default: 0]",
)
@option(
    "--changes",
    is_flag=True,
    group="Sequences",
    help="Show what each frame changes instead; with --frame, also where and by how much.",
)
@option(
    "--show-changes",
    type=OUTPUT_FILE,
    metavar="PNG",
    group="Sequences",
    help="Draw the frame that --frame names, and darken what it did not change.",
)
@key_options(advanced=True)
def info(
    inputs: tuple[str, ...],
    as_json: bool,
    frame: int | None,
    changes: bool,
    show_changes: Path | None,
    keys: list[KeyLike],
) -> None:
    """Show what .pgi files contain.

    pgic shows size, codec, model, regions of interest, blocks, metadata, annotations and vendor fields.

    INPUT is a .pgi file, a pattern, a folder with all folders below it, or - for standard input. No pixels
    are decoded. Of an encrypted file, pgic shows what its keys open.
    """
    sources = pgi_sources(inputs)
    if show_changes is not None:
        if frame is None or len(sources) != 1:
            raise click.UsageError("--show-changes needs one file, and --frame.")
        draw_changes(sources[0].name, frame, show_changes, keys)
        return
    if changes:
        show_each_change(sources, frame, as_json, keys)
        return

    def record(name: str, facts: FileInfo) -> dict[str, object]:
        return {"file": name, **facts.to_dict(), **_explained(facts.extension)}

    show_each(sources, record if as_json else None, _describe, keys, frame)


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


def _exceptions(facts: FileInfo) -> Iterator[tuple[str, str]]:
    """Where a learned picture is coded otherwise than the rest of it."""
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


def _sequence(facts: SequenceInfo) -> str:
    text = (
        f"{facts.frames:,} frames, {facts.key_frames:,} of them key frames, key distance {facts.key_distance}"
    )
    if facts.duration_ms is not None:
        text += f", {facts.duration_ms / 1000:,.3f} s"
    if facts.unfinished_bytes:
        text += f"; {facts.unfinished_bytes:,} bytes of a frame that was not finished"
    return text


def _stated(signature: StatedSignature) -> str:
    """Who says to have signed; what that proves, 'pgic verify' tells."""
    from ..camera.timestamps import text_of_milliseconds

    if not signature.key_id:
        return "of an unknown algorithm"
    who = f"key {signature.key_id}" + (f" ({signature.subject})" if signature.subject else "")
    when = "" if signature.time_ms is None else f", {text_of_milliseconds(signature.time_ms)}"
    count = signature.stamps or 0
    stamps = f", {count} time stamps" if count > 1 else ", time stamp" * count
    return f"{who}, {signature.algorithm}{when}{stamps}, not verified"


def _describe(facts: FileInfo) -> Iterator[tuple[str, str]]:
    yield from _of_picture(facts)
    yield from _of_file(facts)
    yield from _of_profiles(facts)


def _of_picture(facts: FileInfo) -> Iterator[tuple[str, str]]:
    """Size, codec, levels and regions of the picture."""
    yield "format", ".".join(map(str, facts.format_version))
    picture = (f"{facts.width} x {facts.height}", facts.channels, facts.sample_format, facts.image_type)
    yield "picture", ", ".join(filter(None, picture))
    if facts.sequence is not None:
        yield "sequence", _sequence(facts.sequence)
        for signature in facts.sequence.signatures:
            yield "last frame", f"signed by {_stated(signature)}; it signs all frames before"
        yield "frame 0", "the rest is said of it"
    if facts.orientation != 1:
        yield "orientation", f"{facts.orientation} (EXIF, not applied)"
    codec: str = facts.codec
    if facts.codec == "learned" and facts.model_digest is not None:
        status = "released" if facts.model_released else "provisional"
        known = "not installed" if facts.model is None else f"{facts.model}, {status}"
        codec += f", quality {facts.quality}, model {facts.model_digest} ({known})"
        if facts.channels == "rgb+alpha":
            codec += ", alpha lossless"
    yield "codec", codec
    for renderer in facts.renderers:
        reduced = f" at 1/{renderer.scale}" if renderer.scale > 1 else ""
        remark = ", synthesises detail: never evidence" if renderer.synthesised else ""
        yield "level", f"{renderer.level}{reduced}, renderer {renderer.digest[:16]}{remark}"
    yield from _exceptions(facts)
    if facts.tiles:
        yield "tiles", f"{facts.tiles} of {facts.tile_size[0]} x {facts.tile_size[1]}"


def _of_file(facts: FileInfo) -> Iterator[tuple[str, str]]:
    """Bytes, encryption, signatures and blocks of the file."""
    preview = f", preview in the first {facts.preview_bytes:,}" if facts.preview_bytes else ""
    yield "size", f"{facts.file_bytes:,} bytes, {facts.bpp:.3f} bpp{preview}"
    if facts.security is not None:
        opened = "no key given opens it" if facts.security.tier is None else f"open: {facts.security.tier}"
        yield "encrypted", f"{facts.security.algorithm}, content key {facts.security.key_id}, {opened}"
        for each in facts.security.recipients:
            yield "recipient", f"{each.tier}: {each.kind} {each.key_id}".rstrip()
    for signature in facts.signatures:
        yield "signature", _stated(signature)
    for block in facts.blocks:
        flags = " compressed" * block.compressed + " encrypted" * block.encrypted
        yield "block", f"{block.name}: {block.length:,} bytes{flags}"


def _of_profiles(facts: FileInfo) -> Iterator[tuple[str, str]]:
    """What the photo brought along."""
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
