"""Septuplets, clean and compressed."""
