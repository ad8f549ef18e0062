"""Recognition of decoded pictures beside the originals, at the sizes that the standard names (A-B.2d)."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ...data_files import read_json
from ...errors import PgiInputError, PgiTargetError
from ...models import default_model
from ...options import ADAPTIVE, PREVIEW
from ..bench.peers import find_codec
from ..bench.ratio import RATIOS
from ..recognition import Seen, difference_of, find_recogniser
from .crops import file_of_size
from .points import BASE_LEVEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from .subjects import Subject

__all__ = ["RecognitionTask", "read_truth", "recognition_rows"]

ORIGINAL = "original"


@dataclass(frozen=True, slots=True)
class RecognitionTask:
    """A picture before and after coding, as a recogniser sees it.

    The original is the picture saved as JPEG, since that is the input that the clause measures sizes by; the
    coded files take a share of its bytes (:data:`~pgic_core.lab.bench.ratio.RATIOS`), peers as many as pgic.

    Attributes:
        subject: the picture.
        recogniser: its name.
        peers: names of other codecs.
        roi: model of regions that pgic keeps in more detail at the same bytes, or None.
        model: digest of pgic's model.
    """

    subject: Subject
    recogniser: str
    peers: tuple[str, ...]
    roi: str | None
    model: str

    @property
    def label(self) -> str:
        """For the progress bar."""
        return f"{self.subject.name} {self.recogniser}"

    def identity(self) -> dict[str, Any]:
        """What the result depends on."""
        return {
            "recognition": self.recogniser,
            "picture": [self.subject.digest, self.subject.name],
            "peers": self.peers,
            "roi": self.roi,
            "renderers": [renderer.digest for renderer in default_model().renderers],
            "model": self.model,
        }

    def run(self) -> list[dict[str, Any]]:
        """A mapping for each picture that was seen: where it comes from, and what was seen."""
        see = find_recogniser(self.recogniser).see
        rows = []
        for quality, share in RATIOS:
            stream = io.BytesIO()
            Image.fromarray(self.subject.rgb()).save(stream, "JPEG", quality=quality)
            shown = np.asarray(Image.open(stream, formats=["JPEG"]).convert("RGB"))
            views = [(ORIGINAL, stream.tell(), shown), *self._views(shown, int(share * stream.tell()))]
            rows += [
                {
                    "picture": self.subject.name,
                    "jpeg_quality": quality,
                    "codec": name,
                    "bytes": size,
                    "seen": [[s.label, *s.box, s.score] for s in see(pixels)],
                }
                for name, size, pixels in views
            ]
        return rows

    def _views(self, picture: NDArray[np.uint8], most: int) -> Iterator[tuple[str, int, NDArray[np.uint8]]]:
        from ...api import decode, encode

        size = most
        for name, roi in (("pgic", None), ("pgic with regions", self.roi)):
            if name != "pgic" and roi is None:
                continue
            try:
                data = encode(picture, max_bytes=most, roi=roi, codec="learned")
            except PgiTargetError:
                continue  # it cannot be that small
            size = min(size, len(data))
            for level in default_model().levels:
                if level == PREVIEW or (level == ADAPTIVE and roi is None):
                    continue
                shown = name if level == BASE_LEVEL else f"{name}, {level}"
                yield shown, len(data), decode(data, level=level)
        for peer in self.peers:
            codec = find_codec(peer)
            _, coded = file_of_size(codec, picture, size)
            yield peer, len(coded), codec.decode(coded)


def read_truth(path: Path) -> dict[str, list[Seen]]:
    """What is in pictures, by file name.

    Args:
        path: COCO annotations (``images``, ``annotations``, ``categories``), or file names and their text.

    Raises:
        PgiInputError: it is neither.
    """
    try:
        data = read_json(path)
        if "annotations" not in data:
            return {str(name): [Seen(str(text), (0.0, 0.0, 1.0, 1.0))] for name, text in data.items()}
        names = {image["id"]: str(image["file_name"]) for image in data["images"]}
        labels = {category["id"]: str(category["name"]) for category in data["categories"]}
        truth: dict[str, list[Seen]] = {name: [] for name in names.values()}
        for each in data["annotations"]:
            x, y, width, height = (float(value) for value in each["bbox"])
            truth[names[each["image_id"]]].append(
                Seen(labels[each["category_id"]], (x, y, x + width, y + height))
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PgiInputError(f"{path} holds no annotations that can be read: {error!r}.") from error
    return truth


def recognition_rows(
    recogniser: str, rows: Sequence[Mapping[str, Any]], truth: Mapping[str, Sequence[Seen]] | None
) -> list[dict[str, Any]]:
    """The difference for every codec and size.

    Args:
        recogniser: its name.
        rows: of :class:`RecognitionTask`, of all pictures.
        truth: as :func:`read_truth` gives it; pictures that it does not name are left out. None to take what
            was seen in the original.
    """
    kind = find_recogniser(recogniser).kind
    cells: dict[tuple[int, str], dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        name = row["picture"]
        if truth is None or name in truth or name.rsplit("/", 1)[-1] in truth:
            cells.setdefault((row["jpeg_quality"], row["codec"]), {})[name] = row
    table = []
    for (quality, codec), coded in cells.items():
        if codec == ORIGINAL:
            continue
        originals = cells[quality, ORIGINAL]
        names = sorted(coded)
        there = None
        if truth is not None:
            there = [truth[name] if name in truth else truth[name.rsplit("/", 1)[-1]] for name in names]
        found = difference_of(
            kind, [_seen(originals[n]) for n in names], [_seen(coded[n]) for n in names], there
        )
        share = sum(coded[n]["bytes"] for n in names) / sum(originals[n]["bytes"] for n in names)
        table.append(
            {
                "recogniser": recogniser,
                "kind": kind,
                "jpeg_quality": quality,
                "codec": codec,
                "share": share,
                **asdict(found),
            }
        )
    return sorted(table, key=lambda row: (-row["jpeg_quality"], row["codec"]))


def _seen(row: Mapping[str, Any]) -> list[Seen]:
    return [
        Seen(label, (left, top, right, bottom), score)
        for label, left, top, right, bottom, score in row["seen"]
    ]
