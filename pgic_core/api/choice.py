"""Which codec a picture goes to where both may have it: the learned one, or the one without loss.

Photos take three to seventy times as many bytes without loss, drawings, screenshots and flat colours as
few as a thirtieth. A guess from a few squares tells these kinds apart; only where it leaves a doubt is
the picture coded both ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..codec.estimate import estimate_lossless
from ..container import Compression
from ..errors import PgiOptionError, PgiTargetError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from ..codec.picture import Picture
    from .options import Rate

    Coded: TypeAlias = list[bytes]

__all__ = ["CODECS", "check_codec", "code_by_choice"]

CODECS = ("auto", "learned", "lossless")

_DOUBT = 2
"""The guess may be so many times too large,"""
_SIMPLE = 0.5
"""and any number of times below so many bits for each pixel, which no photo comes near."""
_WORTH = 1.1
"""So many times the bytes of the learned codec, exact pixels are worth, where a quality was asked for."""


def check_codec(codec: str, learnable: bool) -> None:
    """Raise unless the codec exists and can have the picture.

    Raises:
        PgiOptionError: otherwise.
    """
    if codec not in CODECS:
        raise PgiOptionError(f"codec must be one of {', '.join(CODECS)}, not {codec!r}.")
    if codec == "learned" and not learnable:
        raise PgiOptionError("The learned codec takes 8-bit RGB of visible light only.")


def code_by_choice(
    picture: Picture,
    rate: Rate,
    room: int | None,
    learned: Callable[[], Coded],
    lossless: Callable[[int | None], Coded | None],
) -> tuple[Compression, Coded]:
    """The picture as the codec codes it that serves what was asked for best.

    With a bound on bytes, that is the one without loss if its payload fits. With a bound on PSNR, it is the
    smaller one that meets it. With a quality, it is the one without loss unless it takes a tenth more than
    the learned one.

    Args:
        picture: for both codecs.
        rate: what was asked for.
        room: bytes that the payload may have, or None.
        learned: codes the picture as ``rate`` says.
        lossless: codes it without loss, or gives None where that takes more bytes than given.

    Raises:
        PgiTargetError: neither codec meets what was asked for.
        PgiError: as the two raise.
    """
    guess = estimate_lossless(picture.pixels)
    if guess * 8 < _SIMPLE * picture.width * picture.height:
        guess = 0
    if room is not None:
        exact = lossless(room) if guess <= _DOUBT * room else None
        return (Compression.LEARNED, learned()) if exact is None else (Compression.LOSSLESS, exact)
    try:
        coded = learned()
    except PgiTargetError:
        exact = lossless(None)  # no bound on bytes: PSNR is out of reach for the learned codec
        assert exact is not None
        return Compression.LOSSLESS, exact
    size = sum(map(len, coded))
    if guess <= _DOUBT * size:
        exact = lossless(size if rate.min_psnr is not None else int(_WORTH * size))
        if exact is not None:
            return Compression.LOSSLESS, exact
    return Compression.LEARNED, coded
