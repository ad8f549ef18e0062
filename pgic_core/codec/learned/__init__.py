"""The learned codec (STREAM.md, "Learned").

**Encoding**: ``encoder`` runs the analysis network and drives the rest; ``quality_to_steps`` turns a quality
and a ROI map into quantisation steps, ``latent_quantisation`` makes symbols, ``cdf_index_from_z`` says which
distribution codes each, ``entropy_coding`` codes them, and ``stream`` writes the header, with the
``tile_index``. ``rate_control`` searches the quality that meets a target. ``hard_blocks`` and
``exact_search`` find blocks that are kept nearly exactly.

**Decoding**: ``decoder`` drives the rest; ``render_planning`` says what a block of a window needs at a level,
and ``tile_symbol_reader`` reads its symbols. ``preview_decoding`` draws the preview from the base symbols.
For all other levels ``latent_reconstruction`` makes the latent and ``pixel_rendering`` draws it; then come
``post_filter`` and ``exact_layer``. A new level is an entry of the model's manifest
(:mod:`pgic_core.models.levels`).
"""
