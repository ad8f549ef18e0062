"""Training of the image codec's networks (extra ``[train]``, needs torch).

Nothing outside this room imports it: what it hands over is a folder of exported networks and tables that
:mod:`pgic_core.runtime` reads.
"""
