"""An ICC profile of what a PNG says of its colours by gAMA and cHRM (PNG, third edition, 11.3.2)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["gamma_profile", "is_srgb"]

_SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
"""White, red, green, blue: x and y of each."""
_SRGB_GAMMA = 0.45455
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def is_srgb(gamma: float | None, chromaticity: tuple[float, ...] | None) -> bool:
    """Whether samples may be shown as sRGB, as they are without a profile."""
    same_gamma = gamma is None or abs(gamma - _SRGB_GAMMA) < 0.005
    same_colours = chromaticity is None or all(
        abs(one - other) < 0.002 for one, other in zip(chromaticity, _SRGB, strict=True)
    )
    return same_gamma and same_colours


def gamma_profile(gamma: float | None, chromaticity: tuple[float, ...] | None, *, grey: bool) -> bytes | None:
    """A profile (ICC.1:2001-04, version 2) whose curve and primaries are those given.

    Args:
        gamma: of gAMA, such as 0.45455; None for that of sRGB.
        chromaticity: x and y of white, red, green and blue of cHRM; None for those of sRGB.
        grey: whether the picture is grey, and only the curve matters.

    Returns:
        The profile; None where the numbers make no sense.
    """
    gamma = _SRGB_GAMMA if gamma is None else gamma
    white_xy = (chromaticity or _SRGB)[:2]
    if not 1 / 255 < gamma <= 20 or (curve := round(256 / gamma)) < 1 or not white_xy[1] > 0:
        return None
    trc = b"curv" + struct.pack(">IIHH", 0, 1, curve, 0)
    tags = {b"desc": _description(), b"cprt": b"text" + bytes(4) + b"No copyright.\0", b"wtpt": _xyz(_D50)}
    if grey:
        tags[b"kTRC"] = trc
    else:
        colorants = _colorants(chromaticity or _SRGB)
        if colorants is None:
            return None
        for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants.T, strict=True):
            tags[name] = _xyz(xyz)
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), trc)
    return _profile(tags, b"GRAY" if grey else b"RGB ")


def _colorants(chromaticity: tuple[float, ...]) -> NDArray[Any] | None:
    """(3, 3): XYZ of red, green and blue in columns, adapted to D50."""
    points = np.array(chromaticity, float).reshape(4, 2)
    if not (np.isfinite(points).all() and (points[:, 1] > 1e-4).all()):
        return None
    xyz = np.stack([points[:, 0] / points[:, 1], np.ones(4), (1 - points.sum(1)) / points[:, 1]])
    white, primaries = xyz[:, 0], xyz[:, 1:]
    try:
        primaries = primaries * np.linalg.solve(primaries, white)
        cone = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
        adapted = np.linalg.inv(_BRADFORD) @ cone @ _BRADFORD @ primaries
    except np.linalg.LinAlgError:
        return None
    return adapted if np.isfinite(adapted).all() and np.abs(adapted).max() < 4 else None


def _xyz(values: NDArray[Any]) -> bytes:
    return b"XYZ " + struct.pack(">I3i", 0, *(round(float(value) * 65536) for value in values))


def _description() -> bytes:
    text = b"gAMA and cHRM of a PNG\0"
    return b"desc" + struct.pack(">II", 0, len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)


def _profile(tags: dict[bytes, bytes], space: bytes) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    for name, data in tags.items():
        if data not in places:
            places[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
        table += name + struct.pack(">II", places[data], len(data))
    header = struct.pack(">I4xI4s4s4s", 128 + len(table) + len(body), 0x02400000, b"mntr", space, b"XYZ ")
    # A date that is the same for every profile, so that the same picture gives the same file.
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">3i", *(round(float(value) * 65536) for value in _D50))
    return header + bytes(128 - len(header)) + table + body
