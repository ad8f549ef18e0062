"""Recognition of decoded pictures beside the originals, at the sizes that the standard names (A-B.2d)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ...errors import PgiTargetError
from ...models import default_model
from ...options import ADAPTIVE, PREVIEW
from ..bench.jpeg_ratio import RATIOS
from ..bench.peer_codecs import find_codec
from ..recognition import find_recogniser
from .crop_comparison import file_of_size
from .point_task import BASE_LEVEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ...options import Level
    from .evaluated_pictures import Subject

__all__ = ["ORIGINAL", "STANDARD_SIZES", "RecognitionTask", "Size"]

ORIGINAL = "original"
"""What stands in place of a codec for the picture before coding."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large the coded file may be, and what is coded.

    Attributes:
        quality: of the JPEG that is coded, or of pgic.
        share: of the JPEG's bytes; None where the picture itself is coded, at a quality of pgic.
    """

    quality: int
    share: float | None = None

    @property
    def name(self) -> str:
        """For tables."""
        if self.share is None:
            return f"quality {self.quality}"
        return f"1/{round(1 / self.share)} of JPEG {self.quality}"


STANDARD_SIZES = tuple(Size(quality, share) for quality, share in RATIOS)
"""A tenth of JPEG 95 and a fifth of JPEG 80."""


@dataclass(frozen=True, slots=True)
class RecognitionTask:
    """A picture before and after coding, as recognisers see it.

    At a share of a JPEG, the original is what that JPEG shows, since that is the input that the clause
    measures sizes by. Peers get as many bytes as pgic took, or the next file above.

    Attributes:
        subject: the picture.
        recognisers: their names.
        peers: names of other codecs.
        roi: model of regions that pgic keeps in more detail at the same bytes, or None.
        model: digest of pgic's model.
        sizes: of the files.
        levels: of decoding; None for every one but previews.
    """

    subject: Subject
    recognisers: tuple[str, ...]
    peers: tuple[str, ...]
    roi: str | None
    model: str
    sizes: tuple[Size, ...] = STANDARD_SIZES
    levels: tuple[Level, ...] | None = None

    @property
    def label(self) -> str:
        """For the progress bar."""
        return f"{self.subject.name} {', '.join(self.recognisers)}"

    def identity(self) -> dict[str, Any]:
        """What the result depends on."""
        return {
            "recognition": self.recognisers,
            "picture": [self.subject.digest, self.subject.name],
            "peers": self.peers,
            "roi": self.roi,
            "sizes": [size.name for size in self.sizes],
            "levels": self.levels,
            "renderers": [renderer.digest for renderer in default_model().renderers],
            "model": self.model,
        }

    def run(self) -> list[dict[str, Any]]:
        """A mapping for each picture that a recogniser saw: where it comes from, and what was seen."""
        recognisers = [find_recogniser(name) for name in self.recognisers]
        rows = []
        for size in self.sizes:
            shown, most, whole = self._original(size)
            views = [(ORIGINAL, whole, shown), *self._views(shown, size, most)]
            rows += [
                {
                    "recogniser": name,
                    "picture": self.subject.name,
                    "size": size.name,
                    "codec": codec,
                    "bytes": count,
                    "seen": [[s.label, *s.box, s.score] for s in recogniser.see(pixels)],
                }
                for codec, count, pixels in views
                for name, recogniser in zip(self.recognisers, recognisers, strict=True)
            ]
        return rows

    def _original(self, size: Size) -> tuple[NDArray[np.uint8], int | None, int]:
        """What is coded, the bytes that it may take, and the bytes that it takes itself."""
        picture = self.subject.rgb()
        if size.share is None:
            return picture, None, picture.nbytes
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "JPEG", quality=size.quality)
        shown = np.asarray(Image.open(stream, formats=["JPEG"]).convert("RGB"))
        return shown, int(size.share * stream.tell()), stream.tell()

    def _views(
        self, picture: NDArray[np.uint8], size: Size, most: int | None
    ) -> Iterator[tuple[str, int, NDArray[np.uint8]]]:
        from ...api import decode, encode

        plain = None
        for name, roi in (("pgic", None), (f"pgic, regions by {self.roi}", self.roi)):
            if name != "pgic" and roi is None:
                continue
            try:
                if most is None:
                    data = encode(picture, quality=size.quality, codec="learned")
                    most = len(data)
                else:
                    data = encode(picture, max_bytes=most, roi=roi, codec="learned")
            except PgiTargetError:
                continue  # it cannot be that small
            plain = plain or data
            for level in self.levels or default_model().levels:
                if level == PREVIEW or (level == ADAPTIVE and roi is None):
                    continue
                shown = name if level == BASE_LEVEL else f"{name}, {level}"
                yield shown, len(data), decode(data, level=level)
        wanted = len(plain) if plain else most or 0
        for peer in self.peers:
            codec = find_codec(peer)
            _, coded = file_of_size(codec, picture, wanted)
            yield peer, len(coded), codec.decode(coded)
