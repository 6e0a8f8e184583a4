"""The blocks of the detector."""
