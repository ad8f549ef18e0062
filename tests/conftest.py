"""Settings for all tests."""

from __future__ import annotations

from hypothesis import settings

# Machines that run these are shared: how long an example takes says nothing.
settings.register_profile("pgic", deadline=None)
settings.load_profile("pgic")
