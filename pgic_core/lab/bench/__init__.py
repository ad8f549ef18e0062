"""Measuring: quality metrics, rate-distortion curves against other codecs, and speed (A-8.1, A-8.2)."""
