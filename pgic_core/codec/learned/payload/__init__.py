"""The bytes of a learned payload (STREAM.md, "Layout"): its ``header``, the ``tile_index``, and reading both.

A ``cursor`` reads number by number and refuses what is not there; ``joined_reads`` reads neighbouring parts
at once.
"""
