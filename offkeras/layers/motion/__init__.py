"""Layers that show a network motion, of the years after OFF."""
