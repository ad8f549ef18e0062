"""Which rules of which parser a run has reached: the places in the source that reject a file."""

from __future__ import annotations

import ast
import traceback
from collections import Counter
from functools import cache
from pathlib import Path

import pgic_core

__all__ = ["PARSERS", "Coverage", "reject_sites"]

_ROOT = Path(pgic_core.__file__).parent
PARSERS = (
    "container/file_header.py",
    "container/block_reader.py",
    "container/reader.py",
    "container/byte_source.py",
    "container/sequence_records.py",
    "container/sequence_reader.py",
    "container/short_frames.py",
    "container/image_fields.py",
    "container/deflate.py",
    "container/metadata_block.py",
    "container/extension_block.py",
    "container/cbor_checking.py",
    "container/annotations.py",
    "codec/alpha.py",
    "codec/lossless/decoder.py",
    "codec/lossless/predictive_coder.py",
    "codec/lossless/tile_coders.py",
    "codec/learned/payload/header.py",
    "codec/learned/payload/cursor.py",
    "codec/learned/payload/tile_index.py",
    "codec/learned/symbols/entropy_coding.py",
    "codec/learned/decoder.py",
    "codec/learned/image_with_opacity.py",
    "codec/learned/exact/layer.py",
    "codec/learned/symbols/tile_symbol_reader.py",
    "codec/change/map_of_changes.py",
    "codec/change/symbol_rows.py",
    "codec/change/position_states.py",
    "codec/change/stream.py",
    "codec/change/canvas_reader.py",
    "codec/change/change_image.py",
    "codec/change/warped_image.py",
    "codec/homography.py",
    "api/coded_image_opening.py",
    "features/bitstream.py",
    "features/prequantise.py",
    "features/api.py",
    "features/pgic_coder.py",
    "features/context_coder.py",
    "features/hevc_carrier.py",
    "features/features_in_file.py",
)
_REFUSALS = (
    "PgiFormatError",
    "PgiTruncatedError",
    "PgiChecksumError",
    "PgiUnsupportedError",
    "PgiLimitError",
)

Site = tuple[str, int]


class Coverage:
    """Counts files by the place that rejected them."""

    def __init__(self) -> None:
        self.files: Counter[Site] = Counter()

    def add(self, sites: set[Site]) -> None:
        """Note the places that rejected one file."""
        self.files.update(sites)

    def lines(self, every_site: bool = False) -> list[str]:
        """For each parser: rules reached, of how many, and files rejected."""
        out = [f"{'parser':<26}{'rules reached':>15}{'rejections':>12}"]
        for name in PARSERS:
            rules = _rules(name)
            found = {site: count for site, count in self.files.items() if site[0] == name}
            reached = [rule for rule in rules if any(rule[0] <= line <= rule[1] for _, line in found)]
            out.append(f"{name:<26}{f'{len(reached)} of {len(rules)}':>15}{sum(found.values()):>12}")
            if every_site:
                out += [f"    line {rule[0]} not reached" for rule in rules if rule not in reached]
        return out


def reject_sites(error: BaseException) -> set[Site]:
    """Parser and line of each frame of an error, and of the errors it came from."""
    sites = set()
    at: BaseException | None = error
    while at is not None:
        for frame in traceback.extract_tb(at.__traceback__):
            name = frame.filename.removeprefix(f"{_ROOT}/")
            if name in PARSERS and any(a <= (frame.lineno or 0) <= b for a, b in _rules(name)):
                sites.add((name, frame.lineno or 0))
        at = at.__cause__ or at.__context__
    return sites


@cache
def _rules(name: str) -> tuple[tuple[int, int], ...]:
    """First and last line of every statement that refuses a file, and of every check of a limit."""
    found = set()
    for node in ast.walk(ast.parse((_ROOT / name).read_text(encoding="utf-8"))):
        call = node.exc if isinstance(node, ast.Raise) else node.value if isinstance(node, ast.Expr) else None
        if not isinstance(call, ast.Call):
            continue
        called = call.func
        if isinstance(node, ast.Raise):
            wanted = isinstance(called, ast.Name) and (
                called.id in _REFUSALS or called.id in ("_damaged", "_trailing")
            )
        else:
            wanted = isinstance(called, ast.Attribute) and called.attr == "check"
        if wanted:
            found.add((node.lineno, node.end_lineno or node.lineno))
    return tuple(sorted(found))
