"""A camera of this machine: MJPEG by HTTP, with the number of each picture in it."""

import contextlib
import http.server
import io
import threading
import time

import numpy as np
from PIL import Image

BITS, CELL, SIZE = 16, 8, (96, 128)


def number_of(image):
    """The number that a picture shows."""
    cells = image[CELL // 2, CELL // 2 : BITS * CELL : CELL].mean(-1) > 127
    return int(sum(2**place for place, bit in enumerate(cells) if bit))


class Server:
    """Serves pictures at a rate, from the first request on.

    Args:
        fps: pictures per second.
        draw: function of a number to a picture of `SIZE` or larger. Default: grey.
        stamp: function of the number of a picture to that which it shows.
        breaks: an event of threads or processes. Default: a new one.

    Attributes:
        address: to read it by.
        times: `time.monotonic` at which each picture was sent, by number.
        breaks: set it, and all connections are cut; no new one is taken until it is
            cleared.
    """

    def __init__(self, fps, draw=None, stamp=lambda number: number, breaks=None):
        self.fps, self.draw, self.stamp, self.times = fps, draw, stamp, {}
        self.breaks = breaks or threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.serve(self)

            def log_message(self, *message):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.http.server_port}/live.mjpg"

    def serve(self, handler):
        """Answers a request: pictures until a break."""
        if self.breaks.is_set():
            handler.send_error(503)
            return
        handler.send_response(200)
        kind = "multipart/x-mixed-replace;boundary=picture"
        handler.send_header("Content-Type", kind)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while not self.breaks.is_set():
                number = len(self.times)
                content = self.picture(number)
                self.times[number] = time.monotonic()
                head = (
                    "--picture\r\nContent-Type: image/jpeg\r\n"
                    f"Content-Length: {len(content)}\r\n\r\n"
                )
                handler.wfile.write(head.encode() + content + b"\r\n")
                handler.wfile.flush()
                time.sleep(1 / self.fps)

    def picture(self, number):
        """A JPEG file."""
        image = np.full((*SIZE, 3), 90, np.uint8)
        if self.draw is not None:
            image = self.draw(number)
        shown = self.stamp(number)
        for place in range(BITS):
            bit = 255 * (shown >> place & 1)
            image[:CELL, place * CELL : (place + 1) * CELL] = bit
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=90)
        return file.getvalue()

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.breaks.set()
        self.http.shutdown()
        self.http.server_close()
