"""Motion vectors out of the decoder."""
