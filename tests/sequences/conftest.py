"""Sequences that several tests read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pgic_core import SequenceWriter

from .scenes import frame

if TYPE_CHECKING:
    from pathlib import Path

FRAMES = 5


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key frame and changes of it."""
    path = tmp_path_factory.mktemp("site") / "site.pgi"
    with SequenceWriter(path, quality=60) as writer:
        for number in range(FRAMES):
            metadata = {"timestamp_ms": 1_700_000_000_000 + number, "device_id": "camera 3"}
            writer.append(frame(number), duration=100 + number, metadata=metadata)
    return path
