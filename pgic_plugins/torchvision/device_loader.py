"""A DataLoader whose workers read symbols, and whose pictures are decoded on the device that trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torchvision import tv_tensors

from .arguments import precision
from .decoding import show_symbols
from .device import PgiSymbols

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["DeviceLoader"]


class DeviceLoader:
    """Decodes the pictures of a DataLoader's batches on a device.

    ::

        dataset = PgiDetection("flight", device="cuda")
        loader = DataLoader(dataset, 4, num_workers=4, pin_memory=True, collate_fn=together)
        for pictures, targets in DeviceLoader(loader, "cuda", half=True):
            ...

    Every :class:`.device.PgiSymbols` in a batch becomes a picture; tensors move to the device; all else
    stays.
    On a CUDA device that happens on a stream of its own, one batch ahead of the one that is trained on.

    Args:
        loader: gives batches, tuples, lists and dicts of anything.
        device: where pictures and tensors are wanted.
        half: have synthesis compute in float16.
        transform: takes a whole batch, on the device, and gives what is wanted of it.
    """

    def __init__(
        self,
        loader: Iterable[Any],
        device: torch.device | str = "cuda",
        *,
        half: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.loader = loader
        self.device = torch.device(device)
        self._dtype = precision(half)
        self._transform = transform

    def __len__(self) -> int:
        return len(self.loader)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        """Batches, decoded.

        Raises:
            PgiError: of a worker, or as :func:`.decode_pgi`.
        """
        if self.device.type != "cuda":
            for batch in self.loader:
                yield self._shown(batch)
            return
        stream = torch.cuda.Stream(self.device)
        waiting: tuple[Any, Any] | None = None
        for batch in self.loader:
            # What the caller does to tensors that it gave back must be over before their memory is used anew.
            stream.wait_stream(torch.cuda.current_stream(self.device))
            with torch.cuda.stream(stream):
                shown = self._shown(batch)
                done = stream.record_event()
            if waiting is not None:
                yield self._handed_over(*waiting)
            waiting = shown, done
        if waiting is not None:
            yield self._handed_over(*waiting)

    def _shown(self, batch: Any) -> Any:
        shown = _each(batch, self._on_device)
        return shown if self._transform is None else self._transform(shown)

    def _on_device(self, value: Any) -> Any:
        if isinstance(value, PgiSymbols):
            picture = show_symbols(value, self.device, self._dtype)
            return picture if value.level == "latent" else tv_tensors.Image(picture)
        return value.to(self.device, non_blocking=True)

    def _handed_over(self, batch: Any, done: Any) -> Any:
        """A batch for the stream of the caller, who waits on the device and not here."""
        here = torch.cuda.current_stream(self.device)
        here.wait_event(done)

        def keep(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                value.record_stream(here)
            return value

        return _each(batch, keep)


def _each(value: Any, work: Callable[[Any], Any]) -> Any:
    """A tree of tuples, lists and dicts with ``work`` done to each tensor and picture in it."""
    if isinstance(value, (torch.Tensor, PgiSymbols)):
        return work(value)
    if isinstance(value, dict):
        return {key: _each(item, work) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_each(item, work) for item in value))
    if isinstance(value, (list, tuple)):
        return type(value)(_each(item, work) for item in value)
    return value
