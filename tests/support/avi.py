"""AVI files with empty chunks, put together byte by byte."""

import struct

HEADER = struct.Struct("<4sI")


def chunks(data):
    """The header of an AVI file, and the chunks `(name, content)` of its frames."""
    start = data.index(b"movi")
    (size,) = struct.unpack_from("<I", data, start - 4)
    place, found = start + 4, []
    while place < start + size:
        name, length = HEADER.unpack_from(data, place)
        found.append((name, bytes(data[place + 8 : place + 8 + length])))
        place += 8 + length + length % 2
    return bytearray(data[: start - 8]), found


def with_gaps(data, gaps, *, index=True):
    """The bytes of an AVI file with empty chunks.

    Args:
        data: bytes of an AVI file whose first stream is its video.
        gaps: dict from the number of a frame to how many empty chunks precede it;
            those of the number behind the last one end the file.
        index: whether the file has an index.
    """
    header, found = chunks(data)
    laid, number = [], 0
    for name, content in found:
        if name == b"00dc" and content:
            laid += [(name, b"")] * gaps.get(number, 0)
            number += 1
        laid.append((name, content))
    laid += [(b"00dc", b"")] * gaps.get(number, 0)
    movi, entries = bytearray(b"movi"), bytearray()
    for name, content in laid:
        flags = 16 if content else 0  # every frame of the tests may be a key frame
        entries += struct.pack("<4sIII", name, flags, len(movi), len(content))
        movi += HEADER.pack(name, len(content)) + content + b"\0" * (len(content) % 2)
    slots = sum(name == b"00dc" for name, _ in laid)
    for place in (header.index(b"avih") + 24, header.index(b"vids") + 32):
        struct.pack_into("<I", header, place, slots)
    body = header + HEADER.pack(b"LIST", len(movi)) + movi
    if index:
        body += HEADER.pack(b"idx1", len(entries)) + entries
    struct.pack_into("<I", body, 4, len(body) - 8)
    return bytes(body)
