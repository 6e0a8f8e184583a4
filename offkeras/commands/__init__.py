"""The commands of `offkeras`, a file each: its options, and what they call."""
