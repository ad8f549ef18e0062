"""What a ``.pgi`` file hands on to a photo beside the pixels: EXIF, profiles, IPTC and the like."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ..camera import xmp_with_synthesised
from ..errors import PgiUnsupportedError
from .photo_cropping import exif_of_part, side_of_part, xmp_of_part
from .side_data import SideData

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["CARRIED_NAMES", "EXIF_PREFIX", "Carried", "not_held"]

EXIF_PREFIX = b"Exif\x00\x00"
"""What stands before EXIF in JPEG files."""

CARRIED_NAMES = {
    "exif": "EXIF",
    "icc_profile": "an ICC profile",
    "xmp": "XMP",
    "xmp_extended": "extended XMP",
    "iptc": "IPTC",
    "photoshop": "Photoshop resources",
    "comments": "comments",
    "texts": "PNG texts",
    "dpi": "a resolution",
    "segments": "raw temperatures or other segments of a camera",
}
"""What may be carried, and how messages call it."""

_OWN = ("exif", "icc_profile", "xmp", "dpi", "segments")


class BesidePixels(Protocol):
    """What an open ``.pgi`` file holds beside its pixels."""

    @property
    def exif(self) -> bytes | None:
        """EXIF, with or without its prefix."""

    @property
    def icc_profile(self) -> bytes | None:
        """ICC profile."""

    @property
    def xmp(self) -> bytes | None:
        """XMP packet."""

    @property
    def dpi(self) -> tuple[float, float] | None:
        """Pixels per inch, horizontal and vertical."""

    @property
    def segments(self) -> bytes | None:
        """Further APPn segments of a JPEG."""

    @property
    def side_data(self) -> SideData:
        """IPTC, comments and the like."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What goes into a file beside its pixels; None or empty where there is none.

    Attributes:
        exif: without its prefix.
        icc_profile: ICC profile.
        xmp: XMP packet.
        dpi: pixels per inch, horizontal and vertical.
        segments: further APPn segments of a JPEG (:mod:`pgic_core.container.jpeg_segments`).
        side: IPTC, comments and the like.
        whole: whether the picture is the whole one in full size, of which alone ``segments`` speak.
    """

    exif: bytes | None = None
    icc_profile: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    segments: bytes | None = None
    side: SideData = field(default_factory=SideData)
    whole: bool = True

    @classmethod
    def of(cls, file: BesidePixels, *, whole: bool) -> Carried:
        """What a ``.pgi`` file brings along.

        Args:
            file: the file.
            whole: whether the picture is the whole one in full size; else its resolution no longer holds.
        """
        exif = file.exif
        return cls(
            exif=exif.removeprefix(EXIF_PREFIX) if exif else None,
            icc_profile=file.icc_profile,
            xmp=file.xmp,
            dpi=file.dpi if whole else None,
            segments=file.segments,
            whole=whole,
            side=file.side_data,
        )

    def marked_synthesised(self, losses: list[str]) -> Carried:
        """The same, with a note in XMP that pixels were synthesised.

        Args:
            losses: gets a predicate if the XMP is too broken for that, and makes room for a new packet.
        """
        try:
            xmp = xmp_with_synthesised(self.xmp)
        except PgiUnsupportedError:
            losses.append("has XMP that is too broken for the note on synthesised pixels, and loses it")
            xmp = xmp_with_synthesised(None)
        return dataclasses.replace(self, xmp=xmp)

    def of_part(self, size: tuple[int, int], losses: list[str]) -> Carried:
        """The same for a part of the picture: nothing that shows the rest of it.

        Args:
            size: width and height of the part.
            losses: gets a predicate for what is too broken for pictures to be taken out of it.
        """
        exif, xmp, problems = self.exif, self.xmp, []
        if exif:
            exif, problem = exif_of_part(exif, size)
            problems.append(("EXIF", problem))
        if xmp:
            xmp, problem = xmp_of_part(xmp)
            problems.append(("XMP", problem))
        side, problem = side_of_part(self.side)
        problems.append(("extended XMP", problem))
        losses += [
            f"has {name} that may show what lies outside the part, and loses it"
            for name, problem in problems
            if problem
        ]
        return dataclasses.replace(self, exif=exif, xmp=xmp, side=side)

    def names(self) -> list[str]:
        """Names of what is there, as :data:`CARRIED_NAMES` has them."""
        own = [name for name in _OWN if getattr(self, name)]
        return own + [name for name in CARRIED_NAMES if getattr(self.side, name, None)]

    def without(self, names: Iterable[str]) -> Carried:
        """The same without some of it."""
        empty: dict[str, Any] = {"comments": (), "texts": ()}
        own: dict[str, Any] = {}
        side: dict[str, Any] = {}
        for name in names:
            if name in _OWN:
                own[name] = None
            else:
                side[name] = empty.get(name, b"")
        return dataclasses.replace(self, **own, side=dataclasses.replace(self.side, **side))


def not_held(names: Sequence[str], kind: str) -> str:
    """A predicate that says what a format cannot hold."""
    texts = [CARRIED_NAMES[name] for name in names]
    listed = texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
    return f"has {listed}, which this {kind} cannot hold"
