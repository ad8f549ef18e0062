"""Pixels to the bytes of ``image_data`` and back. STREAM.md beside this file is the specification.

``base`` holds what every codec can do, and which one opens a ``compression_type``; ``learned``, ``lossless``
and ``vendor`` are the codecs. ``picture`` is what they take and give; ``pillow_modes``, ``deep_samples``,
``tiff_samples`` and ``jxl_header`` make it of Pillow images. ``tiling`` says which tiles a window touches,
and ``window_grouping`` which windows are decoded together.
"""
