"""The latent representation of a picture, without turning it into pixels (A-6.3.1c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ..codec.parallel import thread_count
from ..container import PgiReader
from ..errors import PgiLimitError, PgiUnsupportedError
from ..limits import Limits
from .coded import open_coded
from .file import _checked_window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..codec.learned.decoder import LearnedImage
    from ..container.source import SourceLike
    from .file import Window

__all__ = ["LATENT_FACTOR", "decode_latent"]

LATENT_FACTOR = 16
"""How many pixels one latent position spans each way."""


def decode_latent(
    source: SourceLike,
    *,
    window: Window | None = None,
    threads: int | None = None,
    limits: Limits | None = None,
) -> NDArray[np.float32]:
    """Decode the dequantised latent of a picture, as the model's network ``means`` gives it (A-6.4.1a).

    The synthesis network does not run. Latents of different models cannot be compared;
    ``inspect(source).model_digest`` names the model.

    Args:
        source: a path, bytes, or a binary file object.
        window: x, y, width, height in pixels of the stored picture. It is extended to whole latent positions,
            and only the tiles that it needs are read.
        threads: 1 or more; ``PGIC_THREADS`` or all processors if not given.
        limits: what the file may ask for.

    Returns:
        float32 (M, h, w). M is ``model.latent``; a position spans 16 x 16 pixels, so h and w are a
        sixteenth of height and width, rounded up. An alpha plane is not included.

    Raises:
        PgiUnsupportedError: the picture has no latent (it is stored losslessly: A-6.1a), or its model
            is not installed (PgiModelError).
        PgiError: as :meth:`PgiFile.decode`.
    """
    limits = limits or Limits.from_environment()
    window = _checked_window(window)
    with PgiReader(source, limits) as reader:
        coded = open_coded(reader, limits)
        if coded.codec != "learned":
            raise PgiUnsupportedError(f"The picture has no latent: it is coded {coded.codec}.")
        try:
            return cast("LearnedImage", coded.colours).latent(window, thread_count(threads))
        except MemoryError as error:
            raise PgiLimitError("There is not enough memory for the latent; a window needs less.") from error
