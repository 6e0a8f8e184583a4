"""Small pictures of a video: enough to find its cuts, or for a network to look at."""
