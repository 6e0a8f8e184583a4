"""Rendered sets: clips that are functions of (seed, epoch, index)."""
