"""What the commands over many videos share."""
