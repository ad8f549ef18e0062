"""``pgic features encode | decode | bench``."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
import numpy as np

from pgic_core.container import atomic_write
from pgic_core.data_files import read_arrays
from pgic_core.errors import PgiError, PgiInputError, PgiOptionError
from pgic_core.terminal import say, show

from ..features.api import DEFAULT_QP, decode_features, encode_features, inspect_features
from ..features.bitstream import CODECS, MAGIC
from ..features.carry import attach_features, features_file, read_features
from ..features.prequantise import BIT_DEPTHS, QUANTISERS
from ..features.repack import PACKINGS

__all__ = ["features"]


@click.group(help="Code deep feature maps: (C, H, W) or (N, C, H, W) arrays in .npy and .npz files.")
def features() -> None:
    """The group, mounted into the ``pgic`` command."""


@features.command(
    help="Code the array of a .npy file, or all arrays of a .npz file, into TARGET: a .pgi, or a bare stream "
    "under any other name."
)
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--codec", type=click.Choice(CODECS), default="pgic", show_default=True)
@click.option(
    "--packing", type=click.Choice(PACKINGS), default="stack", show_default=True, help="HEVC frames."
)
@click.option(
    "--qp", type=click.FloatRange(0, 51), default=DEFAULT_QP, show_default=True, help="0 is finest."
)
@click.option("--lossless", is_flag=True, help="No loss after prequantisation; --qp does not count.")
@click.option("--bits", type=click.Choice([str(b) for b in BIT_DEPTHS]), default="8", show_default=True)
@click.option("--quantiser", type=click.Choice(QUANTISERS), default="uniform", show_default=True)
@click.option("--per-channel", is_flag=True, help="A quantiser for each channel.")
@click.option(
    "--picture",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A .pgi: TARGET is this file with the features in it, instead of one without a picture.",
)
def encode(
    source: Path,
    target: Path,
    qp: float,
    lossless: bool,
    bits: str,
    picture: Path | None,
    **options: Any,
) -> None:
    """Code arrays."""
    try:
        arrays = read_arrays(source)
        level = None if lossless else int(qp) if qp.is_integer() else qp
        data = encode_features(arrays, qp=level, bits=int(bits), **options)
        if picture is not None:
            atomic_write(target, attach_features(picture, data))
        else:
            atomic_write(target, features_file(data) if target.suffix.lower() == ".pgi" else data)
    except PgiError as error:
        _fail(error)
    plain = sum(a.nbytes for a in (arrays.values() if isinstance(arrays, dict) else [arrays]))
    show(f"{target}: {len(data):,} bytes of features, {100 * len(data) / plain:.2f} % of {plain:,}")


@features.command(
    help="Decode SOURCE, a .pgi or a bare stream, into a .npy file, or .npz if it holds several arrays."
)
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def decode(source: Path, target: Path) -> None:
    """Decode arrays."""
    out = io.BytesIO()
    try:
        arrays = decode_features(_stream(source))
        if isinstance(arrays, np.ndarray):
            _want_suffix(target, ".npy", "holds one array")
            np.save(out, arrays)
        else:
            _want_suffix(target, ".npz", "holds several arrays")
            named = arrays if isinstance(arrays, dict) else {str(i): a for i, a in enumerate(arrays)}
            np.savez(out, allow_pickle=False, **named)
        atomic_write(target, out.getvalue())
    except PgiError as error:
        _fail(error)


@features.command("show", help="Say what SOURCE holds, without decoding it.")
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def show_(source: Path) -> None:
    """Print one line per tensor."""
    try:
        stream = inspect_features(_stream(source))
    except PgiError as error:
        _fail(error)
    for record in stream.records:
        shape = "x".join(map(str, record.shape if record.batched else record.shape[1:]))
        how = f"{record.codec} {record.packing}" if record.codec == "hevc" else record.codec
        qp = "lossless" if record.qp is None else f"QP {record.qp:g}"
        show(record.name or "-", shape, record.dtype, how, qp, f"{len(record.payload):,} bytes")


@features.command(
    help="Measure rate and fidelity on trained networks, in the shape of document B's tables 2 to 4."
)
@click.argument("images", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="CSV file; else standard output."
)
@click.option("--network", "networks", multiple=True, help="lite0, lite2 or vgg16-hed; may be repeated.")
@click.option("--stage", "stages", multiple=True, help="Such as stage7 or conv5; may be repeated.")
@click.option("--codec", "codecs", type=click.Choice(CODECS), multiple=True)
@click.option("--packing", "packings", type=click.Choice(PACKINGS), multiple=True, help="For HEVC.")
@click.option("--qp", "qps", type=click.IntRange(0, 51), multiple=True, help="May be repeated.")
@click.option("--limit", type=click.IntRange(1), default=300, show_default=True, help="Images at most.")
@click.option("--seconds", type=click.FloatRange(1), default=1200, show_default=True, help="For all.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
def bench(images: Path, output: Path | None, **options: Any) -> None:
    """Run the bench."""
    from ..lab.bench.features import run

    try:
        run(images, output, **options)
    except PgiError as error:
        _fail(error)


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


def _fail(error: PgiError) -> NoReturn:
    say(f"pgic: {error}")
    sys.exit(1)
