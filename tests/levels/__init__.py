"""Tests of levels: renderers of the manifest, reduced sizes, fine, adaptive and perceptual."""
