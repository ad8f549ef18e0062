"""IPTC, comments and texts stay with a picture that Pillow opens and saves again."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

import pgic_core
import pgic_plugins.pillow  # noqa: F401


def test_a_picture_that_is_saved_again_keeps_them() -> None:
    side = pgic_core.SideData(iptc=b"\x1c\x02\x05\x00\x01x", comments=(b"phase B",))
    data = pgic_core.encode(np.zeros((8, 8, 3), np.uint8), side_data=side)
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["side_data"] == side
        out = io.BytesIO()
        image.save(out, "PGI")
        assert pgic_core.open_file(out.getvalue()).side_data == side
        out = io.BytesIO()
        image.save(out, "PGI", side_data=pgic_core.SideData())
        assert not pgic_core.open_file(out.getvalue()).side_data
