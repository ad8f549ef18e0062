"""Thermal overlays in ``.pgi`` files."""

from .overlay import overlay_fields, temperatures

__all__ = ["overlay_fields", "temperatures"]
