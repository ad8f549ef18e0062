"""What the samples of a picture are: their number type, and the meaning of its channels."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

from ..errors import PgiOptionError

__all__ = ["Channels", "SampleFormat"]


class Channels(IntEnum):
    """Meaning of the channels; the value is their number."""

    GREY = 1
    GREY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4

    @property
    def label(self) -> str:
        """The name in reports: "rgb+alpha"."""
        return self.name.lower().replace("_", "+")

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is opacity, not premultiplied."""
        return self in (Channels.GREY_ALPHA, Channels.RGB_ALPHA)


class SampleFormat(IntEnum):
    """Type of one sample; the values are those of the stream."""

    UINT8 = 1
    UINT16 = 2
    INT32 = 3
    FLOAT32 = 4
    INT16 = 5
    UINT32 = 6
    FLOAT16 = 7
    FLOAT64 = 8

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numpy type, in the machine's byte order."""
        return np.dtype(self.name.lower())

    @property
    def bits(self) -> int:
        """Bits of one sample: ``color_depth`` of A.2."""
        return self.dtype.itemsize * 8

    @classmethod
    def of(cls, dtype: np.dtype[Any]) -> SampleFormat:
        """The format of a numpy type.

        Raises:
            PgiOptionError: there is none.
        """
        try:
            return cls[dtype.name.upper()]
        except KeyError:
            raise PgiOptionError(
                f"Samples must be {', '.join(kind.name.lower() for kind in cls)} or bool, not {dtype.name}."
            ) from None
