"""Choosing between the learned and the lossless codec where both can take a picture.

Photos take three to seventy times as many bytes without loss, drawings, screenshots and flat colours as
few as a thirtieth. A guess from a few squares tells these kinds apart; only where it leaves a doubt is
the picture coded both ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..codec.lossless.size_estimate import estimate_lossless
from ..container import Compression
from ..errors import PgiOptionError, PgiTargetError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from ..codec.picture import Picture
    from ..options import RateRequest

    Coded: TypeAlias = list[bytes]

__all__ = ["LearnedPicture", "choose_codec", "codec_name"]

_CODECS = ("auto", "learned", "lossless")
# How many times too large the guess may be: any number below so many bits for each pixel, which photos do not
# come near; and else more where most pixels are as their neighbours.
_SIMPLE_BPP = 0.5
_FLAT, _DOUBT_IF_FLAT, _DOUBT = 0.5, 4, 2
_WORTH, _WORTH_IF_FLAT = 1.1, 1.5
"""So many times the bytes of the learned codec, exact pixels are worth, where a quality was asked for. In
flat pictures, such as pages of text, each error is seen."""
_SEEN_IF_FLAT = 3
"""How many times an error counts in a flat picture."""
_OFF, _OFF_IF_FLAT = 1.5, 4
"""How many times the errors that a quality promises are looked for, before they are measured."""


@dataclass(frozen=True, slots=True)
class LearnedPicture:
    """What the learned codec made of a picture.

    Attributes:
        payload: in pieces.
        promised: bytes that the errors are worth which its quality promises; 0 where the model does not say.
        measured: decodes the picture and gives the bytes that its errors are worth.
        finer: whether parts of it have finer steps than others.
    """

    payload: Coded
    promised: float
    measured: Callable[[], float]
    finer: bool


def codec_name(codec: str | None, lossless: bool, model: bool, learnable: bool) -> str:
    """One of "auto", "learned" and "lossless".

    Args:
        codec: one of them as it was asked for, or None.
        lossless: whether every pixel was asked for.
        model: whether a model of the learned codec was.
        learnable: whether the learned codec may have the picture.

    Raises:
        PgiOptionError: there is no such codec, it cannot have the picture, or two contradict each other.
    """
    if codec is not None and codec not in _CODECS:
        raise PgiOptionError(f"codec must be one of {', '.join(_CODECS)}, not {codec!r}.")
    if lossless and codec == "learned":
        raise PgiOptionError("lossless and codec='learned' contradict each other: give one of them.")
    if codec == "learned" and not learnable:
        raise PgiOptionError("The learned codec takes 8-bit RGB of visible light only.")
    if lossless or not learnable:
        return "lossless"
    return codec or ("learned" if model else "auto")


def choose_codec(
    picture: Picture,
    codec: str,
    rate: RateRequest,
    room: int | None,
    learned: Callable[[], LearnedPicture],
    lossless: Callable[[int | None], Coded | None],
) -> tuple[Compression, Coded]:
    """Code a picture with the codec that was asked for, or with the one that serves it best.

    Args:
        picture: what to code.
        codec: as :func:`codec_name` gives it.
        rate: what was asked for.
        room: bytes that the payload may have, or None.
        learned: codes the picture with the learned codec as ``rate`` says.
        lossless: codes it without loss, or gives None where that takes more bytes than given.

    Raises:
        PgiTargetError: no codec meets what was asked for.
    """
    if codec == "lossless":
        exact = lossless(None)
        assert exact is not None  # without a bound it fits
        return Compression.LOSSLESS, exact
    if codec == "learned":
        return Compression.LEARNED, learned().payload
    return _chosen(picture, rate, room, learned, lossless)


def _chosen(
    picture: Picture,
    rate: RateRequest,
    room: int | None,
    learned: Callable[[], LearnedPicture],
    lossless: Callable[[int | None], Coded | None],
) -> tuple[Compression, Coded]:
    """The picture as the codec codes it that serves what was asked for best.

    With a bound on bytes, that is the one without loss if its payload fits. With a bound on PSNR, it is the
    smaller one that meets it. With a quality, it is the one without loss unless it takes a tenth more than
    the learned one (half more where most pixels are as their neighbours), and more than the errors of
    that are worth.

    Args:
        picture: as :func:`choose_codec`, like all that follow.
        rate: likewise.
        room: likewise.
        learned: likewise.
        lossless: likewise.

    Raises:
        PgiTargetError: neither codec meets what was asked for.
    """
    guess = estimate_lossless(picture.pixels)
    flat = guess.flat >= _FLAT
    least = guess.size // (_DOUBT_IF_FLAT if flat else _DOUBT)
    if guess.size * 8 < _SIMPLE_BPP * picture.width * picture.height:
        least = 0
    if room is not None:
        exact = lossless(room) if least <= room else None
        if exact is None:
            try:
                return Compression.LEARNED, learned().payload
            except PgiTargetError as error:
                # Neither fits; the smaller one is what the caller should be told of.
                exact = None if error.least is None else lossless(error.least)
                if exact is None:
                    raise
        return Compression.LOSSLESS, exact
    try:
        coded = learned()
    except PgiTargetError:
        exact = lossless(None)  # no bound on bytes: PSNR is out of reach for the learned codec
        assert exact is not None
        return Compression.LOSSLESS, exact
    size = sum(map(len, coded.payload))
    allowed = bound = float(size)
    if rate.min_psnr is None:
        allowed = bound = (_WORTH_IF_FLAT if flat else _WORTH) * size
        expected = guess.size / _DOUBT_IF_FLAT if flat else guess.size
        most = allowed + (_OFF_IF_FLAT if flat else _OFF) * coded.promised
        if expected <= most:
            bound = most
    exact = lossless(int(bound)) if least <= bound else None
    if exact is not None:
        taken = sum(map(len, exact))
        if taken <= allowed or taken <= allowed + (_SEEN_IF_FLAT if flat else 1) * coded.measured():
            return Compression.LOSSLESS, exact
    return Compression.LEARNED, coded.payload
