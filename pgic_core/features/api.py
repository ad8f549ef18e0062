"""Encode and decode feature maps (B-1 … B-6): the one way in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from pgic_core.errors import PgiFormatError, PgiOptionError
from pgic_core.limits import DEFAULT_LIMITS, Limits

from . import hevc_carrier, pgic_coder
from .bitstream import CODECS, CodecName, Record, Stream, read_stream, write_stream
from .channel_layout import (
    PACKINGS,
    FrameLayout,
    Packing,
    order_channels,
    order_from_bytes,
    order_size,
    order_to_bytes,
    plan_layout,
)
from .feature_arrays import as_float_map, round_to_bfloat16
from .prequantise import QuantiserKind, fit_quantiser

__all__ = ["DEFAULT_QP", "MAX_ORDERED_CHANNELS", "decode_features", "encode_features", "inspect_features"]

DEFAULT_QP = 22
MAX_ORDERED_CHANNELS = 4096  # an order needs the distances of all pairs

Array = npt.NDArray[Any]


def encode_features(
    features: Any,
    *,
    packing: Packing = "stack",
    qp: float | None = DEFAULT_QP,
    codec: CodecName = "hevc",
    bits: int = 8,
    quantiser: QuantiserKind = "uniform",
    per_channel: bool = False,
) -> bytes:
    """Code one feature map or several.

    Args:
        features: a (C, H, W) or (N, C, H, W) array or tensor, float32, float16 or bfloat16; or a sequence
            of such, or a mapping from names to such (the levels of a pyramid), which is coded in one stream.
        packing: "stack", "stack-ordered", "tile" or "tile-ordered" (B-2): how channels become video
            frames. The ``pgic`` codec has no frames and ignores it.
        qp: 0 (finest) … 51, whole for HEVC, in quarters for ``pgic``; None codes prequantised samples
            without loss.
        codec: "hevc" as document B has it (needs the ``[features]`` extra), or "pgic", our own coder.
        bits: of a prequantised sample, 8, 10 or 12. The lossy ``pgic`` codec quantises once, by the QP, and
            does not use ``bits``, ``quantiser`` and ``per_channel``.
        quantiser: "uniform", "log" or "lloyd" (fitted to the values).
        per_channel: a quantiser for each channel instead of one for all.

    Returns:
        A self-describing stream for :func:`decode_features`.

    Raises:
        PgiOptionError: an argument out of range, a tensor of another kind, or values that are not finite.
        PgiUnsupportedError: the HEVC route is not installed.
    """
    if packing not in PACKINGS:
        raise PgiOptionError(f"packing must be one of {', '.join(PACKINGS)}, not {packing!r}.")
    if codec not in CODECS:
        raise PgiOptionError(f"codec must be one of {', '.join(CODECS)}, not {codec!r}.")
    _check_qp(qp, codec)

    def one(tensor: Any, name: str = "") -> Record:
        values, dtype, batched = as_float_map(tensor)
        fitted = fit_quantiser(values, quantiser, bits, per_channel=per_channel)
        shape = cast("tuple[int, int, int, int]", values.shape)
        orders = b""
        if codec == "pgic":
            if qp is None:
                payload = pgic_coder.encode_samples(fitted.quantise(values))
            else:
                fitted = fit_quantiser(values, "uniform", 8)
                payload = pgic_coder.encode_values(values, qp)
        else:
            orders, payload = _encode_video(fitted.quantise(values), packing, bits, qp)
        return Record(name, dtype, batched, shape, codec, packing, qp, fitted, orders, payload)

    if isinstance(features, Mapping):
        for name in features:
            if not isinstance(name, str):
                raise PgiOptionError(f"A feature map's name is text, not {type(name).__name__}.")
        return write_stream(Stream("mapping", tuple(one(tensor, name) for name, tensor in features.items())))
    if isinstance(features, Sequence):
        return write_stream(Stream("sequence", tuple(one(tensor) for tensor in features)))
    return write_stream(Stream("single", (one(features),)))


def decode_features(
    data: bytes | bytearray | memoryview, *, limits: Limits = DEFAULT_LIMITS
) -> Array | list[Array] | dict[str, Array]:
    """Decode what :func:`encode_features` made.

    Args:
        data: the stream.
        limits: bounds that are checked before anything is allocated.

    Returns:
        An array, a list or a dict, as was given to the encoder. float32 and float16 come back as they were;
        bfloat16, which NumPy does not have, as float32 that holds bfloat16 values.

    Raises:
        PgiFormatError: the bytes are no feature stream, or a damaged one.
        PgiUnsupportedError: a later version, or the HEVC route is not installed.
        PgiLimitError: it announces more than ``limits`` allow.
    """
    stream = read_stream(bytes(data), limits)
    for record in stream.records:  # all claims before the first decoding
        _check_claims(record, limits)
    arrays = [_decode_record(record) for record in stream.records]
    if stream.kind == "single":
        return arrays[0]
    if stream.kind == "sequence":
        return arrays
    return {record.name: array for record, array in zip(stream.records, arrays, strict=True)}


def inspect_features(data: bytes | bytearray | memoryview, *, limits: Limits = DEFAULT_LIMITS) -> Stream:
    """The records of a stream with all they say about themselves, nothing decoded.

    Raises:
        PgiFormatError, PgiUnsupportedError, PgiLimitError: as :func:`decode_features`.
    """
    return read_stream(bytes(data), limits)


def _check_qp(qp: float | None, codec: CodecName) -> None:
    if qp is None:
        return
    if isinstance(qp, bool) or not isinstance(qp, int | float) or not 0 <= qp <= hevc_carrier.MAX_QP:
        raise PgiOptionError(f"qp must be 0 to {hevc_carrier.MAX_QP}, or None for lossless, not {qp!r}.")
    grain = 1 if codec == "hevc" else 4
    if qp * grain != round(qp * grain):
        raise PgiOptionError(f"qp must be {'whole' if grain == 1 else 'a multiple of 0.25'}, not {qp!r}.")


def _encode_video(
    samples: npt.NDArray[np.uint16], packing: Packing, bits: int, qp: float | None
) -> tuple[bytes, bytes]:
    _, channels, height, width = samples.shape
    layout = plan_layout(packing, channels, height, width)
    orders = b""
    frames = []
    for one in samples:
        if packing.endswith("ordered"):
            if channels > MAX_ORDERED_CHANNELS:
                raise PgiOptionError(
                    f"The specified order takes up to {MAX_ORDERED_CHANNELS} channels, not {channels}."
                )
            order = order_channels(one)
            orders += order_to_bytes(order)
            one = one[order]
        frames.append(layout.pack(one))
    return orders, hevc_carrier.encode_frames(
        np.concatenate(frames), bits=bits, qp=None if qp is None else int(qp)
    )


def _check_claims(record: Record, limits: Limits) -> None:
    """What only the video route needs: the size of its frames, and its channel orders."""
    if record.codec != "hevc":
        if record.orders:
            raise PgiFormatError("A feature map without frames has a channel order.")
        return
    count, channels, height, width = record.shape
    layout = plan_layout(record.packing, channels, height, width)
    limits.check("tiles", count * layout.frames, "The video of a feature map")
    limits.check("pixels", count * layout.samples, "The video of a feature map")
    if max(layout.frame_height, layout.frame_width) > hevc_carrier.MAX_SIDE:
        raise PgiFormatError("A feature map announces larger frames than HEVC has.")
    if record.qp is not None and record.qp % 1:
        raise PgiFormatError("A feature map announces a QP that HEVC does not have.")
    ordered = record.packing.endswith("ordered")
    if ordered and channels > MAX_ORDERED_CHANNELS:
        raise PgiFormatError("A feature map orders more channels than the format allows.")
    if len(record.orders) != (count * order_size(channels) if ordered else 0):
        raise PgiFormatError("The channel orders of a feature map have the wrong size.")


def _decode_record(record: Record) -> Array:
    table = record.quantiser
    if record.codec == "hevc":
        values = table.dequantise(_decode_video(record))
    elif record.qp is None:
        values = table.dequantise(pgic_coder.decode_samples(record.payload, record.shape))
    else:
        low, high = (float(v) for v in table.ranges[0])
        values = pgic_coder.decode_values(record.payload, record.shape, low, high)
    out: Array = values if record.batched else values[0]
    if record.dtype == "float16":
        limit = float(np.finfo(np.float16).max)
        return np.clip(out, -limit, limit).astype(np.float16)
    return round_to_bfloat16(out) if record.dtype == "bfloat16" else out


def _decode_video(record: Record) -> npt.NDArray[np.uint16]:
    count, channels, height, width = record.shape
    layout: FrameLayout = plan_layout(record.packing, channels, height, width)
    shape = (count * layout.frames, layout.frame_height, layout.frame_width)
    frames = hevc_carrier.decode_frames(record.payload, shape, bits=record.quantiser.bits)
    out = np.empty(record.shape, np.uint16)
    size = order_size(channels) if record.orders else 0
    for i in range(count):
        maps = layout.unpack(frames[i * layout.frames : (i + 1) * layout.frames])
        if size:
            order = order_from_bytes(record.orders[i * size : (i + 1) * size], channels)
            out[i][order] = maps
        else:
            out[i] = maps
    return out
