"""A model on disk, ready to run."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..errors import PgiModelError
from ..options import ADAPTIVE, FAST, FINE, PREVIEW, PREVIEW_FACTOR, QUALITIES
from .entropy_coder_tables import Tables
from .levels import Renderer, levels_of, parse_renderers, usual_renderers
from .manifest import IDENTITY_FILES, read_manifest
from .onnx_sessions import Network, read_checked

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Model"]


class Model:
    """Networks and tables of one model folder. Nothing is loaded before it is used.

    Args:
        folder: as the trainer's export wrote it.

    Raises:
        PgiModelError: the folder has no readable manifest.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._manifest: dict[str, Any] = read_manifest(folder)

    @property
    def id(self) -> str:
        """Name for people."""
        return str(self._manifest["id"])

    @property
    def digest(self) -> str:
        """What files name: SHA-256 in hex over everything that decides how they decode."""
        return str(self._manifest["digest"])

    @property
    def provisional(self) -> bool:
        """Whether the model may still change or go; files of a released one decode for ever."""
        return bool(self._manifest["provisional"])

    @property
    def latent(self) -> int:
        """Channels M of y."""
        return int(self._manifest["latent"])

    @property
    def base(self) -> int:
        """How many of them form the base group."""
        return int(self._manifest["base"])

    @property
    def hyper(self) -> int:
        """Channels Z of z."""
        return int(self._manifest["hyper"])

    @property
    def weighs_errors(self) -> bool:
        """Whether :meth:`error_weight` has an answer."""
        return "error_weights" in self._manifest

    def error_weight(self, quality: int) -> float:
        """How many bits a squared error of one grey level, averaged over colours, is worth at a quality.

        Raises:
            PgiModelError: the manifest does not say.
        """
        if not self.weighs_errors:
            raise PgiModelError(f"The model {self.id} does not say what errors are worth; use effort 1.")
        low, high = map(float, self._manifest["error_weights"])
        return float(low * (high / low) ** ((quality - 1) / (QUALITIES[-1] - 1)))

    def halo(self, name: str) -> int:
        """Pixels that must be seen around the ones that are given exactly.

        Args:
            name: a network; ``means`` for all that predict means together, ``context`` for them without
                ``state``, for previews as well, ``renderer`` for that part of ``synthesis`` which works at
                1/4.

        Raises:
            PgiModelError: the manifest does not say.
        """
        try:
            return int(self._manifest["halo"][name])
        except (KeyError, TypeError, ValueError) as error:
            raise PgiModelError(f"The manifest of model {self.id} lacks the halo of {name}.") from error

    @cached_property
    def renderers(self) -> tuple[Renderer, ...]:
        """What turns files of this model into pixels.

        Raises:
            PgiModelError: the manifest lacks what it takes to know them.
        """
        files = self._manifest["files"]
        if "renderers" in self._manifest:
            return parse_renderers(self._manifest["renderers"], files)
        return usual_renderers(self._manifest["halo"], files)

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels that files of this model can be decoded at."""
        names = levels_of(self.renderers)
        return (*names, ADAPTIVE) if FINE in names else names

    def renderer(self, level: str, scale: int = 1) -> Renderer:
        """What draws a level at a scale.

        Args:
            level: one of :attr:`levels`, but not "adaptive".
            scale: 1, 2, 4 or 8. "fast" at 8 is "preview", and "preview" at 1 is that at 8.

        Returns:
            The renderer for this scale; where there is none, the one for the full size, for which "preview"
            has that of "fast".

        Raises:
            PgiModelError: the model has no such level.
        """
        small = (level, scale) in ((PREVIEW, 1), (FAST, PREVIEW_FACTOR))
        wanted = (PREVIEW, PREVIEW_FACTOR) if small else (level, scale)
        found = {(renderer.level, renderer.scale): renderer for renderer in self.renderers}
        renderer = found.get(wanted) or found.get((FAST if level == PREVIEW else level, 1))
        if renderer is None:
            self.require(level)
            raise PgiModelError(f"The model {self.id} draws the level {level} with several renderers.")
        return renderer

    def require(self, level: str) -> None:
        """Raise PgiModelError unless files of this model can be decoded at ``level``."""
        if level not in self.levels:
            raise PgiModelError(f"The model {self.id} has no level {level}; it has {', '.join(self.levels)}.")

    @cached_property
    def tables(self) -> Tables:
        """The integer tables."""
        path, sha256 = self._file("tables.npz")
        read_checked(path, sha256)
        return Tables.load(path)

    def network(self, name: str) -> Network:
        """The network called ``name``, with or without ".onnx".

        Its SHA-256 is held against the manifest's when it is first used.

        Raises:
            PgiModelError: the model has no such network; when it is used, also where it was changed.
        """
        return Network(*self._file(f"{name.removesuffix('.onnx')}.onnx"))

    def check(self) -> None:
        """Hold the files that are there against the manifest, and thereby against the digest.

        Raises:
            PgiModelError: one of those is missing, or a file is another than the manifest lists.
        """
        for name in self._manifest["files"]:
            if name in IDENTITY_FILES or (self.folder / name).is_file():
                read_checked(*self._file(name))

    def embedding(
        self,
        part: Literal["hyper_analysis", "means", "synthesis"],
        quality: int,
        octaves: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """What network ``part`` is told of the rate.

        Args:
            part: which network.
            quality: 1 to 100.
            octaves: ``(h, w)``, by how much finer the steps are than the quality's own; ``(1, 1)`` where
                that is the same everywhere.

        Returns:
            ``(1, C, h, w)``.
        """
        place = self.rate_place(quality, octaves)
        weight, bias = self.tables.embed_weight
        hidden = np.maximum(weight[:, None, None] * place + bias[:, None, None], 0)
        affine: NDArray[np.float32] = getattr(self.tables, f"embed_{part}")
        out = np.tensordot(affine[:, :-1], hidden, 1) + affine[:, -1, None, None]
        return out[None].astype(np.float32)

    def rate_place(self, quality: int, octaves: NDArray[np.float32]) -> NDArray[np.float32]:
        """Where a rate stands between the model's lowest, -1, and its highest, 1; finer steps go beyond.

        Args:
            quality: 1 to 100.
            octaves: ``(h, w)``, by how much finer the steps are than the quality's own.

        Returns:
            ``(h, w)``.
        """
        place = 2 * (quality - 1) / (QUALITIES[-1] - 1) - 1 + 2 * octaves / float(self._manifest["octaves"])
        return np.asarray(place, octaves.dtype)

    def _file(self, name: str) -> tuple[Path, str]:
        """Path of a file, and the SHA-256 that it must have."""
        path, sha256 = self.folder / name, self._manifest["files"].get(name)
        if sha256 is None or not path.is_file():
            raise PgiModelError(f"The model {self.id} lacks its file {name}.")
        return path, sha256
