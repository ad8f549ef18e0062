"""How much memory a call takes above the idle process."""

from __future__ import annotations

from pathlib import Path

__all__ = ["Watch"]

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


class Watch:
    """The present memory is idle; what :meth:`peak` says is above it. Says 0 where the system cannot tell."""

    def __init__(self) -> None:
        self._idle = _status("VmRSS")

    def peak(self) -> int:
        """The most memory above the idle process since the last question, in bytes."""
        peak = _status("VmHWM") - self._idle
        try:
            _RESET.write_text("5")  # the peak starts anew
        except OSError:
            return 0
        return max(0, peak)


def _status(name: str) -> int:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))
