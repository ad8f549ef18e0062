"""Training of the image codec's networks (extra ``[train]``, needs torch).

``train`` is the command, ``training_stage`` one stage, ``training_step`` one step. ``networks``,
``transforms``, ``layers`` and ``fine_decoder`` are what is trained. ``hidden_unit_pruning`` and
``residual_channel_reduction`` make networks smaller between two trainings. ``export`` makes a model folder:
``codec_graphs``, ``export_levels``, ``level_graphs``, ``latent_descent_graph`` and ``post_filter_graph``
through ``onnx_writer``.

TRAINING.md beside this file says how to train. Nothing outside this room imports it: what it hands over is a
folder of exported networks and tables that :mod:`pgic_core.models` reads.
"""

import time

__all__ = ["STARTED"]

STARTED = time.monotonic()
"""About when the process started: schedules by wall time count the seconds that torch takes to load."""
