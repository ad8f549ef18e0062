"""Ultralytics adapter: YOLO trains and predicts on folders of ``.pgi``.

::

    import pgic_plugins.ultralytics
    from ultralytics import YOLO

    pgic_plugins.ultralytics.install()
    YOLO("yolo11n.yaml").train(data="faults.yaml", epochs=10)     # images/train/*.pgi

:func:`install` adds the suffix to the list that Ultralytics keeps, and has OpenCV's functions read ``.pgi``
(:mod:`pgic_plugins.opencv`); :func:`uninstall` takes both back. Workers of a DataLoader, and the processes
that training on several devices starts, do so too: those that start anew by pgic's start-up hook, which
``PGIC_INSTALL`` tells.

Ultralytics reads whole pictures for every epoch. Of large photos keep decoded ones in memory or on disk
(``cache=True`` or ``cache="disk"``).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from . import opencv
from ._autoload import ask_children, forget_children, register_pillow, suffixes_of

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["install", "uninstall"]

_NAME = "ultralytics"


def install() -> None:
    """Have Ultralytics take ``.pgi`` files. Harmless when called again.

    Raises:
        ImportError: Ultralytics or OpenCV are not installed.
    """
    suffixes_of(_utils()).add("pgi")
    opencv.install()
    # Ultralytics checks files with Pillow. Where the start-up hook does not run, nobody else has told it.
    register_pillow(importlib.import_module("PIL.Image"))
    ask_children(_NAME)


def uninstall() -> None:
    """Have Ultralytics and OpenCV as they were. Pillow keeps reading ``.pgi``."""
    suffixes_of(_utils()).discard("pgi")
    opencv.uninstall()
    forget_children(_NAME)


def _utils() -> ModuleType:
    return importlib.import_module("ultralytics.data.utils")
