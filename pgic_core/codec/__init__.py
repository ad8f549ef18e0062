"""Pixels to the bytes of ``image_data`` and back. STREAM.md beside this file is the specification.

``base`` holds what every codec can do, and ``codec_registry`` which one opens a ``compression_type``;
``learned``, ``lossless`` and ``vendor_codecs`` are the codecs. ``picture`` is what they take and give;
``pillow_modes``, ``high_bit_depth_samples``, ``tiff_samples`` and ``jxl_header`` make it of Pillow images.
``tiles_and_windows`` says which tiles a window touches, ``block_cutting`` in what blocks they pass through
the networks, and ``windows_decoded_together`` which windows cost less as one.
"""
