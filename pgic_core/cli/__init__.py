"""The ``pgic`` command. Exit status: 0 all done, 1 something failed, 2 wrong usage, 130 interrupted."""

from __future__ import annotations

import sys
import warnings

from .app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command with the arguments of the process, and exit."""
    if not sys.warnoptions:
        # Pillow warns of odd EXIF and the like, with a line of its source; a user can do nothing with that.
        warnings.simplefilter("ignore")
    app(prog_name="pgic")
