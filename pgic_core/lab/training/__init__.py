"""Training of the image codec's networks (extra ``[train]``, needs torch).

TRAINING.md beside this file says how to train. Nothing outside this room imports it: what it hands over is a
folder of exported networks and tables that :mod:`pgic_core.models` reads.
"""

import time

__all__ = ["STARTED"]

STARTED = time.monotonic()
"""About when the process started: schedules by wall time count the seconds that torch takes to load."""
