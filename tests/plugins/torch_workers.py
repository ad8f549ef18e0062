"""What DataLoader workers run; a spawned one starts from this module alone."""

from __future__ import annotations

from typing import Any

from torch.utils.data import Dataset

from pgic_core.models import onnx_sessions
from pgic_plugins._worker_threads import threads_in_worker


class ThreadCounts(Dataset):
    """A dataset, and after each item the thread counts of the networks that this process has opened."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, index: int) -> tuple[Any, set[int]]:
        item = self.inner[index]
        return item, {key[1] for key in onnx_sessions._sessions}


def as_list(batch: list[Any]) -> list[Any]:
    return batch


class Threads(Dataset):
    """How many threads the Pillow plugin takes where the dataset is read."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int | None:
        if index:
            raise IndexError
        return threads_in_worker()
