"""What DataLoader workers run; a spawned one starts from this module alone."""

from __future__ import annotations

from typing import Any

from torch.utils.data import Dataset

from pgic_core.models import sessions


class ThreadCounts(Dataset):
    """A dataset, and after each item the thread counts of the networks that this process has opened."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, index: int) -> tuple[Any, set[int]]:
        item = self.inner[index]
        return item, {key[1] for key in sessions._sessions}


def as_list(batch: list[Any]) -> list[Any]:
    return batch
