"""Latents to pixels (STREAM.md, "Pixels" to "Post-filter").

``render_planning`` says what a block of a window needs at a level, and ``block_drawing`` draws it:
``latent_reconstruction`` makes the latent, ``pixel_rendering`` the pixels, and ``post_filter`` what the
encoder fitted with ``post_filter_fit``. ``preview_decoding`` draws previews, and ``adaptive_regions`` says
where the level "adaptive" draws finely.
"""
