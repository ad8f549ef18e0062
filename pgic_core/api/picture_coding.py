"""Second step of encoding: code the picture with the codec asked for, or with the better one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..codec.alpha import LENGTH_SIZE, join_alpha
from ..codec.lossless.encoder import encode_lossless
from ..container import DETAILS, Compression, Strategy
from ..errors import PgiOptionError, PgiTargetError
from ..options import DEFAULT_QUALITY
from .codec_choice import LearnedPicture, choose_codec, codec_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..models import Model
    from ..options import Progress, RateRequest
    from ..roi import ExactLike, RoiLike
    from .codec_choice import Coded
    from .preparing import Prepared

__all__ = ["CodedPicture", "CodingOptions", "Regions", "code", "regions_of"]

_LEAST_TOLD = 16384
"""Bytes of a file from which on it records its target."""


@dataclass(frozen=True, slots=True)
class CodingOptions:
    """How a picture is coded.

    Attributes:
        rate: what is asked of size and loss.
        codec: "auto", "learned" or "lossless", or None.
        effort: 1 to 3.
        roi: regions to keep better, or None.
        exact: regions to keep bit for bit, or None.
        model: of the learned codec, its id or its digest; None for the default model.
        threads: 1 or more.
        progress: called with the share done, or None.
        keep_details: code details on calm ground in finer steps, unless regions that were asked for are.
    """

    rate: RateRequest
    codec: str | None
    effort: int
    roi: RoiLike | None
    exact: ExactLike | None
    model: Model | str | None
    threads: int
    progress: Progress | None
    keep_details: bool = True


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """What became of a picture.

    Attributes:
        compression: its codec.
        payload: in pieces.
        strategy: how the coding was adapted to it.
    """

    compression: Compression
    payload: list[bytes]
    strategy: Strategy


def code(prepared: Prepared, options: CodingOptions) -> CodedPicture:
    """Code a picture.

    Args:
        prepared: what to code.
        options: how.

    Raises:
        PgiOptionError: options contradict each other, or the codec cannot have the picture.
        PgiTargetError: the picture cannot be as small or as faithful as is asked for.
        PgiModelError: the model is not there.
    """
    rate, picture = options.rate, prepared.picture
    codec = codec_name(options.codec, rate.lossless, options.model is not None, picture.learnable)
    if rate.lossless and options.roi is not None:
        raise PgiOptionError("roi and lossless contradict each other: without loss no region is better.")
    budget = rate.byte_budget(prepared.pixels)
    strategy = _strategy(options, budget) if codec != "lossless" else Strategy()
    room = None if budget is None else prepared.room(budget)
    if budget is not None and budget < _LEAST_TOLD:
        options = replace(options, keep_details=False)  # which would have to be told
    regions, source = Regions(), None

    def learned() -> LearnedPicture:
        nonlocal regions, source
        regions = regions_of(prepared, options)
        asked = strategy if regions.roi is not None else replace(strategy, roi=None, steps=None)

        def with_details(keep: bool) -> LearnedPicture:
            told = replace(asked, roi=DETAILS) if keep else asked
            beside = None if budget is None else prepared.with_strategy(told).room(budget)
            return _learned(prepared, replace(options, keep_details=keep), beside, regions)

        keep = options.keep_details and regions.roi is None
        try:
            coded = with_details(keep)
        except PgiTargetError:  # perhaps because of the bytes that they take
            if not keep:
                raise
            coded = with_details(False)
        source = DETAILS if coded.finer and regions.roi is None else None
        return coded

    def lossless(at_most: int | None) -> Coded | None:
        # The learned codec tells of the progress of both.
        progress = options.progress if codec == "lossless" else None
        try:
            return encode_lossless(
                picture.pixels,
                effort=options.effort,
                at_most=at_most,
                threads=options.threads,
                progress=progress,
            )
        except PgiTargetError:
            return None

    compression, payload = choose_codec(picture, codec, rate, room, learned, lossless)
    if budget is not None and room is not None and (taken := sum(map(len, payload))) > room:
        raise PgiTargetError(
            f"Coded {compression.name.lower()}, the picture makes a file of {budget + taken - room:,} bytes, "
            f"more than the {budget:,} asked for."
        )
    if compression is not Compression.LEARNED:
        strategy, source = Strategy(), None
    if regions.roi is None:
        strategy = replace(strategy, roi=source, steps=None)
    if regions.exact is None:
        strategy = replace(strategy, exact=None)
    return CodedPicture(compression, payload, strategy)


def _strategy(options: CodingOptions, budget: int | None) -> Strategy:
    """What is asked for that depends on the picture."""
    target = None
    if budget is not None:
        target = ("bytes", float(budget)) if budget >= _LEAST_TOLD else None
    elif options.rate.min_psnr is not None:
        target = ("psnr", float(options.rate.min_psnr))
    if options.roi is None and options.exact is None:
        return Strategy(target=target)
    # Not imported for pictures without regions.
    from ..roi import Roi, name_of_regions

    roi = exact = steps = None
    if options.roi is not None:
        wanted = options.roi if isinstance(options.roi, Roi) else Roi(options.roi)
        roi = name_of_regions(wanted.source)
        steps = None if roi == "map" else (float(wanted.background), float(wanted.strength))
    if options.exact is not None:
        exact = name_of_regions(options.exact)
    return Strategy(roi, steps, exact, target)


@dataclass(frozen=True, slots=True)
class Regions:
    """Regions of a picture as the learned encoder takes them: maps of blocks, or None where none are."""

    roi: NDArray[np.int8] | None = None
    exact: NDArray[np.bool_] | None = None


def regions_of(prepared: Prepared, options: CodingOptions, *, roi: bool = True) -> Regions:
    """What is asked for parts of a picture, as maps.

    Args:
        prepared: the picture.
        options: how it is coded.
        roi: whether the map of interest is wanted.

    Raises:
        PgiOptionError: something asked for is no region.
    """
    wanted = options.roi if roi else None
    if wanted is None and options.exact is None:
        return Regions()
    # Not imported for pictures without regions.
    from ..roi import resolve_exact, resolve_roi

    rgb = np.ascontiguousarray(prepared.picture.pixels[:, :, :3])
    orientation, fields = prepared.orientation, prepared.fields
    found = resolve_roi(wanted, rgb, orientation=orientation, fields=fields)
    return Regions(
        roi=found if found is not None and found.any() else None,
        exact=resolve_exact(options.exact, rgb, orientation=orientation, fields=fields),
    )


def _learned(
    prepared: Prepared, options: CodingOptions, room: int | None, regions: Regions
) -> LearnedPicture:
    # Not imported for pictures that need no network.
    from ..codec.learned.encoder import RateTarget, encode_learned
    from ..codec.learned.exact.hard_blocks import promised_error
    from ..codec.learned.payload.header import has_roi_map
    from ..codec.learned.rate_control import squared_error
    from ..models import default_model, find_model

    picture, rate = prepared.picture, options.rate
    model = find_model(options.model) if isinstance(options.model, str) else options.model or default_model()
    alpha: list[bytes] = []
    if picture.channels.has_alpha:
        alpha = encode_lossless(picture.pixels[:, :, 3:], effort=options.effort, threads=options.threads)
    target = None
    if room is not None:
        room -= LENGTH_SIZE + sum(map(len, alpha))
        if room <= 0:
            raise PgiTargetError(
                f"The file cannot be that small: even without colours it takes {-room:,} bytes too many."
            )
        budget = rate.byte_budget(prepared.pixels) or 0
        target = RateTarget(max_bytes=room, bytes_beside=budget - room)
    elif rate.min_psnr is not None:
        target = RateTarget(min_psnr=rate.min_psnr)
    rgb, quality = picture.pixels[:, :, :3], DEFAULT_QUALITY if rate.quality is None else rate.quality
    learned = encode_learned(
        rgb,
        model=model,
        quality=quality,
        target=target,
        effort=options.effort,
        roi=regions.roi,
        exact=regions.exact,
        threads=options.threads,
        progress=options.progress,
        keep_details=options.keep_details,
    )
    weight = model.error_weight(quality) / 8 if model.weighs_errors else 0.0  # bytes
    return LearnedPicture(
        join_alpha(learned, alpha),
        weight * promised_error(8 * weight) * prepared.pixels if weight else 0.0,
        lambda: weight * squared_error(learned, rgb, model, options.threads),
        has_roi_map(learned),
    )
