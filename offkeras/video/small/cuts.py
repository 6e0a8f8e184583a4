"""Where a shot of a video ends and the next begins.

`mark_cuts` looks at the frames on both sides of a change, with an eye on flashes, fast
motion and fades. `is_cut` looks at two frames alone.
"""

import collections

import numpy as np

# Mean change of brightness between two frames, out of 255, at 1/8 of the
# resolution: 48 and more at the cuts of bikes.mp4, 22 and less elsewhere.
CUT = 35

# What `mark_cuts` compares: pictures so small that what moves changes little.
HEIGHT, WIDTH = 18, 32
# Frames on both sides of a change that it is judged by. What is shorter, as a flash
# is, is no shot.
AROUND = 6
# A cut changes the picture by LEAST of 255, and RATIO times what is usual around it.
LEAST, RATIO, BESIDE = 6, 3, 1.5
# No picture before a cut comes back: all changes across it are this share of its own.
SHARE = 0.4
# A picture is black where nothing is brighter. What fades in from black is the same
# shot as before, at any brightness, where the two correlate by this much.
BLACK, SAME = 32, 0.9


def is_cut(before, after):
    """Whether two frames, of which `blocks` are given, are so unlike as at a cut."""
    return np.abs(after - before).mean() > CUT


def blocks(frame):
    """Brightness of 8x8 blocks of a frame, for `is_cut`."""
    height, width = (side // 8 * 8 for side in frame.shape[:2])
    blocks = frame[:height, :width].reshape(height // 8, 8, width // 8, 8, 3)
    return blocks.mean((1, 3, 4))


def mark_cuts(items, picture):
    """Tells the frames with which a shot begins; the first of all is none of them.

    A hard cut is a change far above the mean of the changes around it, after which no
    picture from before comes back: a fast motion fails the first, a flash the second.
    A fade through black is a cut where black ends, unless the picture is as before.
    Dissolves are not found. A frame is told of once `AROUND` more are seen.

    Args:
        items: iterable of anything that holds a frame.
        picture: function of an item to its frame, uint8 RGB `(H, W, 3)`.

    Yields:
        `(item, begins)`: every item, and whether a shot begins with it.
    """
    finder, waiting = _Finder(), collections.deque()
    for item in items:
        waiting.append(item)
        finder.add(picture(item))
        if len(waiting) > AROUND:
            yield waiting.popleft(), finder.begins()
    while waiting:
        yield waiting.popleft(), finder.begins()


class _Finder:
    """Judges the oldest of the frames that it was given and has not judged."""

    def __init__(self):
        self.before = collections.deque(maxlen=AROUND)
        self.after = collections.deque()
        self.length = 0  # frames of the shot so far
        self.lit = None  # the picture before black

    def add(self, frame):
        import cv2

        small = cv2.resize(frame, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        self.after.append(small.astype(np.float32))

    def begins(self):
        """Whether a shot begins with the frame."""
        begins = self.length >= AROUND and (self._is_hard() or self._is_fade())
        self.length = 1 if begins else self.length + 1
        frame = self.after.popleft()
        if _is_black(frame) and self.before and not _is_black(self.before[-1]):
            self.lit = self.before[0]
        self.before.append(frame)
        return begins

    def _is_hard(self):
        before, after = np.stack(self.before), np.stack(self.after)
        here = _change(before[-1], after[0])
        if here < LEAST:
            return False
        around = [*_change(after[1:], after[:-1]), *_change(before[1:], before[:-1])]
        beside = max(around[0], around[-1])
        if here < max(RATIO * np.mean(around), BESIDE * beside):
            return False
        # (before, 1, ...) and (1, after, ...): all pairs
        return _change(before[:, None], after[None]).min() > SHARE * here

    def _is_fade(self):
        """Whether a picture comes out of black that is another than went in."""
        if self.lit is None or _is_black(self.after[0]):
            return False
        if not _is_black(self.before[-1]):
            return False
        likeness = np.corrcoef(self.lit.ravel(), self.after[-1].ravel())[0, 1]
        return likeness < SAME


def _change(before, after):
    """Mean change from pictures to others, out of 255."""
    return np.abs(after - before).mean((-3, -2, -1))


def _is_black(picture):
    return picture.max() < BLACK
