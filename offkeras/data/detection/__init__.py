"""Annotated videos: ImageNet VID, COCO-VID."""
