"""What is coded after what: the steps of y within a cell, and the neighbours that predict z."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BASE_STEPS", "detail_position", "neighbours"]

# The base group is coded in three steps: cell position 0, then 3, which lies between four of those, then 1
# and 2, which have both for neighbours.
BASE_STEPS = ((0,), (3,), (1, 2))


def detail_position(step: int, group: int) -> int:
    """Cell position that channel quarter ``group`` codes in detail step ``step`` (both 0 to 3).

    The channel-space shuffle of A-6.4.1d: each step codes every position, but another quarter at each.
    """
    return (step - group) % 4


def neighbours(z: Tensor) -> Tensor:
    """What z is predicted from: its neighbours to the left, above, to the upper left and upper right.

    As in :mod:`pgic_core.codec.learned.symbols.hyper_prediction`, those inside stand for those beyond
    the edge.

    Args:
        z: ``(B, h, w, Z)``.

    Returns:
        ``(B, h, w, 4 Z)``.
    """
    first, above = z[:, :1], z[:, :-1]
    left = F.pad(first[:, :, :-1], (0, 0, 1, 0))
    inner = (
        torch.cat([above[:, :, :1], z[:, 1:, :-1]], 2),
        above,
        torch.cat([above[:, :, :1], above[:, :, :-1]], 2),
        torch.cat([above[:, :, 1:], above[:, :, -1:]], 2),
    )
    return torch.cat([torch.cat([left] * 4, -1), torch.cat(inner, -1)], 1)
