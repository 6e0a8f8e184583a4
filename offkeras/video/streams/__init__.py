"""One stream of a file: which it is, when its frames are shown, and which way up."""
