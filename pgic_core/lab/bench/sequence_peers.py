"""Ways to store a clip of frames: sequences of ours, independent pictures, and video codecs at low delay."""

from __future__ import annotations

import io
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, features

from ...api import PgiFile, SequenceWriter, decode, encode
from ...errors import PgiOptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["CLIP_CODECS", "ClipResult", "available_clip_codecs", "code_clip"]

_AVIF_SPEED = 6
"""That of the still picture benches."""
_SVT_PRESET = "6"


@dataclass(frozen=True, slots=True)
class ClipResult:
    """What a codec made of a clip.

    Attributes:
        frame_bytes: of each frame, in bytes; of a codec that does not say, the file divided evenly.
        psnr: of each frame, over RGB, in dB.
        encode_s, decode_s: processor seconds for all frames.
    """

    frame_bytes: tuple[float, ...]
    psnr: tuple[float, ...]
    encode_s: float
    decode_s: float


def _sequence(frames: Sequence[NDArray[np.uint8]], quality: int) -> tuple[list[float], _Decoder]:
    file = io.BytesIO()
    with SequenceWriter(file, quality=quality, sync=False) as writer:
        sizes = [float(writer.append(frame).bytes) for frame in frames]
    # The header counts as well, once.
    sizes[0] += file.getbuffer().nbytes - sum(sizes)

    def decoded() -> Iterator[NDArray[np.uint8]]:
        with PgiFile(file.getvalue()) as opened:
            for frame in opened.frames():
                yield frame.decode()

    return sizes, decoded


def _stills(frames: Sequence[NDArray[np.uint8]], quality: int) -> tuple[list[float], _Decoder]:
    files = [encode(frame, quality=quality) for frame in frames]
    return [float(len(data)) for data in files], lambda: (decode(data) for data in files)


def _avif(frames: Sequence[NDArray[np.uint8]], quality: int) -> tuple[list[float], _Decoder]:
    first, *others = [Image.fromarray(frame) for frame in frames]
    file = io.BytesIO()
    options: dict[str, Any] = {"quality": quality, "speed": _AVIF_SPEED, "subsampling": "4:4:4"}
    first.save(file, "AVIF", save_all=True, append_images=others, duration=1000, **options)

    def decoded() -> Iterator[NDArray[np.uint8]]:
        with Image.open(io.BytesIO(file.getvalue()), formats=("AVIF",)) as opened:
            for number in range(len(frames)):
                opened.seek(number)
                yield np.asarray(opened.convert("RGB"))

    return _evenly(file.getbuffer().nbytes, len(frames)), decoded


def _video(codec: str, pixel_format: str, options: dict[str, str]) -> _Coder:
    def coded(frames: Sequence[NDArray[np.uint8]], quality: int) -> tuple[list[float], _Decoder]:
        import av

        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 tells of errors alone
        file = io.BytesIO()
        even = [_even(frame) for frame in frames]
        container: Any
        with av.open(file, "w", format="matroska") as container:
            stream: Any = container.add_stream(codec, rate=1)
            stream.height, stream.width = even[0].shape[:2]
            stream.pix_fmt = pixel_format
            stream.options = {**options, "crf": str(quality)}
            for frame in even:
                picture = av.VideoFrame.from_ndarray(frame, "rgb24")
                container.mux(stream.encode(picture))
            container.mux(stream.encode())

        def decoded() -> Iterator[NDArray[np.uint8]]:
            opened: Any
            with av.open(io.BytesIO(file.getvalue())) as opened:
                for picture, frame in zip(opened.decode(video=0), frames, strict=True):
                    yield picture.to_ndarray(format="rgb24")[: frame.shape[0], : frame.shape[1]]

        return _evenly(file.getbuffer().nbytes, len(frames)), decoded

    return coded


def _even(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With even sides, as video codecs want them."""
    return np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge")


def _evenly(total: int, count: int) -> list[float]:
    return [total / count] * count


if TYPE_CHECKING:
    _Decoder = Callable[[], Iterator[NDArray[np.uint8]]]
    _Coder = Callable[[Sequence[NDArray[np.uint8]], int], tuple[list[float], _Decoder]]

_LOW_DELAY_HEVC = {"preset": "medium", "tune": "zerolatency", "x265-params": "log-level=none:keyint=-1"}
_LOW_DELAY_AV1 = {"preset": _SVT_PRESET, "svtav1-params": "pred-struct=1:keyint=-1"}

CLIP_CODECS: dict[str, tuple[_Coder, tuple[int, ...]]] = {
    "pgic": (_sequence, (10, 20, 30, 40, 50, 60)),
    "pgic-stills": (_stills, (10, 20, 30, 40, 50, 60)),
    "avif": (_avif, (20, 30, 40, 50, 60, 70, 80)),
    "hevc": (_video("libx265", "yuv444p", _LOW_DELAY_HEVC), (42, 38, 34, 30, 26, 22, 18)),
    "svtav1": (_video("libsvtav1", "yuv420p", _LOW_DELAY_AV1), (60, 52, 44, 36, 28, 20, 12)),
}
"""What codes a clip, and its settings of quality, from coarse to fine."""


def available_clip_codecs() -> list[str]:
    """Those that run here: AVIF needs a Pillow with it, video codecs PyAV."""
    try:
        import av  # noqa: F401
    except ImportError:
        video = False
    else:
        video = True
    there = {"pgic": True, "pgic-stills": True, "avif": bool(features.check("avif"))}
    return [name for name in CLIP_CODECS if there.get(name, video)]


def code_clip(codec: str, frames: Sequence[NDArray[np.uint8]], quality: int) -> ClipResult:
    """Store a clip and read it back.

    Args:
        codec: one of :data:`CLIP_CODECS`.
        frames: uint8 ``(H, W, 3)`` each, of one size.
        quality: of the codec.

    Raises:
        PgiOptionError: the codec is unknown or not here.
    """
    if codec not in available_clip_codecs():
        known = ", ".join(available_clip_codecs())
        raise PgiOptionError(f"There is no codec {codec} for clips here, only {known}.")
    start = time.process_time()
    sizes, decoded = CLIP_CODECS[codec][0](frames, quality)
    middle = time.process_time()
    shown = list(decoded())
    end = time.process_time()
    psnr = [_psnr(frame, there) for frame, there in zip(frames, shown, strict=True)]
    return ClipResult(tuple(sizes), tuple(psnr), middle - start, end - middle)


def _psnr(original: NDArray[np.uint8], shown: NDArray[np.uint8]) -> float:
    error = float(np.square(original.astype(np.float32) - shown).mean())
    return 10 * float(np.log10(255**2 / max(error, 1e-6)))
