"""What an edit of a file gets to work on, and what it does to signatures that are there."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from ..errors import PgiWarning
from ..photos.conversion_losses import callers_level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from ..container import PgiReader
    from ..security.signatures.signed_statement import FramePlace

    Change: TypeAlias = Callable[["FrameToEdit"], Iterator[bytes | memoryview] | None]
    """The new file of a picture or frame, in pieces; None leaves it as it is."""

__all__ = ["FrameToEdit", "Signatures", "warn_of"]


class Signatures(Enum):
    """What an edit does to signatures that are there.

    Whatever changes a frame breaks those of later frames that state their place, since that is told by the
    bytes of all frames before.
    """

    BROKEN = auto()
    """It breaks those of the frames that it edits too, and warns."""
    MOVED = auto()
    """It warns if there are later ones."""
    KEPT = auto()
    """It is refused if there are later ones."""
    RENEWED = auto()
    """Likewise; but it signs the frames that it edits, and what they had is superseded."""


@dataclass(frozen=True, slots=True)
class FrameToEdit:
    """A picture or a frame, as an edit gets it.

    Attributes:
        reader: of its file, unlocked as far as the keys go; the file of a frame needs no other to be read.
        number: of the frame; 0 of a picture.
        place: where the frame stands in the new file; None of a picture.
    """

    reader: PgiReader
    number: int = 0
    place: FramePlace | None = None


def warn_of(text: str) -> None:
    """Say to whoever called pgic what an edit costs."""
    warnings.warn(PgiWarning(text), stacklevel=callers_level())
