"""Attacks beyond single mutated files: each must end soon, in little memory, in a picture or a sentence."""
