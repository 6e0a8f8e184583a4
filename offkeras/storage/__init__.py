"""Remote files, limits on what strangers send, and writing whole or not at all."""
