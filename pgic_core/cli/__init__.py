"""The ``pgic`` command. Exit status: 0 all done, 1 something failed, 2 wrong usage, 130 interrupted."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from ..errors import PgiWarning
from ..terminal import say
from .app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command with the arguments of the process, and exit."""
    if not sys.warnoptions:
        # Pillow warns of odd EXIF and the like, with a line of its source; a user can do nothing with that.
        warnings.simplefilter("ignore")
        # Our own say which plugin failed, and what the picture went without.
        warnings.filterwarnings("default", category=UserWarning, module=r"pgic_core\.")
        warnings.filterwarnings("default", category=PgiWarning)
        warnings.showwarning = _say_warning
    app(prog_name="pgic")


def _say_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    say(f"pgic: {message}")
