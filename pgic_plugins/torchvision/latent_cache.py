"""Latents that were decoded before, kept in the memory of the process that decoded them."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from pgic_core.errors import PgiOptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

__all__ = ["LatentCache"]


class LatentCache:
    """Keeps whole latents, those used last, up to a number of bytes.

    Every worker of a DataLoader has one of its own, which lives as long as the worker does: use
    ``persistent_workers=True``. A file that changed is decoded anew. Pickled, the cache is empty.

    Args:
        most_bytes: 0 keeps nothing. A picture of 6 megapixels takes 30 MB.

    Raises:
        PgiOptionError: it is below 0.
    """

    def __init__(self, most_bytes: int = 0) -> None:
        if most_bytes < 0:
            raise PgiOptionError(f"A cache takes 0 bytes or more, not {most_bytes}.")
        self.most_bytes = most_bytes
        self.held_bytes = 0
        self._latents: OrderedDict[tuple[Any, ...], torch.Tensor] = OrderedDict()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.most_bytes,)

    def __len__(self) -> int:
        return len(self._latents)

    def get(self, source: object, read: Callable[[], torch.Tensor]) -> torch.Tensor:
        """The latent of a file, which is shared: not to be changed.

        Args:
            source: its path; what is none is read every time.
            read: decodes it.
        """
        if not self.most_bytes or not isinstance(source, (str, os.PathLike)):
            return read()
        status = os.stat(source)
        key = (os.fsdecode(source), status.st_mtime_ns, status.st_size, status.st_ino)
        if key in self._latents:
            self._latents.move_to_end(key)
            return self._latents[key]
        latent = read()
        size = latent.numel() * latent.element_size()
        if size <= self.most_bytes:
            self._latents[key] = latent
            self.held_bytes += size
            while self.held_bytes > self.most_bytes:
                _, old = self._latents.popitem(last=False)
                self.held_bytes -= old.numel() * old.element_size()
        return latent
