"""Damage to files, as functions of a random generator.

Each function takes a `numpy.random.Generator` and the bytes of a whole file and gives
the bytes of a damaged one.
"""

import functools
import struct

import numpy as np

HEADER = 2048  # bytes that hold most of what a file says about itself
HUGE = (b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\0\0\0", b"\0" * 4)
SIZES = ((48, 64), (47, 61))  # of the frames of the good files
NUMBERS = (
    "-1", "0", "1e999", "NaN", "99999999999999999999", "4194304", "1.5", "0x10", "",
    "9" * 5000, "true", "null", '"a"', "[]",
)  # fmt: skip
PATHS = ("..", "/etc/passwd", "../../secret", "a\\b", "s3://b/a", "\0", "%2e%2e")
DECLARATIONS = (
    '<!DOCTYPE a [<!ENTITY s SYSTEM "/etc/passwd">]>',
    '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
    '<?xml version="1.0" encoding="utf-7"?>',
)


def flip(rng, data, *, count=1, begin=0, end=None):
    """Flips single bits."""
    data = bytearray(data)
    for place in rng.integers(begin, min(end or len(data), len(data)), count):
        data[place] ^= 1 << int(rng.integers(8))
    return bytes(data)


def flip_header(rng, data):
    """Flips a few bits near either end, where containers describe themselves."""
    size = min(HEADER, len(data))
    begin = 0 if rng.random() < 0.5 else len(data) - size
    return flip(rng, data, count=3, begin=begin, end=begin + size)


def huge_number(rng, data):
    """Overwrites four bytes near either end with an extreme number."""
    size = min(HEADER, len(data))
    begin = 0 if rng.random() < 0.5 else len(data) - size
    place = begin + int(rng.integers(max(size - 4, 1)))
    return data[:place] + HUGE[rng.integers(len(HUGE))] + data[place + 4 :]


def blank(rng, data):
    """Zeroes a block."""
    size = int(rng.integers(1, max(len(data) // 4, 2)))
    place = int(rng.integers(len(data)))
    return data[:place] + bytes(len(data[place : place + size])) + data[place + size :]


def swap(rng, data):
    """Swaps two parts of the file."""
    first, second = sorted(int(i) for i in rng.integers(0, len(data) + 1, 2))
    return data[first:second] + data[:first] + data[second:]


def drop(rng, data):
    """Leaves a part out."""
    first, second = sorted(int(i) for i in rng.integers(0, len(data) + 1, 2))
    return data[:first] + data[second:]


def cut(data, kept):
    """Keeps the beginning of the file."""
    return data[: int(kept * len(data))]


def huge_size(rng, data):
    """Declares frames of 60,000 x 60,000 pixels wherever their size may stand."""
    places = []
    for height, width in SIZES:
        for layout in (">HH", "<HH", ">II", "<II"):
            for sides in ((height, width), (width, height)):
                size = struct.pack(layout, *sides)
                start = data.find(size)
                while start >= 0:
                    places.append((start, layout))
                    start = data.find(size, start + 1)
    if not places:
        return flip_header(rng, data)
    start, layout = places[rng.integers(len(places))]
    size = struct.pack(layout, 60000, 60000)
    return data[:start] + size + data[start + len(size) :]


def replace_number(rng, data):
    """Replaces a number in a text."""
    return _replace(rng, data, str.isdigit, NUMBERS)


def replace_word(rng, data):
    """Replaces a word in a text by a path that leads elsewhere."""
    return _replace(rng, data, str.isalnum, PATHS)


def _replace(rng, data, kind, replacements):
    text = data.decode()
    runs, place = [], 0
    while place < len(text):
        end = place
        while end < len(text) and kind(text[end]):
            end += 1
        if end > place:
            runs.append((place, end))
        place = max(end, place + 1)
    if not runs:
        return data
    begin, end = runs[rng.integers(len(runs))]
    new = replacements[rng.integers(len(replacements))]
    return (text[:begin] + new + text[end:]).encode()


def repeat_line(rng, data):
    """Repeats a line, sometimes very often."""
    lines = data.splitlines(keepends=True) or [b"\n"]
    line = int(rng.integers(len(lines)))
    count = int(rng.choice([1, 2, 10_000]))
    return b"".join([*lines[:line], *[lines[line]] * count, *lines[line:]])


def insert(rng, data):
    """Inserts what no reader should swallow."""
    place = int(rng.integers(len(data) + 1))
    pieces = [b"\xff\xfe", b"\0", b"[" * 50_000, b"<a>" * 50_000, b"x" * 100_000]
    pieces += [text.encode() for text in DECLARATIONS]
    return data[:place] + pieces[rng.integers(len(pieces))] + data[place:]


BINARY = {
    "one bit": (flip, 20),
    "fifty bits": (functools.partial(flip, count=50), 20),
    "bits of the header": (flip_header, 20),
    "a huge number": (huge_number, 20),
    "a huge size": (huge_size, 10),
    "a blank part": (blank, 10),
    "parts swapped": (swap, 6),
    "a part missing": (drop, 6),
}
TEXT = {
    "one bit": (flip, 20),
    "a number": (replace_number, 50),
    "a path": (replace_word, 40),
    "a line repeated": (repeat_line, 12),
    "strange bytes": (insert, 20),
    "a part missing": (drop, 10),
}


def damaged(data, *, text, seed):
    """Yields the name of a mutation and a damaged file.

    Args:
        data: bytes of the whole file.
        text: whether the file is a text.
        seed: integers of the random generator.
    """
    table = TEXT if text else BINARY
    for number, (name, (mutate, cases)) in enumerate(table.items()):
        for case in range(cases):
            rng = np.random.default_rng([*seed, number, case])
            yield name, mutate(rng, data)
    for percent in range(0, 100, 5):
        yield "cut every 5 %", cut(data, percent / 100)
