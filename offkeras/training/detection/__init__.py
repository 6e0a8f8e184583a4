"""Training of video object detection."""
