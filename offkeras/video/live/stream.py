"""The newest picture of a source that does not wait."""

import dataclasses
import threading
import time

import numpy as np

from offkeras.video.container import VideoError
from offkeras.video.live.connection import pictures, shown

PAUSES = (0.5, 1, 2, 4, 8)  # seconds before the next try to connect, the last for ever


@dataclasses.dataclass(frozen=True)
class LivePicture:
    """A picture of a live source.

    Attributes:
        seconds: when it came, since the first one.
        image: uint8 RGB `(H, W, 3)`.
        dropped: pictures that came since the one before and were not taken.
        connection: number of the connection that it came by, from 1.
        arrived: when it came, by `time.monotonic`.
    """

    seconds: float
    image: np.ndarray
    dropped: int
    connection: int
    arrived: float


class LiveStream:
    """The pictures of a camera or of an address, each the newest when it is asked for.

    A thread reads as fast as pictures come: whoever is slower misses some, and is never
    behind. A connection that breaks is made anew, for as long as it takes.

    Args:
        source: number of a camera, or an address such as `rtsp://host/path` or
            `http://host/video.mjpg`, see `checked_source`.
        every: seconds from one picture to the next, at least.
        seconds: how long to look; by default as long as somebody asks for pictures.
        patience: seconds without a picture before a connection counts as broken.
        told: function of a sentence, called when a connection breaks.

    Attributes:
        taken: pictures that were yielded.
        dropped: pictures that came between these and were not.
        breaks: of the connection.
        latest: the `LivePicture` that was yielded last.

    Raises:
        ValueError: if an argument is outside its range.

    Example:

    ```python
    with LiveStream("rtsp://camera/stream", every=0.16) as stream:
        for picture in stream:
            print(picture.seconds, picture.image.shape, picture.dropped)
    ```
    """

    def __init__(
        self, source, *, every=0.0, seconds=None, patience=5.0, told=lambda text: None
    ):
        for name, value in (("seconds", seconds), ("patience", patience)):
            if value is not None and not value > 0:
                raise ValueError(f"Expected `{name}` to be above 0. Received: {value}.")
        if not every >= 0:
            raise ValueError(f"Expected `every` to be 0 or more. Received: {every}.")
        self.source, self.every, self.seconds = source, every, seconds
        self.patience, self.told = patience, told
        self.taken, self.dropped, self.breaks, self.latest = 0, 0, 0, None
        self._news = threading.Condition()
        self._newest = None  # (number, arrived, connection, decode)
        self._error, self._stopped = None, False
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __str__(self):
        return shown(self.source)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        with self._news:
            self._stopped = True
            self._news.notify_all()
        self._thread.join(self.patience + 1)

    def __iter__(self):
        """Yields a `LivePicture` at a time.

        Raises:
            VideoError: if the first connection fails.
        """
        first, before, end = self._wait(0, 0.0, None), None, None
        found = first
        while found is not None:
            number, arrived, connection, decode = found
            dropped = 0 if before is None else number - before - 1
            self.taken, self.dropped = self.taken + 1, self.dropped + dropped
            seconds = arrived - first[1]
            self.latest = LivePicture(seconds, decode(), dropped, connection, arrived)
            yield self.latest
            if self.seconds is not None:
                end = first[1] + self.seconds
            before, found = number, self._wait(number, arrived + self.every, end)

    def _wait(self, number, earliest, end):
        """The newest picture after that of a number that came at `earliest` or later.

        None once the stream is closed, and after `end`.
        """

        def is_new():
            new = self._newest
            return new and new[0] != number and new[1] >= earliest

        with self._news:
            left = None if end is None else end - time.monotonic()
            self._news.wait_for(
                lambda: self._stopped or self._error or is_new(), timeout=left
            )
            if self._error:
                raise self._error
            is_late = end is not None and time.monotonic() >= end
            return None if self._stopped or is_late else self._newest

    def _read(self):
        """Reads until the stream is closed; runs in its own thread."""
        number, connection, tries = 0, 0, 0
        while not self._stopped:
            connection += 1
            try:
                for arrived, decode in pictures(self.source, self.patience):
                    number, tries = number + 1, 0
                    with self._news:
                        self._newest = (number, arrived, connection, decode)
                        self._news.notify_all()
                        if self._stopped:
                            return
            except VideoError as error:
                if number == 0:
                    return self._fail(error)
                pause = PAUSES[min(tries, len(PAUSES) - 1)]
                self.breaks += tries == 0
                tries += 1
                self.told(f"{error} Connecting again in {pause} s.")
                with self._news:
                    self._news.wait_for(lambda: self._stopped, timeout=pause)
            except Exception as error:  # nobody else would hear of it
                return self._fail(error)

    def _fail(self, error):
        with self._news:
            self._error = error
            self._news.notify_all()
