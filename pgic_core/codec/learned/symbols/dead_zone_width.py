"""The width of the dead zone: by how much the zero bin is widened. Encoder and trainer share this constant.

It stands alone so that a training machine needs no entropy coder.
"""

from __future__ import annotations

__all__ = ["DEAD_ZONE"]

DEAD_ZONE = 0.65 / 17.3
"""By how many steps the bin of zero is wider for each bit that a zero saves.

A step chosen for its rate weighs one bit as much as 2 / 17.3 squared steps of error: at the optimum of
uniform quantisation dD/dR is 18 / ln 2 (see the trainer), spread over three colours. Rate counts 0.65 of
that, because a symbol's value also serves as context of others; chosen on training pictures.
"""
