"""What a training leaves on disk: ``NAME.pt``, the averaged weights, and ``NAME.resume.pt``, to go on from.

``NAME.pt`` is what :mod:`.export` reads and what later trainings start from. It holds half-precision weights
of the codec and of the fine decoder, if there is one, and is a few megabytes large. ``NAME.resume.pt`` holds
all that a step changes; it goes when the training is done.
"""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from ...errors import PgiInputError
from .config import TrainingConfig
from .fine_decoder import FineSynthesis, fine_weights
from .integer_layers import Grid, grids_of
from .networks import Codec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

__all__ = ["Weights", "halved", "load_state", "load_weights", "start_fine", "write_state"]


@dataclass(frozen=True, slots=True)
class Weights:
    """Where a training starts.

    Attributes:
        config: of the training that made the weights; the architecture is the codec's.
        codec: with the averaged weights.
        grids: what that training rounded to at its end; empty where it did not.
        fine: averaged weights of its fine decoder; None where it had none.
        perceptual: likewise, of the decoder that was tuned for the eye.
        step, seconds: how long all trainings up to there took.
    """

    config: TrainingConfig
    codec: Codec
    grids: dict[str, Grid] = field(default_factory=dict)
    fine: Mapping[str, Tensor] | None = None
    step: int = 0
    seconds: float = 0.0
    perceptual: Mapping[str, Tensor] | None = None


def load_state(path: Path) -> dict[str, Any]:
    """A file of this module, or of earlier versions, on the CPU.

    Raises:
        PgiInputError: it cannot be read.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise PgiInputError(f"The checkpoint {path} cannot be read: {error}.") from error
    return state


def load_weights(path: Path) -> Weights:
    """Averaged weights to start from.

    Raises:
        PgiInputError: the file cannot be read, or holds no codec.
    """
    state = load_state(path)
    if not {"config", "average", "step", "seconds"} <= set(state):
        raise PgiInputError(f"The checkpoint {path} holds no codec.")
    config = TrainingConfig.from_dict(state["config"])
    return Weights(
        config,
        Codec.of(config.architecture, state["average"]),
        grids_of(state),
        state["fine"]["average"] if "fine" in state else None,
        state["step"],
        state["seconds"],
        state["perceptual"]["average"] if "perceptual" in state else None,
    )


def start_fine(net: FineSynthesis, codec: Codec, weights: Mapping[str, Tensor] | None) -> None:
    """Give a fine decoder its first weights: those given, or the codec's linear path and else nothing.

    Raises:
        PgiInputError: the weights are of another architecture.
    """
    if weights is None:
        net.start_from(codec)
    else:
        try:
            net.load_state_dict(fine_weights(net, weights))
        except (KeyError, RuntimeError) as error:
            raise PgiInputError(
                f"The fine decoder's weights do not fit its [fine] table: {error}."
            ) from error


def halved(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights in half precision, on the CPU."""
    return {name: value.detach().to("cpu", torch.float16) for name, value in weights.items()}


def write_state(state: Mapping[str, Any], path: Path) -> None:
    """Write a file; the old one stays until the new one is whole."""
    temporary = path.with_suffix(".tmp")
    torch.save(dict(state), temporary)
    os.replace(temporary, path)
