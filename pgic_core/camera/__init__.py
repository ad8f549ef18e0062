"""What cameras and drones write beside the pixels: EXIF and XMP, read and edited by small code of our own.

Knows no container, no codec and no Pillow. Every byte is taken for hostile: what is broken is skipped, and
time and memory are bounded whatever the bytes are.
"""

from .capture_facts import (
    DEVICE_PARAMETERS,
    LOCATION_PARAMETERS,
    PARAMETERS,
    CameraFacts,
    exif_with_orientation,
    orientation_of,
    read_camera,
    stated_size,
)
from .exif_edit import orientation_only, with_size, without_device, without_location, without_thumbnail
from .xmp_edit import (
    xmp_with_synthesised,
    xmp_without_device,
    xmp_without_location,
    xmp_without_size,
    xmp_without_thumbnail,
)

__all__ = [
    "DEVICE_PARAMETERS",
    "LOCATION_PARAMETERS",
    "PARAMETERS",
    "CameraFacts",
    "exif_with_orientation",
    "orientation_of",
    "orientation_only",
    "read_camera",
    "stated_size",
    "with_size",
    "without_device",
    "without_location",
    "without_thumbnail",
    "xmp_with_synthesised",
    "xmp_without_device",
    "xmp_without_location",
    "xmp_without_size",
    "xmp_without_thumbnail",
]
