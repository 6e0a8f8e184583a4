"""The headers of image files."""

import io
import zlib

import cv2
import numpy as np
import pytest

from offkeras.data import images
from offkeras.data.images import open_image

IMAGE = np.zeros((48, 64, 3), np.uint8)


def encode(suffix, *options):
    return cv2.imencode(suffix, IMAGE, options)[1].tobytes()


def size(data, *formats):
    with open_image(io.BytesIO(data), *formats) as image:
        return image.size


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)])
def test_a_header_says_the_size(options):
    jpeg = encode(".jpg", *options)
    assert size(jpeg) == size(jpeg, "JPEG") == size(encode(".png"), "PNG") == (64, 48)
    for end in range(20):
        with pytest.raises(ValueError, match="is not a readable JPEG image"):
            size(jpeg[:end], "JPEG")
    with pytest.raises(ValueError, match="is not a readable JPEG or WEBP image"):
        size(encode(".png"), "JPEG", "WEBP")


def test_large_images_are_refused_before_they_are_decoded(monkeypatch):
    png = encode(".png")
    for side in (2**13 + 1, 2**14):  # PIL refuses the larger one itself
        header = b"IHDR" + side.to_bytes(4, "big") * 2 + png[24:29]
        header += zlib.crc32(header).to_bytes(4, "big")
        with pytest.raises(ValueError, match="has .* pixels"):
            size(png[:12] + header + png[33:])
    monkeypatch.setattr(images, "MAX_PIXELS", 48 * 64 - 1)
    with pytest.raises(ValueError, match="has 64x48 pixels, more than 3071"):
        size(encode(".jpg"))
