"""Change frames (STREAM.md, "Change"): what differs from an earlier frame, in symbols of the learned codec.

**Encoding**: ``encoder`` runs the networks, ``mode_choice`` finds the cheapest mode of each position with
``symbol_bits``, and ``stream`` writes the header, with the ``map_of_changes``.

**Decoding**: ``opening`` opens a frame as a ``change_image``, or as a ``warped_image`` if the camera moved.
``canvas_reader`` gives the symbols after all changes since the key frame, with the ``position_states`` that
later frames go back to. ``symbol_rows`` and ``distribution_by_mode`` say how each symbol is coded.
``still_from_change`` makes a picture of its own of a frame.
"""
