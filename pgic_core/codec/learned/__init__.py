"""The learned codec (STREAM.md, "Learned")."""
