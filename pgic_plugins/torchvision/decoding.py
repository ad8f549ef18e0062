"""``.pgi`` bytes to tensors, as ``torchvision.io`` and torchcodec decode other formats."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypedDict, overload

import torch

from pgic_core.api import decode_latent, open_file
from pgic_core.codec.orientation import upright_pixels
from pgic_core.codec.windows_decoded_together import grouped_options
from pgic_core.errors import PgiOptionError
from pgic_core.options import DecodeOptions

from .._worker_threads import threads_in_worker
from .arguments import engine_for, mode_name, precision, source_of
from .device import check_samples, eight_bits, latent_on, pixels_on, read_symbols, symbols_in
from .file_named_in_errors import naming
from .pixel_tensors import converted, upright_tensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from typing import Unpack

    from pgic_core.api import PgiFile
    from pgic_core.options import Level, OnDamage, Window
    from pgic_core.roi import RegionsLike
    from pgic_core.security.keyring import KeysLike

    from .arguments import Engine, PgiSource
    from .device import PgiSymbols

__all__ = ["decode_open", "decode_pgi", "decode_pgi_latent", "read_ahead", "show_symbols", "show_windows"]


class _Options(TypedDict, total=False):
    """Those of :func:`decode_pgi` on which the kind of its result does not depend."""

    mode: Any
    level: Level
    scale: int
    window: Window | None
    regions: RegionsLike | None
    device: torch.device | str
    half: bool
    engine: Engine | None
    threads: int | None
    apply_exif_orientation: bool
    on_damage: OnDamage
    frame: int
    keys: KeysLike | None


@overload
def decode_pgi(source: PgiSource, *, windows: None = ..., **options: Unpack[_Options]) -> torch.Tensor: ...
@overload
def decode_pgi(
    source: PgiSource, *, windows: Sequence[Window], **options: Unpack[_Options]
) -> list[torch.Tensor]: ...
@overload
def decode_pgi(source: Sequence[PgiSource], **options: Unpack[_Options]) -> list[torch.Tensor]: ...
def decode_pgi(
    source: PgiSource | Sequence[PgiSource],
    *,
    mode: Any = "RGB",
    level: Level = "fast",
    scale: int = 1,
    window: Window | None = None,
    windows: Sequence[Window] | None = None,
    regions: RegionsLike | None = None,
    device: torch.device | str = "cpu",
    half: bool = False,
    engine: Engine | None = None,
    threads: int | None = None,
    apply_exif_orientation: bool = False,
    on_damage: OnDamage = "raise",
    frame: int = 0,
    keys: KeysLike | None = None,
) -> torch.Tensor | list[torch.Tensor]:
    """Decode a ``.pgi`` file, or a part of it, or several files (A-6.5.1a).

    On a device other than the CPU the networks run there, in torch: symbols are read on the CPU, which takes
    a tenth of the work, and pixels are made where they stay. Symbols are the same; pixels differ from those
    of the CPU by a grey level here and there, seldom by a few.

    Args:
        source: a path, bytes or anything else that holds them in one piece (``bytearray``, ``memoryview``, a
            1-D uint8 tensor or array), or a binary file object; or a list of these, of which the next are
            read while one is decoded.
        mode: "UNCHANGED", "GRAY", "GRAY_ALPHA", "RGB" or "RGB_ALPHA" in any case, or torchvision's
            ``ImageReadMode`` of that name. Grey is ITU-R 601 luma, missing opacity is 255, opacity that
            is not wanted is dropped.
        level: as for :func:`pgic_core.decode`: "fast" for every pixel, "preview" for one for each 8 x 8 from
            a prefix of the file, and so on.
        scale: 1, 2, 4 or 8, by which each side is smaller.
        window: x, y, width, height in pixels of the stored picture; only the tiles that it needs are read.
            A smaller picture covers it with whole pixels.
        windows: several such of one file instead; what they have in common is decoded once.
        regions: with level "adaptive", what to decode finely.
        device: where the pixels are wanted.
        half: have the renderer's network compute in float16, which is faster on a device and changes more
            pixels by a grey level; with the engine "torch" alone.
        engine: "onnxruntime" or "torch"; if not given, the first for the CPU and the second for a device.
        threads: 1 or more; if not given, 1 in a worker process of a DataLoader, elsewhere
            ``PGIC_THREADS`` or all processors. With the engine "torch", how many files to read ahead.
        apply_exif_orientation: turn the result upright, as EXIF says; of a window, the window.
        on_damage: "raise", or "conceal" to fill damaged tiles.
        frame: of a sequence, from 0, or from the end with a minus.
        keys: of encrypted files, as of :func:`pgic_core.open_file`.

    Returns:
        uint8 (C, H, W), 0 to 255, C from 1 to 4 as ``mode`` says; a list of such for a list of files or for
        ``windows``. Samples of 16 bits are rounded to 8.

    Raises:
        PgiOptionError (ValueError): an argument is none of its values, or the window is not inside the
            picture.
        PgiInputError (OSError): the file cannot be read.
        PgiFormatError (ValueError): it is damaged, or no ``.pgi``.
        PgiUnsupportedError: its samples are int32 or float32, or codec, model or engine are not here.
        PgiKeyError: it is encrypted, and no key opens this part of it.
        PgiLimitError: it asks for more than the limits allow.

        The message names the file where that is known.
    """
    wanted = mode_name(mode)
    place, dtype = torch.device(device), precision(half)
    options = DecodeOptions(level, window, on_damage, threads_in_worker(threads), None, scale, regions)
    several = isinstance(source, (list, tuple))
    if windows is not None:
        if several or window is not None:
            raise PgiOptionError("windows takes one file, and no window beside it.")
        engine = engine_for(engine, place, half)
        with naming(source), open_file(source_of(source), keys=keys) as whole:
            file = whole.frame(frame)
            if engine == "onnxruntime":
                shown = decode_open(file, options, wanted, apply_exif_orientation, windows)
                return [picture.to(place) for picture in shown]
            return show_windows(
                file, options, windows, place, dtype, mode=wanted, upright=apply_exif_orientation
            )
    sources: Sequence[PgiSource] = source if several else [source]  # type: ignore[assignment]
    if engine_for(engine, place, half) == "onnxruntime":
        shown = [
            _on_cpu(item, options, wanted, apply_exif_orientation, frame, keys).to(place) for item in sources
        ]
    else:
        shown = [
            show_symbols(symbols, place, dtype)
            for symbols in read_ahead(
                sources, options, place, upright=apply_exif_orientation, mode=wanted, frame=frame, keys=keys
            )
        ]
    return shown if several else shown[0]


def decode_pgi_latent(
    source: PgiSource,
    *,
    window: Window | None = None,
    device: torch.device | str = "cpu",
    engine: Engine | None = None,
    threads: int | None = None,
    keys: KeysLike | None = None,
) -> torch.Tensor:
    """The dequantised latent of a ``.pgi`` file, without synthesis: see :func:`pgic_core.decode_latent`.

    Args:
        source: as for :func:`decode_pgi`, like all that follow.
        window: is covered with whole latent positions.
        device: where it is wanted; it is float32 on all devices.
        engine: "onnxruntime" or "torch".
        threads: 1 or more.
        keys: as for :func:`decode_pgi`.

    Returns:
        float32 (M, ceil(H / 16), ceil(W / 16)), M channels as ``pgic_core.default_model().latent`` says of
        the default model.

    Raises:
        PgiUnsupportedError: the picture was stored without loss and has no latent.
        PgiError: as :func:`decode_pgi`.
    """
    place = torch.device(device)
    with naming(source):
        if engine_for(engine, place, False) == "onnxruntime":
            latent = decode_latent(
                source_of(source), window=window, threads=threads_in_worker(threads), keys=keys
            )
            return torch.from_numpy(latent).to(place)
        options = DecodeOptions("fast", window, threads=threads_in_worker(threads))
        symbols = read_symbols(source_of(source), options, latent=True, keys=keys)
        return latent_on(symbols, place, torch.float32)


def read_ahead(
    sources: Sequence[PgiSource],
    options: DecodeOptions,
    device: torch.device,
    *,
    upright: bool = False,
    mode: str = "RGB",
    frame: int = 0,
    keys: KeysLike | None = None,
) -> Iterator[PgiSymbols]:
    """Symbols of files, in order; while one is in use, threads read the next.

    Args:
        sources: as for :func:`decode_pgi`.
        options: with the number of threads.
        device: for which memory is pinned.
        upright: have EXIF orientation applied.
        mode: name of :data:`MODES`.
        frame: of sequences.
        keys: as for :func:`decode_pgi`.
    """

    def read(source: PgiSource) -> PgiSymbols:
        with naming(source):
            symbols = read_symbols(
                source_of(source), options, upright=upright, mode=mode, frame=frame, keys=keys
            )
        return symbols.pin_memory() if device.type == "cuda" else symbols

    if len(sources) < 2:
        yield from map(read, sources)
        return
    workers = min(options.thread_count, len(sources))
    with ThreadPoolExecutor(workers, thread_name_prefix="pgic-read") as pool:
        ahead: deque[Future[PgiSymbols]] = deque()
        try:
            for source in sources:
                ahead.append(pool.submit(read, source))
                if len(ahead) > workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def show_symbols(symbols: PgiSymbols, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """What was read, on ``device``: uint8 (C, H, W), or the latent, float32 (M, h, w).

    Args:
        symbols: of any level.
        device, dtype: where the networks run, and what synthesis computes in.
    """
    if symbols.level == "latent":
        return latent_on(symbols, device, dtype)
    pixels = upright_tensor(pixels_on(symbols, device, dtype), symbols.orientation)
    return converted(pixels, symbols.mode)


def decode_open(
    file: PgiFile,
    options: DecodeOptions,
    mode: str,
    upright: bool,
    windows: Sequence[Window] | None = None,
) -> list[torch.Tensor]:
    """Pixels of an open file as ONNX Runtime gives them, uint8 (C, H, W).

    Args:
        file: the file.
        options: its window is what to decode, without ``windows``.
        windows: several instead; what they have in common is decoded once.
        mode: name of :data:`MODES`.
        upright: have EXIF orientation applied.

    Raises:
        PgiError: as :func:`decode_pgi`.
    """
    check_samples(file)
    orientation = file.orientation if upright else 1
    if windows is None:
        pictures = [file.decode_with(options)[0]]
    else:
        pictures = file.decode_windows_with(options, windows)
    shown = []
    for picture in pictures:
        pixels = upright_pixels(eight_bits(picture.pixels), orientation)
        shown.append(converted(torch.from_numpy(pixels).permute(2, 0, 1), mode))
    return shown


def show_windows(
    file: PgiFile,
    options: DecodeOptions,
    windows: Sequence[Window],
    device: torch.device,
    dtype: torch.dtype,
    *,
    mode: str = "RGB",
    upright: bool = False,
) -> list[torch.Tensor]:
    """Windows of an open file on a device, uint8 (C, h, w); what they have in common is decoded once.

    Args:
        file: the file.
        options: level, scale, regions and damage policy.
        windows: in pixels of the stored picture.
        device, dtype: as for :func:`show_symbols`.
        mode: name of :data:`MODES`.
        upright: have EXIF orientation applied.

    Raises:
        PgiError: as :func:`decode_pgi`.
    """
    orientation = file.orientation if upright else 1
    found: dict[int, torch.Tensor] = {}
    for together, places in grouped_options(options, windows, file.width, file.height):
        pixels = pixels_on(symbols_in(file, together), device, dtype)
        for number, (rows, columns) in places:
            part = upright_tensor(pixels[:, rows, columns], orientation)
            found[number] = converted(part, mode).contiguous()
    return [found[number] for number in range(len(windows))]


def _on_cpu(
    source: PgiSource,
    options: DecodeOptions,
    mode: str,
    upright: bool,
    frame: int,
    keys: KeysLike | None,
) -> torch.Tensor:
    with naming(source), open_file(source_of(source), keys=keys) as file:
        return decode_open(file.frame(frame), options, mode, upright)[0]
