"""Fitting the CDF rows of an exported model to the symbols that its encoder writes.

``python -m pgic_core.lab.training.cdf_row_fitting FOLDER --data ROOT``. Training assumes that the
differences between latent and mean are Gaussian. Real ones have longer tails, and an encoder that drops what
is not worth its bits leaves more zeros. The rows are plain tables, so they can follow the real symbols.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import torch

from ...codec.learned import decoder
from ...codec.learned.encoder import encode_learned
from ...codec.learned.symbols import tile_symbol_reader
from ...codec.learned.symbols.entropy_coding import SegmentReader
from ...limits import Limits
from ...models import PRECISION, ROWS, Model
from ...models.entropy_coder_tables import gaussian_frequencies, pack_frequencies, whole_frequencies
from ...models.manifest import read_manifest, write_manifest
from .config import TrainingConfig
from .crop_sampling import sample_crops

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["count_symbols", "fit", "fit_rows"]

_QUALITIES = range(5, 100, 10)
_ROUNDS = 2
# How many symbols' worth of belief the Gaussian start keeps in each row.
_PRIOR = 500.0


def _split(frequencies: dict[str, NDArray[np.generic]]) -> list[NDArray[np.float64]]:
    bounds = np.asarray(frequencies["bounds"], np.int64)
    ends = np.cumsum(np.where(np.arange(ROWS) > 0, 2 * bounds + 2, 0))
    return [part.astype(np.float64) for part in np.split(frequencies["values"], ends[:-1])]


def count_symbols(model: Model, pictures: Iterable[NDArray[np.uint8]]) -> list[NDArray[np.float64]]:
    """How often each symbol of each row occurs when ``pictures`` are coded at many qualities."""
    bounds = model.tables.frequencies["bounds"]
    seen = [np.zeros(2 * int(b) + 2) for b in bounds]

    class Counting(SegmentReader):
        def read(self, counts: NDArray[np.int64]) -> NDArray[np.int32]:
            symbols = super().read(counts)
            for row, found in enumerate(np.split(symbols, np.cumsum(counts)[:-1])):
                if not len(found):
                    continue
                bound = int(bounds[row])
                place = np.where(np.abs(found) > bound, 2 * bound + 1, found + bound)
                seen[row] += np.bincount(place, minlength=2 * bound + 2)
            return symbols

    with patch.object(tile_symbol_reader, "SegmentReader", Counting):
        for picture in pictures:
            for quality in _QUALITIES:
                data = b"".join(encode_learned(picture, model=model, quality=quality))
                image = decoder.LearnedImage(
                    lambda offset, length, data=data: data[offset : offset + length],  # type: ignore[misc]
                    len(data),
                    picture.shape[1],
                    picture.shape[0],
                    Limits.unlimited(),
                )
                image.model = model
                image.verify()
    return seen


def fit(counts: list[NDArray[np.float64]]) -> dict[str, NDArray[np.generic]]:
    """Rows that follow ``counts``, symmetric, and near the Gaussian where there is little to go by."""
    banks: list[NDArray[np.uint32]] = [np.zeros(0, np.uint32)]
    start = _split(gaussian_frequencies())
    for row in range(1, ROWS):
        seen = counts[row].copy()
        seen[:-1] = (seen[:-1] + seen[:-1][::-1]) / 2
        prior = start[row] / (1 << PRECISION)
        # The tails of a Gaussian are too thin to be believed.
        banks.append(whole_frequencies(seen + _PRIOR * np.maximum(prior, 1e-7)))
    return pack_frequencies(banks)


def fit_rows(folder: Path, pictures: list[NDArray[np.uint8]]) -> str:
    """Refit the rows of the model in ``folder``; returns its new digest.

    What the encoder drops depends on the rows, so counting and fitting are done twice.
    """
    for _ in range(_ROUNDS):
        model = Model(folder)
        tables = dataclasses.replace(model.tables, frequencies=fit(count_symbols(model, pictures)))
        manifest = read_manifest(folder)
        tables.save(folder / "tables.npz")
        write_manifest(folder, {k: v for k, v in manifest.items() if k not in ("digest", "files")})
    return Model(folder).digest


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m pgic_core.lab.training.cdf_row_fitting", description=__doc__
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="root of the training folders")
    parser.add_argument("--crops", type=int, default=40)
    given = parser.parse_args(arguments)
    saved = torch.load(given.folder / "weights_fp16.pt", map_location="cpu", weights_only=True)
    config = TrainingConfig.from_dict(saved["config"])
    crops = list(sample_crops(config, given.data, given.crops, 448, seed=77))
    print(fit_rows(given.folder, crops))


if __name__ == "__main__":
    main()
