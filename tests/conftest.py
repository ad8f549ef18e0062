"""Settings for all tests."""

from __future__ import annotations

import signal

from hypothesis import settings

# Machines that run these are shared: how long an example takes says nothing.
settings.register_profile("pgic", deadline=None)
settings.load_profile("pgic")

# A shell starts background jobs with interrupts ignored, and children would inherit that: the commands that
# tests interrupt have to start as they do for a user.
signal.signal(signal.SIGINT, signal.default_int_handler)
