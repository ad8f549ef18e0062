"""What a file says beside its pixels, under the names that Pillow and imageio use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgic_core.api import PgiFile

__all__ = ["info_of"]


def info_of(file: PgiFile) -> dict[str, Any]:
    """The facts of a file, each under the name of the option of ``encode`` that takes it back.

    Returns:
        ``metadata`` (:class:`pgic_core.container.Metadata`) and ``image_type`` (int) always; ``exif``,
        ``icc_profile``, ``xmp``, ``segments`` (bytes), ``dpi`` (two floats), ``side_data``
        (:class:`pgic_core.SideData`), ``annotations`` (tuple) and ``extension`` (dict of vendor fields) where
        the file has them.

    Raises:
        PgiError: metadata or extension block are damaged or encrypted.
    """
    info: dict[str, Any] = {"metadata": file.metadata, "image_type": file.image_type}
    names = ("exif", "icc_profile", "xmp", "dpi", "segments", "side_data", "annotations", "extension")
    for name in names:
        value = getattr(file, name)
        if value:
            info[name] = value
    return info
