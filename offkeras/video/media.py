"""What a media file tells of its end: whether it comes too early, what is behind it."""

import os

SEGMENT = b"\x18\x53\x80\x67"  # of Matroska: everything behind the EBML header
EBML = b"\x1a\x45\xdf\xa3"
MAX_BOXES = 2**20  # that are looked at: a fragmented file has a few each second


def mp4_is_cut(path):
    """Whether an MP4 or MOV file ends inside its media data."""
    size = os.path.getsize(path)
    start = 0
    with open(path, "rb") as file:
        for _ in range(MAX_BOXES):
            if start + 8 > size:
                return False
            file.seek(start)
            length = int.from_bytes(file.read(4), "big")
            kind = file.read(4)
            if length == 1:  # a 64-bit length follows
                length = int.from_bytes(file.read(8), "big")
            if kind in (b"mdat", b"moof") and start + length > size:
                return True
            if length < 8:  # 0: up to the end of the file
                return False
            start += length
    return False


def matroska_is_cut(path):
    """Whether a Matroska or WebM file ends inside its segment."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        if file.read(4) != EBML:
            return False
        header = _variable_integer(file)
        if header is None or file.tell() + header > size:
            return False
        file.seek(header, os.SEEK_CUR)
        if file.read(4) != SEGMENT:
            return False
        length = _variable_integer(file)
        return length is not None and file.tell() + length > size


def empty_avi_chunks(path, place, index):
    """Counts the empty chunks of a stream of an AVI file behind its last frame.

    Args:
        path: path of the file.
        place: where the bytes of that frame begin.
        index: number of the stream.
    """
    size, names = os.path.getsize(path), (b"%02ddc" % index, b"%02ddb" % index)
    start, found = place - 8, 0
    with open(path, "rb") as file:
        for _ in range(MAX_BOXES):
            if start + 8 > size:
                break
            file.seek(start)
            name = file.read(4)
            length = int.from_bytes(file.read(4), "little")
            found += name in names and length == 0
            # A list holds chunks behind its own name.
            start += 12 if name in (b"RIFF", b"LIST") else 8 + length + length % 2
    return found


def _variable_integer(file):
    """The size of an element: 1 to 8 bytes; None where it is left open."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    extra = 8 - first[0].bit_length()  # as many bytes as there are leading zeros
    value = first[0] & (0x7F >> extra)
    rest = file.read(extra)
    value = int.from_bytes(bytes([value]) + rest, "big")
    return None if value == 2 ** (7 * (extra + 1)) - 1 else value
