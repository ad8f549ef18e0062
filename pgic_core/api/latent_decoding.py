"""The latent representation of a picture, without turning it into pixels (A-6.3.1c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..codec.tiles_and_windows import Y_STRIDE as LATENT_FACTOR
from .pgi_file import PgiFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..container.byte_source import SourceLike
    from ..limits import Limits
    from ..options import Window
    from ..security.keyring import KeysLike

__all__ = ["LATENT_FACTOR", "decode_latent"]


def decode_latent(
    source: SourceLike,
    *,
    window: Window | None = None,
    threads: int | None = None,
    limits: Limits | None = None,
    keys: KeysLike | None = None,
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
        keys: for an encrypted file, as of :class:`.PgiFile`.

    Returns:
        float32 (M, h, w). M is ``model.latent``; a position spans 16 x 16 pixels, so h and w are a
        sixteenth of height and width, rounded up. An alpha plane is not included.

    Raises:
        PgiUnsupportedError: the picture has no latent (it is stored losslessly: A-6.1a), or its model
            is not installed (PgiModelError).
        PgiError: as :meth:`PgiFile.decode`.
    """
    with PgiFile(source, limits=limits, keys=keys) as file:
        return file.latent(window, threads)
