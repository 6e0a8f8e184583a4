"""Training scripts, one a task."""
