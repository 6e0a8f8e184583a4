"""Training on a folder of one's own videos, with nothing to decide."""
