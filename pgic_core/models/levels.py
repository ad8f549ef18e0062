"""The levels of a model: which network draws each, at which scale, and what it must be given.

A *renderer* is the network that draws one level at one scale; the manifest's list ``renderers`` has an
entry for each. A new level is a further entry of that list, which
:mod:`pgic_core.lab.training.export_levels` writes, and nothing else here. The model's own digest covers
what decides symbols and the pixels of ``fast``. Each renderer has a digest of its own, so that a better one
may come later for the same files, and whoever looks at a picture can be told which one drew it.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..errors import PgiModelError
from ..options import ADAPTIVE, FAST, PREVIEW, PREVIEW_FACTOR, PREVIEW_SCALES, SCALES, is_level_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Layer", "Renderer", "levels_of", "parse_renderers", "renderer_digest", "usual_renderers"]

Layer: TypeAlias = Literal["base", "latent"]
"""What of a file a renderer reads: the base group, which a prefix of the file holds, or the whole latent."""

_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\.onnx")
_MOST_RENDERERS = 64
_MOST_STEPS = 16
_MOST_PIXELS = 1024
_POSITION = 16  # pixels along one side of a latent position
_FAST_NETWORK = "synthesis.onnx"


@dataclass(frozen=True, slots=True)
class Renderer:
    """One entry of the manifest's list ``renderers``.

    Attributes:
        level: that it draws.
        scale: pixels of the picture along one side of a pixel that it gives: 1, 2, 4 or 8.
        layer: what it reads.
        network: name of its ONNX file.
        halo: what it must see around what it gives, as steps from there outwards: grow by so many pixels on
            each side, then out to multiples of so many pixels from the picture's upper left corner. The
            second number of a step is 16, or the side of the windows that an attention works in.
        inside_halo: how many pixels around what is wanted its last part must be given.
        post_filter: whether the filter that the encoder fitted to a picture is applied to its pixels.
        synthesised: whether it makes up detail that was not coded. Such pixels are no evidence.
        digest: SHA-256 in hex over all of these and the SHA-256 of the network.
    """

    level: str
    scale: int
    layer: Layer
    network: str
    halo: tuple[tuple[int, int], ...]
    inside_halo: int
    post_filter: bool
    synthesised: bool
    digest: str

    @property
    def name(self) -> str:
        """What messages call it: its level, and its scale if that is not the level's own."""
        own = PREVIEW_FACTOR if self.level == PREVIEW else 1
        return self.level if self.scale == own else f"{self.level} 1/{self.scale}"

    @property
    def reach(self) -> int:
        """No pixel further away than this changes one that it gives."""
        return sum(pixels + grid - _POSITION for pixels, grid in self.halo)


def usual_renderers(halo: Mapping[str, Any], files: Mapping[str, str]) -> tuple[Renderer, ...]:
    """``preview`` and ``fast`` of a model whose manifest has no list of renderers.

    Raises:
        PgiModelError: the manifest lacks a halo or file that they need.
    """
    entries: list[dict[str, Any]] = [
        {"level": FAST, "scale": 1, "layer": "latent", "network": _FAST_NETWORK, "post_filter": True},
        {"level": PREVIEW, "scale": PREVIEW_FACTOR, "layer": "base", "network": "preview.onnx"},
    ]
    entries[0] |= {"halo": [[halo.get("synthesis"), _POSITION]], "inside_halo": halo.get("renderer")}
    entries[1] |= {"halo": [[0, _POSITION]], "inside_halo": 0, "post_filter": False}
    there = [{"synthesised": False, **entry} for entry in entries if entry["network"] in files]
    return tuple(_parsed(entry, files) for entry in there)


def parse_renderers(entries: object, files: Mapping[str, str]) -> tuple[Renderer, ...]:
    """The manifest's list ``renderers``, checked.

    Args:
        entries: the list.
        files: SHA-256 in hex of the model's files, by name.

    Raises:
        PgiModelError: an entry breaks a rule; the message says which.
    """
    if not isinstance(entries, list) or not len(entries) <= _MOST_RENDERERS:
        raise PgiModelError(f"renderers must be a list of at most {_MOST_RENDERERS} entries.")
    found = tuple(_parsed(entry, files) for entry in entries)
    keys = [(renderer.level, renderer.scale) for renderer in found]
    if len(set(keys)) < len(keys):
        raise PgiModelError("two renderers have the same level and scale.")
    if (FAST, 1) not in keys:
        raise PgiModelError("no renderer draws the level fast.")
    for level in {level for level, _ in keys} - {PREVIEW}:
        if (level, 1) not in keys:
            raise PgiModelError(f"no renderer draws the level {level} at its full size.")
    for entry, renderer in zip(entries, found, strict=True):
        if entry.get("digest") != renderer.digest:
            raise PgiModelError(
                f"the digest of the renderer {renderer.name} is not that of its entry and file."
            )
    return found


def renderer_digest(entry: Mapping[str, Any], files: Mapping[str, str]) -> str:
    """The digest of an entry of the list.

    Raises:
        PgiModelError: the entry breaks a rule.
    """
    return _parsed(entry, files).digest


def _parsed(entry: object, files: Mapping[str, str]) -> Renderer:
    if not isinstance(entry, dict):
        raise PgiModelError("a renderer is not a JSON object.")
    level, scale, network = (entry.get(key) for key in ("level", "scale", "network"))
    if not is_level_name(level) or level == ADAPTIVE:
        raise PgiModelError(f"no level of a renderer may be called {level!r}.")
    wrong = _first_wrong(entry, files)
    if wrong is not None:
        raise PgiModelError(f"the renderer {level} has no sound entry {wrong!r}.")
    if level == FAST and scale == 1 and network != _FAST_NETWORK:
        # Files name the model by a digest over this network: what they show may not hang on another one.
        raise PgiModelError(f"the level fast must be drawn by {_FAST_NETWORK}.")
    fields = {key: entry[key] for key in _CHECKS}
    fields["halo"] = tuple((pixels, grid) for pixels, grid in entry["halo"])
    return Renderer(**fields, digest=_digest_of(fields, files[entry["network"]]))


def _digest_of(fields: Mapping[str, Any], sha256: str) -> str:
    text = json.dumps({**fields, "sha256": sha256}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _first_wrong(entry: Mapping[str, Any], files: Mapping[str, str]) -> str | None:
    """The first key whose value breaks a rule; None if none does."""
    wrong = next((key for key, holds in _CHECKS.items() if not holds(entry.get(key))), None)
    if wrong is not None:
        return wrong
    if entry["network"] not in files:
        return "network"
    if entry["level"] == PREVIEW and entry["scale"] not in PREVIEW_SCALES:
        return "scale"
    if entry["post_filter"] and entry["scale"] != 1:  # it was fitted to pixels of the full size
        return "post_filter"
    return None


def _is_count(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _is_halo(value: object) -> bool:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= _MOST_STEPS:
        return False
    sound = all(
        isinstance(step, list | tuple)
        and len(step) == 2
        and all(_is_count(number, _MOST_PIXELS) for number in step)
        and step[1] > 0
        and step[1] % _POSITION == 0
        for step in value
    )
    # All that it sees is in memory at once.
    return sound and sum(map(sum, value)) <= _MOST_PIXELS + _POSITION * len(value)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


_CHECKS = {
    "level": is_level_name,
    "scale": lambda value: _is_count(value, max(SCALES)) and value in SCALES,
    "layer": lambda value: value in ("base", "latent"),
    "network": lambda value: isinstance(value, str) and _FILE.fullmatch(value) is not None,
    "halo": _is_halo,
    "inside_halo": lambda value: _is_count(value, _MOST_PIXELS),
    "post_filter": _is_bool,
    "synthesised": _is_bool,
}


def levels_of(renderers: Iterable[Renderer]) -> tuple[str, ...]:
    """Their levels, each once, in their order."""
    return tuple(dict.fromkeys(renderer.level for renderer in renderers))
