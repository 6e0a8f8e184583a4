"""How far the work on many frames or files is, for those who look."""

import sys
import time

WIDTH = 30
PAUSE = 0.1  # seconds between two bars


def progress_bar(total, title="", *, unit="frames"):
    """A function that draws how much is done, how fast, and the time left.

    It draws on stderr, and only on a terminal.

    Args:
        total: how many there are, or None where nobody knows.
        title: what to write before the bar.
        unit: what is counted.

    Returns:
        A function of the number done.
    """
    if not sys.stderr.isatty():
        return lambda count: None
    start = time.perf_counter()
    drawn = -PAUSE

    def done(count):
        nonlocal drawn
        seconds = time.perf_counter() - start
        if count != total and count > 1 and seconds - drawn < PAUSE:
            return
        drawn, rate = seconds, count / seconds
        if total is None:
            state = f"{count} {unit}, {rate:.2f}/s   "
        else:
            minutes, left = divmod(round(max(total - count, 0) / rate), 60)
            filled = min(WIDTH * count // total, WIDTH)
            state = (
                f"[{'#' * filled}{'.' * (WIDTH - filled)}] {count}/{total} {unit}, "
                f"{rate:.2f}/s, {minutes}:{left:02d} left   "
            )
        end = "\n" if count == total else ""
        print(f"\r{title}{state}", end=end, file=sys.stderr, flush=True)

    return done


def counted(frames, done):
    """Yields the frames, and tells a progress bar how many it was."""
    for count, frame in enumerate(frames, start=1):
        yield frame
        done(count)


def clear():
    """Wipes the bar, so that a line can be printed in its place."""
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
