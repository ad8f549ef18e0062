"""Sequences of frames: what an encoder finds changed from one to the next (A-6.3.2.2c).

:mod:`.scene` knows the last frame and codes the next against it; :mod:`.detection` tells change from noise;
:mod:`.alignment` finds where a moved camera's picture lies, and :mod:`.canvas` places it there. The bits
themselves are made and read in :mod:`pgic_core.codec.change`.
"""
