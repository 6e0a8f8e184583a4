"""Pictures as they come, from a camera or from an address on a network."""
