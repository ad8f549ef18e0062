"""Narrowing: a residual stream keeps the directions that matter, and gets as many channels as there are.

It runs between two trainings::

    python -m pgic_core.lab.training.residual_channel_reduction WEIGHTS OUT --config CONFIG --data ROOT \
        --width decoder=128 --width context=160

Nothing but linear layers reads or writes a stream, so its
channels can be mixed and mixed back without a change in results: the layers' weights take that up (as
SliceGPT does, Ashkboos et al., 2024). Which directions matter is what balanced truncation asks (Moore, 1981):
those along which the stream varies and its readers' results count, at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .export import load_codec
from .network_shrinking_tools import backpropagate, crops_to_judge_by, save_changed, tool_parser

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from .layers import Pointwise
    from .networks import Codec

__all__ = ["STREAMS", "main", "narrow"]

_DAMPING = 1e-4  # of the mean of what results count for, so that it has an inverse
_SEED = 3


STREAMS = ("context", "decoder")
"""Those of :meth:`.networks.Codec.streams` that can be narrowed: what reads them reads one position."""


@dataclass(slots=True)
class _Seen:
    """Sums over all positions that a reader worked on.

    Attributes:
        count: of positions.
        stream, products: ``(m,)`` and ``(m, m)``, of what it takes, and of each two channels of that.
        fisher: ``(n, n)``, likewise of the loss's gradient by what it gives.
    """

    count: int
    stream: Tensor
    products: Tensor
    fisher: Tensor

    @property
    def mean(self) -> Tensor:
        """Of the stream."""
        return self.stream / self.count

    @property
    def covariance(self) -> Tensor:
        """Of the stream."""
        return self.products / self.count - torch.outer(self.mean, self.mean)


def _watch(codec: Codec, readers: dict[str, Pointwise], crops: NDArray[np.uint8]) -> dict[str, _Seen]:
    seen: dict[str, _Seen] = {}

    def see(name: str) -> Callable[[nn.Module, tuple[Tensor], Tensor], None]:
        def leave(_: nn.Module, inputs: tuple[Tensor], out: Tensor) -> None:
            stream = inputs[0].detach().flatten(0, -2).double()

            def gather(gradient: Tensor) -> None:
                g = gradient.flatten(0, -2).double()
                new = _Seen(len(stream), stream.sum(0), stream.T @ stream, g.T @ g)
                if (old := seen.get(name)) is None:
                    seen[name] = new
                    return
                old.count += new.count
                old.stream += new.stream
                old.products += new.products
                old.fisher += new.fisher

            out.register_hook(gather)

        return leave

    hooks = [layer.register_forward_hook(see(name)) for name, layer in readers.items()]
    backpropagate(codec, crops)
    for hook in hooks:
        hook.remove()
    return seen


@torch.no_grad()
def _narrower(readers: dict[str, Pointwise], seen: dict[str, _Seen], width: int) -> tuple[Tensor, Tensor]:
    """From the stream to ``width`` channels, ``(width, m)``, and back ``(m, width)``."""
    varies = sum((seen[name].covariance for name in readers), torch.zeros(()))
    counts = sum(
        (
            layer.weight.double().T @ (seen[name].fisher / seen[name].count) @ layer.weight.double()
            for name, layer in readers.items()
        ),
        torch.zeros(()),
    )
    counts = counts + _DAMPING * counts.diagonal().mean() * torch.eye(len(counts), dtype=counts.dtype)
    values, vectors = torch.linalg.eigh(counts)
    root = (vectors * values.sqrt()) @ vectors.T
    inverse = (vectors / values.sqrt()) @ vectors.T
    directions = torch.linalg.eigh(root @ varies @ root)[1][:, -width:]
    # As they are, the first channels would vary a thousand times as much as the last, and weights of 7 bits
    # be as uneven. Turned at random, all vary alike.
    random = torch.randn(width, width, dtype=root.dtype, generator=torch.Generator().manual_seed(_SEED))
    turn = torch.linalg.qr(random)[0]
    return turn @ directions.T @ root, inverse @ directions @ turn.T


@torch.no_grad()
def narrow(codec: Codec, name: str, width: int, crops: NDArray[np.uint8]) -> Codec:
    """A codec with a narrower stream.

    Args:
        codec: the networks, which are left as they are.
        name: one of :data:`STREAMS`.
        width: how many channels it shall have, at most as many as it has.
        crops: ``(N, H, W, 3)`` to judge by; the first is coded at the lowest rate, the last at the highest.
    """
    names = {layer: key for key, layer in codec.named_modules()}
    writers, readers = ({names[layer]: layer for layer in layers} for layers in codec.streams()[name])
    with torch.enable_grad():
        seen = _watch(codec, readers, crops)
    there, back = _narrower(readers, seen, width)
    weights = dict(codec.state_dict())
    for key, layer in readers.items():
        weight, mean = layer.weight.double(), seen[key].mean
        weights[f"{key}.weight"] = weight @ back
        weights[f"{key}.bias"] = layer.bias.double() + weight @ (mean - back @ (there @ mean))
    for key, layer in writers.items():
        # Where a layer writes four positions at once, these come one after the other.
        old = layer.weight.double().unflatten(0, (-1, there.shape[1]))
        weights[f"{key}.weight"] = (there @ old).flatten(0, 1)
        weights[f"{key}.bias"] = (layer.bias.double().unflatten(0, (-1, there.shape[1])) @ there.T).flatten()
    changed: dict[str, Any] = {name: width}
    return type(codec).of(replace(codec.architecture, **changed), weights).train(codec.training)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = tool_parser("narrow", __doc__, "--width", "STREAM=CHANNELS")
    given = parser.parse_args(arguments)
    codec, _, state = load_codec(given.weights)
    wanted = {}
    for name, width in given.width.items():
        if (
            name not in STREAMS
            or not width.isdecimal()
            or not 0 < int(width) <= getattr(codec.architecture, name)
        ):
            parser.error(f"--width {name}={width} does not say how many channels of a stream to keep")
        wanted[name] = int(width)
    crops = crops_to_judge_by(given)
    for name, width in wanted.items():
        before = getattr(codec.architecture, name)
        codec = narrow(codec, name, width, crops)
        print(f"{name}: {width} of {before} channels kept")
    old = state["config"]
    config = {**old, "architecture": {**old["architecture"], **wanted}}
    save_changed(codec, {**state, "config": config}, given.out)


if __name__ == "__main__":
    main()
