"""Sequences of frames: what changed from one to the next (A-6.3.2.2c)."""
