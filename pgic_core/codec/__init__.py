"""Pixels to the bytes of ``image_data`` and back. STREAM.md beside this file is the specification."""
