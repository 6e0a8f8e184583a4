"""Scenes in which people and things move, in front of what only seems to."""
