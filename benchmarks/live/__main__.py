"""A live stream watched for long: how far behind it is, and what memory it takes.

    python -m benchmarks.live --seconds 3600 --out benchmarks/live.csv

A camera of this machine, MJPEG by HTTP of 640x480 pixels at 25 frames per second, shows
bikes.mp4 over and over; each picture has in it when it was sent. It is watched as
`offkeras live` does, and the connection is cut three times. The lag is the time from
the sending of a picture to the answer of the window that ends there.
"""

import multiprocessing
import statistics
import threading

from benchmarks.live.camera import FPS, TURN, milliseconds, serve
from benchmarks.support import memory, records
from benchmarks.support.mjpeg_server import number_of
from offkeras import inference

BREAKS, PAUSE = 3, 1.0


def watch(address, seconds, breaks, name):
    """A row of the table."""
    trained = inference.trained_model(name)
    segments = trained.defaults["segments"]
    every = trained.defaults["interval"] / FPS
    lags, sizes = [], []
    stream = inference.LiveStream(address, every=every, seconds=seconds, patience=2)
    with stream:
        timers = [
            threading.Timer(seconds * share / (BREAKS + 1), _cut, [breaks])
            for share in range(1, BREAKS + 1)
        ]
        for timer in timers:
            timer.start()
        recognizer = trained.load()
        live = inference.classify_live(stream, recognizer, num_segments=segments)
        for picture, _ in live:
            lags.append((milliseconds() - number_of(picture.image)) % TURN / 1000)
            if len(lags) % 50 == 0:
                sizes.append(memory.resident() / memory.MIB)
    sizes, ordered = sizes[len(sizes) // 10 :], sorted(lags)
    quarter = max(len(sizes) // 4, 1)
    return {
        "model": name,
        "seconds": seconds,
        "answers": len(lags),
        "breaks": stream.breaks,
        "dropped": stream.dropped,
        "median_lag_s": statistics.median(lags),
        "lag_99_s": ordered[int(0.99 * len(ordered))],
        "largest_lag_s": ordered[-1],
        "first_quarter_MiB": statistics.mean(sizes[:quarter]),
        "last_quarter_MiB": statistics.mean(sizes[-quarter:]),
    }


def _cut(breaks):
    breaks.set()
    threading.Timer(PAUSE, breaks.clear).start()


def main(arguments=None):
    """Command line."""
    parser = records.parser(__doc__, numbers=[("seconds", 3600)])
    parser.add_argument("--model", default="moving_camera")
    options = parser.parse_args(arguments)
    context = multiprocessing.get_context("spawn")
    breaks, (pipe, other) = context.Event(), context.Pipe()
    camera = context.Process(target=serve, args=(other, breaks), daemon=True)
    camera.start()
    row = watch(pipe.recv(), options.seconds, breaks, options.model)
    pipe.send("end")
    camera.join(10)
    row = {k: f"{v:.3f}" if isinstance(v, float) else v for k, v in row.items()}
    print(row)
    row |= records.environment()
    records.write(options.out, [row], same=("model", "seconds"))


if __name__ == "__main__":
    main()
