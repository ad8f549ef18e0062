"""HEVC as the carrier: YUV 4:0:0 frames to a raw HEVC stream and back (B-4), through PyAV.

PyAV's wheels hold FFmpeg with libx265, which is under the GPL (its own licence file speaks of the LGPL):
whoever ships an application with the ``[features]`` extra inside follows the GPL for that part. pgic
itself neither holds nor links it; encoding and decoding happen in the installed library.

The decoder is C code that parses foreign bytes inside this process. So the stream is checked first (one
coded slice per expected picture, and no more), the picture size is bounded for FFmpeg itself, damage is an
error instead of being concealed, and every FFmpeg error becomes one of ours.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pgic_core.errors import PgiFormatError, PgiOptionError, PgiUnsupportedError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["MAX_QP", "MAX_SIDE", "decode_frames", "encode_frames"]

MAX_QP = 51
MAX_SIDE = 8192  # level 6.2

_PIXEL_FORMATS = {8: "gray", 10: "gray10le", 12: "gray12le"}
_START_CODE = re.compile(rb"\x00\x00\x01(?=[\x00-\x7f])", re.DOTALL)
_LAST_SLICE_TYPE = 31  # NAL unit types 0 … 31 are coded slices
# One thread and no options text in the stream: the same input gives the same bytes everywhere. Nothing
# that flatters the eye (psychovisual terms, adaptive quantisation), and one QP for every kind of frame.
_COMMON = (
    "log-level=none:info=0:pools=none:frame-threads=1:hrd=0:aud=0:"
    "psy-rd=0:psy-rdoq=0:aq-mode=0:cutree=0:ipratio=1:pbratio=1"
)

Samples = npt.NDArray[np.uint16]


def encode_frames(frames: Samples, *, bits: int, qp: int | None) -> bytes:
    """Code frames as HEVC.

    Args:
        frames: uint16 (frames, height, width), below 2**bits; sides are multiples of 8 from 16 up.
        bits: 8, 10 or 12.
        qp: constant quantisation parameter 0 … 51, or None for lossless.

    Returns:
        An Annex B byte stream.

    Raises:
        PgiOptionError: the frames are larger than HEVC allows.
        PgiUnsupportedError: PyAV is missing, its libx265 lacks the depth, or it fails.
    """
    if max(frames.shape[1:]) > MAX_SIDE:
        raise PgiOptionError(
            f"HEVC takes frames up to {MAX_SIDE} samples a side, this feature map makes "
            f"{frames.shape[2]}x{frames.shape[1]}; codec='pgic' has no such bound."
        )
    if qp is not None:
        # Predicting 4:0:0 frames from each other, x265 now and then codes what it has not seen itself, above
        # all at small steps: then decoders show something else. Frames that stand alone are safe.
        data = _encode(frames, bits, f"qp={qp}")
        difference = decode_frames(data, frames.shape, bits=bits) - frames.astype(np.float64)
        step = 2 ** ((qp - 4) / 6)
        return (
            data
            if np.square(difference).mean() <= step**2 / 2
            else _encode(frames, bits, f"qp={qp}:keyint=1")
        )
    # x265's lossless mode is not lossless for 4:0:0 with units above 16 and prediction between frames, so
    # keep below, and look: frames that predict only from themselves are the safe way if it ever differs.
    for mode in ("lossless=1:ctu=16", "lossless=1:ctu=16:keyint=1"):
        data = _encode(frames, bits, mode)
        if np.array_equal(decode_frames(data, frames.shape, bits=bits), frames):
            return data
    raise PgiUnsupportedError("The installed libx265 does not code these frames without loss.")


def decode_frames(data: bytes, shape: tuple[int, ...], *, bits: int) -> Samples:
    """Decode exactly the frames that are expected.

    Args:
        data: an Annex B byte stream.
        shape: (frames, height, width) that it must hold; checked against limits by the caller.
        bits: 8, 10 or 12.

    Returns:
        uint16, of that shape.

    Raises:
        PgiFormatError: the stream holds something else, or is damaged.
        PgiUnsupportedError: PyAV is missing.
    """
    av = _import_av()
    count, height, width = shape
    slices = sum(
        data[m.end()] >> 1 <= _LAST_SLICE_TYPE for m in _START_CODE.finditer(data) if m.end() < len(data)
    )
    if slices != count:
        raise PgiFormatError(
            f"The video of a feature map holds {slices} pictures where {count} are announced."
        )
    out = np.empty((count, height, width), np.uint16)
    done = 0
    try:
        decoder: Any = av.CodecContext.create("hevc", "r")
        decoder.thread_count = 1
        # FFmpeg pads its buffers by up to 128 samples a side, and counts them.
        most = (height + 128) * (width + 128)
        decoder.options = {"err_detect": "explode", "max_pixels": str(most)}
        for packet in [*decoder.parse(data), *decoder.parse(b""), None]:
            for frame in decoder.decode(packet):
                if (frame.height, frame.width, frame.format.name) != (height, width, _PIXEL_FORMATS[bits]):
                    raise PgiFormatError(
                        "The video of a feature map has another picture size than announced."
                    )
                if done == count:
                    raise PgiFormatError("The video of a feature map holds more pictures than announced.")
                plane = frame.planes[0]
                line = np.frombuffer(plane, np.uint8 if bits == 8 else "<u2").reshape(height, -1)
                out[done] = line[:, :width]
                done += 1
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, PgiFormatError):
            raise
        raise PgiFormatError(f"The video of a feature map is damaged: {_words(error)}.") from None
    if done != count:
        raise PgiFormatError(f"The video of a feature map decodes to {done} pictures instead of {count}.")
    return out


def _encode(frames: Samples, bits: int, mode: str) -> bytes:
    av = _import_av()
    count, height, width = frames.shape
    kind = np.dtype(np.uint8 if bits == 8 else "<u2")
    chunks: list[bytes] = []
    try:
        encoder: Any = av.CodecContext.create("libx265", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, _PIXEL_FORMATS[bits]
        encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
        encoder.options = {"preset": "medium", "x265-params": f"{_COMMON}:{mode}"}
        for number in range(count):
            frame = av.VideoFrame(width, height, _PIXEL_FORMATS[bits])
            plane = frame.planes[0]
            rows = np.zeros((height, plane.line_size // kind.itemsize), kind)
            rows[:, :width] = frames[number]
            plane.update(rows.tobytes())
            frame.pts = number
            chunks += (bytes(packet) for packet in encoder.encode(frame))
        chunks += (bytes(packet) for packet in encoder.encode(None))
    except (av.FFmpegError, ValueError) as error:
        raise PgiUnsupportedError(f"libx265 refuses these frames: {_words(error)}.") from None
    return b"".join(chunks)


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".")


def _import_av() -> ModuleType:
    try:
        import av
    except ImportError:
        raise PgiUnsupportedError(
            "The HEVC route for feature maps needs PyAV: pip install 'pgic[features]', or use codec='pgic'."
        ) from None
    return av
