"""Videos and images with fewer compression artifacts."""
