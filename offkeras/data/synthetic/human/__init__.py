"""People that are drawn from motion capture, and the scenes they are in."""
