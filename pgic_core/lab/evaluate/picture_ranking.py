"""Which pictures come out worst: behind other codecs, or short of what the standard asks for."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ...errors import PgiUnsupportedError
from ..bench.bdrate import quality_at
from ..bench.jpeg_ratio import RATIOS
from ..bench.standard_demands import EXCELLENT_PSNR
from .summary_figures import curves_of, means, shared_quality

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .point_task import EvalPoint
    from .summary_figures import Curve, Figures

__all__ = ["RankedPicture", "picture_ranking", "ranking_by_group", "ranking_rows"]

_SMOOTH, _BUSY = 0.5, 2.0


@dataclass(frozen=True, slots=True)
class RankedPicture:
    """A picture, and how far pgic falls short on it.

    Attributes:
        picture: its name.
        kind: "busy" if it takes more than twice the bits of the median picture, "smooth" if less than half,
            else "usual".
        megapixels: its size.
        quality: of pgic, that of the figures up to ``behind``.
        bpp: bits per pixel.
        psnr: dB.
        worst_tile: lowest SSIM of a tile of 64 x 64 pixels.
        peer: the codec that is best in as many bits; empty where none has points on both sides.
        behind: dB by which that codec is better; below 0 it is worse. None without a peer.
        demands: PSNR in each share of the JPEG (A-B.2c), in the order of :data:`RATIOS`; None where pgic does
            not become so small, or that was not measured.
        short: dB by which the lowest of these lies below what the standard calls excellent; below 0 it lies
            above. None without any.
    """

    picture: str
    kind: str
    megapixels: float
    quality: int
    bpp: float
    psnr: float
    worst_tile: float
    peer: str
    behind: float | None
    demands: tuple[float | None, ...]
    short: float | None

    @property
    def fall(self) -> float:
        """What pictures are ranked by, the larger of both shortfalls in dB."""
        return max((each for each in (self.behind, self.short) if each is not None), default=float("-inf"))


def picture_ranking(figures: Figures, quality: int) -> list[RankedPicture]:
    """All visible pictures, the one on which pgic falls short most first.

    Args:
        figures: what was measured.
        quality: of pgic; the measured one next to it is taken.
    """
    usual = shared_quality(means(figures.points), "pgic", quality)
    if usual is None:
        return []
    own = [p for p in figures.points if (p.codec, p.quality) == ("pgic", usual.quality)]
    middle = statistics.median(point.bpp for point in own)
    curves = {name: found for name, found in curves_of(figures.points).items() if not name.startswith("pgic")}
    ranked = [_ranked(point, middle, curves, _demands(figures.ratio, point.picture)) for point in own]
    return sorted(ranked, key=lambda each: (-each.fall, each.picture))


def ranking_rows(ranked: Sequence[RankedPicture]) -> list[dict[str, Any]]:
    """The ranking as rows of a table.

    Args:
        ranked: of :func:`picture_ranking`.
    """
    return [
        {key: value for key, value in asdict(each).items() if key != "demands"}
        | {f"jpeg_{jpeg}": psnr for (jpeg, _), psnr in zip(RATIOS, each.demands, strict=True)}
        for each in ranked
    ]


def ranking_by_group(ranked: Sequence[RankedPicture]) -> list[dict[str, Any]]:
    """What the ranking says of kinds of pictures, and of folders if there are several.

    Args:
        ranked: of :func:`picture_ranking`.
    """
    groups = {kind: [each for each in ranked if each.kind == kind] for kind in ("busy", "usual", "smooth")}
    folders = sorted({each.picture.partition("/")[0] for each in ranked if "/" in each.picture})
    if len(folders) > 1:
        groups |= {f"{name}/": [e for e in ranked if e.picture.startswith(f"{name}/")] for name in folders}
    return [_group(name, inside) for name, inside in groups.items() if inside]


def _group(name: str, inside: Sequence[RankedPicture]) -> dict[str, Any]:
    behind = [each.behind for each in inside if each.behind is not None]
    short = [each.short for each in inside if each.short is not None]
    return {
        "group": name,
        "pictures": len(inside),
        "bpp": statistics.fmean(each.bpp for each in inside),
        "psnr": statistics.fmean(each.psnr for each in inside),
        "behind": statistics.fmean(behind) if behind else None,
        "pictures_behind": sum(each > 0 for each in behind),
        "short": statistics.fmean(short) if short else None,
        "pictures_short": sum(each > 0 for each in short),
    }


def _ranked(
    point: EvalPoint,
    middle: float,
    curves: Mapping[str, Mapping[str, Curve]],
    demands: tuple[float | None, ...],
) -> RankedPicture:
    peer, behind = _best_peer(point, curves)
    found = [psnr for psnr in demands if psnr is not None]
    share = point.bpp / middle
    return RankedPicture(
        point.picture,
        "smooth" if share < _SMOOTH else "busy" if share > _BUSY else "usual",
        point.width * point.height / 1e6,
        point.quality,
        point.bpp,
        point.psnr,
        point.worst_tile,
        peer,
        behind,
        demands,
        EXCELLENT_PSNR - min(found) if found else None,
    )


def _best_peer(point: EvalPoint, curves: Mapping[str, Mapping[str, Curve]]) -> tuple[str, float | None]:
    """The codec with the highest PSNR in as many bits, and by how many dB it is better."""
    found: list[tuple[float, str]] = []
    for codec, pictures in curves.items():
        try:
            psnr = quality_at(pictures.get(point.picture, ()), point.bpp)
        except PgiUnsupportedError:
            return "", None
        if psnr is not None:
            found.append((psnr - point.psnr, codec))
    if not found:
        return "", None
    gain, codec = max(found)
    return codec, gain


def _demands(rows: Sequence[Mapping[str, Any]], picture: str) -> tuple[float | None, ...]:
    own = {row["jpeg_quality"]: row for row in rows if row["picture"] == picture}
    return tuple(own[jpeg]["psnr"] if jpeg in own and own[jpeg]["file_bytes"] else None for jpeg, _ in RATIOS)
