"""Pictures without loss (STREAM.md, "Lossless" and "Raw")."""
