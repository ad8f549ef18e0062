"""What the two commands that make networks smaller between trainings share.

They are :mod:`.hidden_unit_pruning` and :mod:`.residual_channel_reduction`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from .checkpoint import write_state
from .config import load_config
from .crop_sampling import sample_crops

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from .networks import Codec

__all__ = ["backpropagate", "crops_to_judge_by", "save_changed", "tool_parser"]

_BATCH = 4


class _Pairs(argparse.Action):
    """An option that may be given again; each value is ``KEY=VALUE``, and all make one mapping."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        key, _, value = str(values).partition("=")
        setattr(namespace, self.dest, {**(getattr(namespace, self.dest) or {}), key: value})


def tool_parser(name: str, description: str | None, flag: str, pair: str) -> argparse.ArgumentParser:
    """The command line of a tool.

    Args:
        name: of its module.
        description: docstring of the module.
        flag: option that says what to change; it may be given again.
        pair: its value, ``KEY=VALUE``, in words. All of them make one mapping.
    """
    parser = argparse.ArgumentParser(prog=f"python -m pgic_core.lab.training.{name}", description=description)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--config", type=Path, required=True, help="whose data to judge by")
    parser.add_argument("--data", type=Path, required=True, help="root of the training folders")
    parser.add_argument("--crops", type=int, default=96, help="how many to judge by")
    parser.add_argument(flag, action=_Pairs, required=True, metavar=pair)
    return parser


def crops_to_judge_by(given: argparse.Namespace) -> NDArray[np.uint8]:
    """Training crops, as the options of :func:`tool_parser` say; always the same."""
    torch.manual_seed(0)
    config = load_config(given.config)
    return sample_crops(config, given.data, given.crops, config.schedule.crop, seed=5)


def backpropagate(codec: Codec, crops: NDArray[np.uint8]) -> None:
    """Code crops, and tell hooks the gradients of what that costs.

    Args:
        codec: the networks; no gradients are left in them.
        crops: ``(N, H, W, 3)``; the first is coded at the lowest rate and the last at the highest.
    """
    rates = torch.linspace(0, codec.architecture.rates - 1, len(crops))
    for at in range(0, len(crops), _BATCH):
        part = slice(at, at + _BATCH)
        picture = (torch.from_numpy(crops[part]).float() - 128) / 256
        count, height, width, _ = picture.shape
        coded = codec(picture, rates[part], torch.zeros(count, height // 64, width // 64, 1), drop=True)
        error = (256 * (coded.picture - picture)).square().flatten(1).mean(1)
        bpp = (coded.bits_y + coded.bits_z) / (height * width)
        # The logarithm, so that all rates count alike: costs are hundreds of times larger at high ones.
        (codec.error_weight(rates[part]) * error + bpp).log().sum().backward()
    codec.zero_grad(set_to_none=True)


def save_changed(codec: Codec, state: Mapping[str, Any], out: Path) -> None:
    """Write changed weights as a checkpoint that a training can start from.

    Args:
        codec: the networks.
        state: the checkpoint that they came from, with the configuration that fits them now.
        out: file to make or replace.
    """
    kept = {key: state[key] for key in ("config", "step", "seconds")}
    write_state({**kept, "average": codec.state_dict()}, out)
