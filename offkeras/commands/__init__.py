"""The commands of `offkeras`, a file per command: its options, and what they call."""
