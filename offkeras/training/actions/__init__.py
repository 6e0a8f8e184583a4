"""Training of action recognition."""
