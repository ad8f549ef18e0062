"""``pgic features encode | decode | show | bench``."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..container import atomic_write
from ..errors import PgiInputError, PgiOptionError
from ..features.api import DEFAULT_QP, decode_features, encode_features, inspect_features
from ..features.bitstream import CODECS, MAGIC
from ..features.channel_layout import PACKINGS
from ..features.features_in_file import attach_features, features_file, read_features
from ..features.prequantise import BIT_DEPTHS, QUANTISERS
from ..small_files import read_arrays
from ..terminal import say, show
from .command_base import PgicGroup, option
from .value_types import EXISTING_FILE, EXISTING_FOLDER, OUTPUT_FILE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["features"]

_CODING = "Coding"


@click.group(cls=PgicGroup)
def features() -> None:
    """Encode and decode deep feature maps.

    They are arrays of shape (C, H, W) or (N, C, H, W) in .npy and .npz files.
    """


@features.command(
    "encode",
    examples=(
        "pgic features encode stage7.npy stage7.pgi",
        "pgic features encode all.npz all.pgi --qp 12 --picture photo.pgi",
    ),
)
@click.argument("source", type=EXISTING_FILE)
@click.argument("target", type=OUTPUT_FILE)
@option(
    "--codec",
    type=click.Choice(CODECS),
    default="pgic",
    show_default=True,
    group=_CODING,
    help="pgic's own coder, or HEVC (needs the extra [features]).",
)
@option(
    "--qp",
    type=click.FloatRange(0, 51),
    metavar="0-51",
    default=DEFAULT_QP,
    show_default=True,
    group=_CODING,
    help="Quantisation parameter; 0 is finest.",
)
@option(
    "--lossless",
    is_flag=True,
    group=_CODING,
    help="Lose nothing after the values are rounded to --bits; --qp is ignored.",
)
@option(
    "--bits",
    type=click.Choice([str(bits) for bits in BIT_DEPTHS]),
    default="8",
    show_default=True,
    group=_CODING,
    advanced=True,
    help="Bits for each value before coding.",
)
@option(
    "--quantiser",
    type=click.Choice(QUANTISERS),
    metavar="KIND",
    default="uniform",
    show_default=True,
    group=_CODING,
    advanced=True,
    help=f"How values are rounded to --bits: {', '.join(QUANTISERS)}.",
)
@option("--per-channel", is_flag=True, group=_CODING, advanced=True, help="Fit a quantiser to each channel.")
@option(
    "--packing",
    type=click.Choice(PACKINGS),
    metavar="KIND",
    default="stack",
    show_default=True,
    group=_CODING,
    advanced=True,
    help=f"How channels are laid out in HEVC frames: {', '.join(PACKINGS)}.",
)
@option(
    "--picture",
    type=EXISTING_FILE,
    group="Output",
    help="A .pgi file; TARGET becomes a copy of it that carries the features. [default: no picture]",
)
def encode_maps(
    source: Path,
    target: Path,
    qp: float,
    lossless: bool,
    bits: str,
    picture: Path | None,
    **options: Any,
) -> None:
    """Encode the arrays of a .npy or .npz file.

    TARGET is a .pgi file; under a name with another suffix it holds the feature stream alone.
    """
    arrays = read_arrays(source)
    level = None if lossless else int(qp) if qp.is_integer() else qp
    data = encode_features(arrays, qp=level, bits=int(bits), **options)
    if picture is not None:
        atomic_write(target, attach_features(picture, data))
    else:
        atomic_write(target, features_file(data) if target.suffix.lower() == ".pgi" else data)
    plain = sum(a.nbytes for a in (arrays.values() if isinstance(arrays, dict) else [arrays]))
    say(f"{source} -> {target}: {plain:,} -> {len(data):,} bytes of features, {len(data) / plain:.2%}")


@features.command("decode", examples=("pgic features decode stage7.pgi stage7.npy",))
@click.argument("source", type=EXISTING_FILE)
@click.argument("target", type=OUTPUT_FILE)
def decode_maps(source: Path, target: Path) -> None:
    """Decode feature maps into a .npy or .npz file.

    TARGET ends in .npz where there are several arrays. SOURCE is a .pgi file or a feature stream alone.
    """
    out = io.BytesIO()
    arrays = decode_features(_stream(source))
    if isinstance(arrays, np.ndarray):
        _want_suffix(target, ".npy", "holds one array")
        np.save(out, arrays)
    else:
        _want_suffix(target, ".npz", "holds several arrays")
        named = arrays if isinstance(arrays, dict) else {str(i): a for i, a in enumerate(arrays)}
        np.savez(out, allow_pickle=False, **named)
    atomic_write(target, out.getvalue())


@features.command("show", examples=("pgic features show stage7.pgi",))
@click.argument("source", type=EXISTING_FILE)
def show_maps(source: Path) -> None:
    """List the arrays that a file carries, one per line.

    Nothing is decoded.
    SOURCE is a .pgi file or a feature stream alone.
    """
    stream = inspect_features(_stream(source))
    for record in stream.records:
        shape = "x".join(map(str, record.shape if record.batched else record.shape[1:]))
        how = f"{record.codec} {record.packing}" if record.codec == "hevc" else record.codec
        qp = "lossless" if record.qp is None else f"QP {record.qp:g}"
        show(record.name or "-", shape, record.dtype, how, qp, f"{len(record.payload):,} bytes")


@features.command("bench", examples=("pgic features bench photos --network lite0 --output features.csv",))
@click.argument("images", type=EXISTING_FOLDER)
@option("--output", type=OUTPUT_FILE, group="Output", help="CSV file. [default: standard output]")
@option(
    "--network",
    "networks",
    multiple=True,
    group="Networks",
    metavar="NAME",
    help="lite0, lite2 or vgg16-hed; may be repeated. [default: all]",
)
@option(
    "--stage",
    "stages",
    multiple=True,
    group="Networks",
    metavar="NAME",
    help="Such as stage7 or conv5; may be repeated. [default: all]",
)
@option(
    "--codec",
    "codecs",
    type=click.Choice(CODECS),
    multiple=True,
    group=_CODING,
    help="Codec to measure; may be repeated. [default: both]",
)
@option(
    "--packing",
    "packings",
    type=click.Choice(PACKINGS),
    metavar="KIND",
    multiple=True,
    group=_CODING,
    advanced=True,
    help=f"Layout in HEVC frames: {', '.join(PACKINGS)}; may be repeated.",
)
@option(
    "--qp",
    "qps",
    type=click.IntRange(0, 51),
    metavar="0-51",
    multiple=True,
    advanced=True,
    group=_CODING,
    help="Quantisation parameter; may be repeated. [default: 0, 12, 22, 32, 42 and more for pgic]",
)
@option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    default=300,
    show_default=True,
    group="Running",
    help="At most N photos.",
)
@option(
    "--seconds",
    type=click.FloatRange(1),
    metavar="S",
    group="Running",
    default=1200,
    show_default=True,
    advanced=True,
    help="Processor time for the whole bench.",
)
@option(
    "--threads",
    type=click.IntRange(1),
    metavar="N",
    group="Running",
    default=1,
    show_default=True,
    advanced=True,
    help="Threads of torch.",
)
def bench_networks(images: Path, output: Path | None, **options: Any) -> None:
    """Measure rate and fidelity on trained networks.

    The figures are those of tables 2 to 4 in the draft on coding of feature maps. IMAGES is a folder
    of photos. Needs the extra [torch].
    """
    from ..lab.bench.feature_rates import run

    run(images, output, **options)


def _stream(source: Path) -> bytes:
    """The feature stream that a file is or carries."""
    try:
        data = source.read_bytes()
    except OSError as error:
        raise PgiInputError(f"{source} cannot be read: {error.strerror}.") from None
    if data[: len(MAGIC)] == MAGIC:
        return data
    stream = read_features(data)
    if stream is None:
        raise PgiInputError(f"{source} carries no feature maps.")
    return stream


def _want_suffix(target: Path, suffix: str, reason: str) -> None:
    if target.suffix != suffix:
        raise PgiOptionError(f"The stream {reason}, so the target must end in {suffix}.")
