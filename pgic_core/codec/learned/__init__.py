"""The learned codec (STREAM.md, "Learned").

**Encoding**: ``encoder`` runs the analysis network and drives the rest. It makes :mod:`.symbols` of the
latent, keeps some blocks with :mod:`.exact`, and writes a :mod:`.payload`. ``rate_control`` searches the
quality that meets a target, ``latent_refinement`` moves latents to where they cost less, and
``small_rendering`` tells by how much the mean colour is off.

**Decoding**: ``image_with_opacity`` opens a picture, ``decoder`` drives the rest. It reads symbols, draws
them with :mod:`.rendering`, and lays exact blocks over them. ``symbols_for_engines`` hands the symbols to a
GPU instead. A new level is an entry of the model's manifest (:mod:`pgic_core.models.levels`).
"""
