"""The size of a JPEG image, from its header."""

# Start of frame, of any coding; C4, C8 and CC mean other things.
FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def jpeg_pixels(data):
    """Pixels of a JPEG image, 0 if the bytes are no such image.

    Args:
        data: bytes of the image.
    """
    place = 2 if data[:2] == b"\xff\xd8" else len(data)
    while place + 9 <= len(data) and data[place] == 0xFF:
        if data[place + 1] in FRAME_MARKERS:
            height = int.from_bytes(data[place + 5 : place + 7], "big")
            width = int.from_bytes(data[place + 7 : place + 9], "big")
            return height * width
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return 0
