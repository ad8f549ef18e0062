"""Pictures without loss (STREAM.md, "Lossless" and "Raw").

``encoder`` codes tiles by one of the ``tile_coders``; ``decoder`` opens the picture and decodes windows.
"""
