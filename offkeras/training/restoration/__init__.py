"""Training of artifact removal."""
