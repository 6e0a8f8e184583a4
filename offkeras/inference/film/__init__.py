"""The shots of a video: where they begin, and what each shows."""
