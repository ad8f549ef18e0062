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
from ...roi.heat_map_model import shipped_heat_digest
from ...roi.roi_argument import DEFAULT_STRENGTH, Roi
from ..bench.jpeg_ratio import RATIOS
from ..bench.peer_codecs import find_codec
from ..recognition import find_recogniser
from .crop_comparison import file_of_size
from .point_task import BASE_LEVEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from ...options import Level
    from ...roi.roi_argument import RoiSource
    from ..recognition import Seen
    from .evaluated_pictures import Subject

__all__ = [
    "ORIGINAL",
    "SEEN",
    "STANDARD_SIZES",
    "RecognitionTask",
    "Size",
    "recognition_tasks",
    "size_of_share",
]

SEEN = "seen"
"""What stands in place of a model of regions for those where recognisers see something in the original."""

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
        if (self.quality, self.share) in RATIOS:
            return f"1/{round(1 / self.share)} of JPEG {self.quality}"
        return f"{100 * self.share:g} % of JPEG {self.quality}"


_LADDER_JPEG = 95

STANDARD_SIZES = tuple(Size(quality, share) for quality, share in RATIOS)
"""A tenth of JPEG 95 and a fifth of JPEG 80."""


@dataclass(frozen=True, slots=True)
class RecognitionTask:
    """A picture before and after coding at one size, as recognisers see it.

    At a share of a JPEG, the original is what that JPEG shows, since that is the input that the clause
    measures sizes by. Peers get as many bytes as pgic took, or the next file above.

    Attributes:
        subject: the picture.
        recognisers: their names.
        peers: names of other codecs.
        roi: model of regions that pgic keeps in more detail at the same bytes, or :data:`SEEN`; ``:`` and the
            strength in octaves may follow. None for pgic without regions, the original and the peers.
        model: digest of pgic's model.
        size: of the files.
        levels: of decoding; None for every one but previews.
    """

    subject: Subject
    recognisers: tuple[str, ...]
    peers: tuple[str, ...]
    roi: str | None
    model: str
    size: Size
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
            "peers": self.peers if self.roi is None else (),
            "roi": None if self.roi is None else [self.roi, shipped_heat_digest(self._model)],
            "size": self.size.name,
            "levels": self.levels,
            "renderers": [renderer.digest for renderer in default_model().renderers],
            "model": self.model,
        }

    def run(self) -> list[dict[str, Any]]:
        """A mapping for each picture that a recogniser saw: where it comes from, and what was seen."""
        shown, most, whole = self._original()
        recognisers = [(name, find_recogniser(name)) for name in self.recognisers]
        if self.roi is None:
            views = self._without_regions(shown, most, whole)
        else:
            source: RoiSource = self._model
            if self._model == SEEN:
                source = _mask(shown, (seen for _, each in recognisers for seen in each.see(shown)))
            views = self._pgic(shown, most, Roi(source, self._strength))
        return [
            {
                "recogniser": name,
                "picture": self.subject.name,
                "size": self.size.name,
                "jpeg_share": self.size.share if self.size.quality == _LADDER_JPEG else None,
                "codec": view.codec,
                "quality": view.quality,
                "bytes": view.bytes,
                "pixels": shown.shape[0] * shown.shape[1],
                "seen": [[s.label, *s.box, s.score] for s in recogniser.see(view.pixels)],
            }
            for view in views
            for name, recogniser in recognisers
        ]

    @property
    def _model(self) -> str:
        """The model of regions, without strength."""
        return (self.roi or "").partition(":")[0]

    @property
    def _strength(self) -> float:
        """Of regions, in octaves."""
        strength = (self.roi or "").partition(":")[2]
        return float(strength) if strength else DEFAULT_STRENGTH

    def _original(self) -> tuple[NDArray[np.uint8], int | None, int]:
        """What is coded, the bytes that it may take, and the bytes that it takes itself."""
        picture = self.subject.rgb()
        if self.size.share is None:
            return picture, None, picture.nbytes
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "JPEG", quality=self.size.quality)
        shown = np.asarray(Image.open(stream, formats=["JPEG"]).convert("RGB"))
        return shown, int(self.size.share * stream.tell()), stream.tell()

    def _without_regions(self, picture: NDArray[np.uint8], most: int | None, whole: int) -> Iterator[_View]:
        yield _View(ORIGINAL, 0, whole, picture)
        wanted = most or 0
        for view in self._pgic(picture, most):
            wanted = view.bytes
            yield view
        for peer in self.peers:
            codec = find_codec(peer)
            quality, coded = file_of_size(codec, picture, wanted)
            yield _View(peer, quality, len(coded), codec.decode(coded))

    def _pgic(
        self, picture: NDArray[np.uint8], most: int | None, regions: Roi | None = None
    ) -> Iterator[_View]:
        """The levels of one file; none where no file is as small."""
        from ...api import decode, encode, inspect

        try:
            if most is None:
                data = encode(picture, quality=self.size.quality, codec="learned")
                if regions is not None:
                    data = encode(picture, max_bytes=len(data), roi=regions, codec="learned")
            else:
                data = encode(picture, max_bytes=most, roi=regions, codec="learned")
        except PgiTargetError:
            return
        name = "pgic"
        if self.roi is not None:
            name += ", regions seen" if self._model == SEEN else f", regions by {self._model}"
            if self._strength != DEFAULT_STRENGTH:
                name += f" at {self._strength:g}"
        quality = inspect(data).quality or 0
        for level in self.levels or default_model().levels:
            if level == PREVIEW or (level == ADAPTIVE and self.roi is None):
                continue
            shown = name if level == BASE_LEVEL else f"{name}, {level}"
            yield _View(shown, quality, len(data), decode(data, level=level))


def _mask(picture: NDArray[np.uint8], seen: Iterable[Seen]) -> NDArray[np.bool_]:
    """Where something was seen."""
    mask = np.zeros(picture.shape[:2], bool)
    for each in seen:
        left, top, right, bottom = (max(0, round(edge)) for edge in each.box)
        mask[top : bottom + 1, left : right + 1] = True
    return mask


@dataclass(frozen=True, slots=True)
class _View:
    """A picture that recognisers look at.

    Attributes:
        codec: its name, with regions and level.
        quality: of its file, as the codec counts; 0 for the original.
        bytes: of its file.
        pixels: ``(H, W, 3)``.
    """

    codec: str
    quality: int
    bytes: int
    pixels: NDArray[np.uint8]


def size_of_share(per_cent: float) -> Size:
    """So many per cent of JPEG 95; the standard's own size where it is a tenth."""
    return Size(_LADDER_JPEG, round(per_cent / 100, 6))


def recognition_tasks(
    subjects: Iterable[Subject],
    recognisers: tuple[str, ...],
    peers: tuple[str, ...],
    rois: Iterable[str],
    sizes: Iterable[Size] = STANDARD_SIZES,
    levels: tuple[Level, ...] | None = None,
) -> list[RecognitionTask]:
    """The tasks of several pictures and sizes, without regions and with those of each model.

    Args:
        subjects: the pictures.
        recognisers: their names.
        peers: names of other codecs.
        rois: models of regions, or :data:`SEEN`, with or without a strength.
        sizes: of the files.
        levels: of decoding; None for every one but previews.
    """
    model = default_model().digest
    return [
        RecognitionTask(subject, recognisers, peers, regions, model, size, levels)
        for subject in subjects
        for size in sizes
        for regions in (None, *rois)
    ]
