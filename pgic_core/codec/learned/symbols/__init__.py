"""Between latents and entropy-coded symbols (STREAM.md, "CDF indexes" to "Entropy coding").

``quality_to_steps`` turns a quality and a ROI map into quantisation steps, and ``latent_quantisation`` makes
symbols, with the ``dead_zone_width``. ``cdf_index_from_z`` says which distribution codes each, and
``hyper_prediction`` predicts z itself. ``entropy_coding`` codes with the tables of the model and, for change
frames, the ``difference_distributions``. ``tile_symbol_reader`` reads all symbols of a tile.
"""
