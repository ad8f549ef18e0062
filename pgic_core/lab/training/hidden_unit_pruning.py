"""Pruning: residual branches keep the best of their hidden units, and may get new ones in place of dead ones.

It runs between two trainings::

    python -m pgic_core.lab.training.hidden_unit_pruning WEIGHTS OUT --config CONFIG --data ROOT \
        --units hs_block.f1=128 --units analysis.fine.0.f1=32+160 ...

Here the second branch keeps 32 of its units and gets 160 new ones. What others did is given to those that are
kept, as far as they can do it (the optimal brain surgeon of Hassibi and Stork, 1993, with the Fisher
information of a layer's outputs for their curvature).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ...errors import PgiOptionError
from .export import load_codec
from .layers import Hidden, hidden_layers
from .network_shrinking_tools import backpropagate, crops_to_judge_by, save_changed, tool_parser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from .networks import Codec

__all__ = [
    "Seen",
    "add",
    "keep",
    "main",
    "prune",
    "watch",
]

_DAMPING = 1e-4  # of the units' mean variance: there are no more crops than there are


@dataclass(slots=True)
class Seen:
    """Sums over all positions that a branch worked on; ``n`` units, ``m`` channels of the stream.

    Attributes:
        count: of positions.
        stream, squares: ``(m,)``, of what the branch takes, and of its squares.
        units: ``(n,)``, of what reaches the closing layer.
        products: ``(n, n)``, of each two of these.
        fisher: ``(m, m)``, likewise of the loss's gradient by what the branch gives.
    """

    count: int
    stream: Tensor
    squares: Tensor
    units: Tensor
    products: Tensor
    fisher: Tensor

    @property
    def mean(self) -> Tensor:
        """Of the units."""
        return self.units / self.count

    @property
    def covariance(self) -> Tensor:
        """Of the units, with something on the diagonal, so that it has an inverse."""
        covariance = self.products / self.count - torch.outer(self.mean, self.mean)
        damping = _DAMPING * covariance.diagonal().mean() + 1e-12
        return covariance + damping * torch.eye(len(covariance), dtype=covariance.dtype)


def watch(codec: Codec, branches: Iterable[Hidden], crops: NDArray[np.uint8]) -> dict[str, Seen]:
    """Code crops, and see what some branches do and what it would cost to change it.

    Args:
        codec: the networks.
        branches: to watch.
        crops: ``(N, H, W, 3)``; the first is coded at the lowest rate and the last at the highest.

    Returns:
        By the branch's name.
    """
    seen: dict[str, Seen] = {}
    taken: dict[str, Tensor] = {}

    def enter(name: str) -> Callable[[nn.Module, tuple[Tensor]], None]:
        def see(_: nn.Module, inputs: tuple[Tensor]) -> None:
            taken[name] = inputs[0].detach().flatten(0, -2).double()

        return see

    def leave(name: str) -> Callable[[nn.Module, tuple[Tensor], Tensor], None]:
        def see(_: nn.Module, inputs: tuple[Tensor], out: Tensor) -> None:
            stream, units = taken[name], inputs[0].detach().flatten(0, -2).double()

            def gather(gradient: Tensor) -> None:
                g = gradient.flatten(0, -2).double()
                new = (stream.sum(0), stream.square().sum(0), units.sum(0), units.T @ units, g.T @ g)
                if (old := seen.get(name)) is None:
                    seen[name] = Seen(len(units), *new)
                    return
                old.count += len(units)
                for total, part in zip(
                    (old.stream, old.squares, old.units, old.products, old.fisher), new, strict=True
                ):
                    total += part

            out.register_hook(gather)

        return see

    hooks = []
    for branch in branches:
        hooks.append(branch.opening.register_forward_pre_hook(enter(branch.name)))
        hooks.append(branch.closing.register_forward_hook(leave(branch.name)))
    backpropagate(codec, crops)
    for hook in hooks:
        hook.remove()
    return seen


def _dispensable(branch: Hidden, seen: Seen, count: int) -> list[int]:
    """The ``count`` units that will be missed least, taken out one after the other."""
    inverse = torch.linalg.inv(seen.covariance)
    weight = branch.closing.weight.detach().double().clone()
    left = torch.ones(branch.units, dtype=torch.bool)
    out: list[int] = []
    for _ in range(count):
        harm = ((seen.fisher @ weight) * weight).sum(0) / inverse.diagonal()
        unit = int(torch.where(left, harm, torch.inf).argmin())
        ratio = inverse[unit] / inverse[unit, unit]
        weight -= torch.outer(weight[:, unit], ratio)
        inverse -= torch.outer(inverse[:, unit], ratio)
        out.append(unit)
        left[unit] = False
        weight[:, ~left] = 0
        inverse.diagonal()[~left] = 1
    return out


@torch.no_grad()
def keep(branch: Hidden, seen: Seen, count: int) -> None:
    """Keep the best ``count`` units of a branch, which take over what the others did."""
    gone = sorted(_dispensable(branch, seen, branch.units - count))
    kept = [unit for unit in range(branch.units) if unit not in gone]
    closing, mean, covariance = branch.closing, seen.mean, seen.covariance
    share = torch.linalg.solve(covariance[kept][:, kept], covariance[kept][:, gone])
    missing = closing.weight[:, gone].double()
    closing.weight[:, kept] += (missing @ share.T).float()
    closing.bias += (missing @ (mean[gone] - share.T @ mean[kept])).float()
    branch.choose(torch.tensor(kept))


@torch.no_grad()
def add(branch: Hidden, seen: Seen, count: int, random: torch.Generator) -> None:
    """Give a branch new units, which fire for half of what they see and do almost nothing yet.

    Args:
        branch: one without a depthwise layer.
        seen: what it takes.
        count: how many.
        random: for their weights.
    """
    old, opening, closing = branch.units, branch.opening, branch.closing
    branch.choose(torch.cat([torch.arange(old), torch.zeros(count, dtype=torch.long)]))
    mean = (seen.stream / seen.count).float()
    deviation = (seen.squares / seen.count).float().sub(mean.square()).clamp(min=1e-12).sqrt()
    weight = torch.randn(count, len(mean), generator=random) / (deviation * math.sqrt(len(mean)))
    opening.weight[old:] = weight
    opening.bias[old:] = -weight @ mean
    channels = len(closing.bias)
    closing.weight[:, old:] = 1e-2 / math.sqrt(channels) * torch.randn(channels, count, generator=random)


def prune(codec: Codec, units: Mapping[str, str], crops: Callable[[], NDArray[np.uint8]]) -> None:
    """Change how many hidden units some branches have, in place, and print what was done.

    Args:
        codec: the networks.
        units: branch to ``KEPT`` or ``KEPT+NEW``.
        crops: gives what to judge by, ``(N, H, W, 3)``; called once it is known that the units can be had.

    Raises:
        PgiOptionError: there is no such branch, or not as asked for.
    """
    branches = {branch.name: branch for branch in hidden_layers(codec)}
    wanted = {}
    for name, text in units.items():
        parts = re.fullmatch(r"(\d+)(?:\+(\d+))?", text)
        if parts is None or name not in branches or not 0 < int(parts[1]) <= branches[name].units:
            raise PgiOptionError(f"{name}={text} does not say how many units of a branch to keep.")
        if parts[2] and branches[name].between is not None:
            raise PgiOptionError(f"{name}={text}: branches with a depthwise layer get no new units.")
        wanted[name] = int(parts[1]), int(parts[2] or 0)
    seen = watch(codec, [branches[name] for name in wanted], crops())
    random = torch.Generator().manual_seed(1)
    for name, (kept, new) in wanted.items():
        before = branches[name].units
        keep(branches[name], seen[name], kept)
        if new:
            add(branches[name], seen[name], new, random)
        print(f"{name}: {kept} of {before} units kept, {new} new")


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = tool_parser("prune", __doc__, "--units", "BRANCH=KEPT[+NEW]")
    given = parser.parse_args(arguments)
    codec, _, state = load_codec(given.weights)
    try:
        prune(codec, given.units, lambda: crops_to_judge_by(given))
    except PgiOptionError as error:
        parser.error(f"--units {error}")
    save_changed(codec, state, given.out)


if __name__ == "__main__":
    main()
