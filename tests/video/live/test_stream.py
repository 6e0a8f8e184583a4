import io
import itertools
import socket
import threading
import time

import av
import numpy as np
import pytest

from benchmarks.support.mjpeg_server import Server, number_of
from offkeras.video import VideoError
from offkeras.video.live.connection import checked_source
from offkeras.video.live.stream import LiveStream


def test_who_is_slow_gets_the_newest_and_the_rest_is_counted():
    with Server(fps=100) as server, LiveStream(server.address) as stream:
        numbers, dropped = [], []
        for picture in itertools.islice(stream, 8):
            numbers.append(number_of(picture.image))
            dropped.append(picture.dropped)
            time.sleep(0.2)
    assert np.diff(numbers).tolist() == [count + 1 for count in dropped[1:]]
    assert min(dropped[1:]) > 3 and dropped[0] == 0
    assert (stream.taken, stream.dropped) == (8, sum(dropped))


def test_pictures_are_as_far_apart_as_is_said_and_end_in_time():
    with (
        Server(fps=50) as server,
        LiveStream(server.address, every=0.2, seconds=1.1) as stream,
    ):
        start = time.monotonic()
        times = [picture.seconds for picture in stream]
        assert time.monotonic() - start < 10
    assert times[0] == 0 and 2 <= len(times) <= 6 and times[-1] < 1.1
    assert np.diff(times).min() >= 0.2


def test_three_breaks_are_survived():
    told = []
    with (
        Server(fps=50) as server,
        LiveStream(server.address, patience=2, told=told.append) as stream,
    ):
        connections = []
        for turn, picture in enumerate(stream):
            connections.append(picture.connection)
            if turn in (5, 10, 15):
                server.breaks.set()
                threading.Timer(0.2, server.breaks.clear).start()
            if turn == 20:
                break
    assert stream.breaks == 3
    assert len(set(connections)) == 4 and connections == sorted(connections)
    assert all("127.0.0.1" in text and "again in" in text for text in told)


def transport_stream():
    """A file of 40 frames that become brighter."""
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts") as target:
        track = target.add_stream("mpeg4", rate=25, width=64, height=48)
        track.pix_fmt = "yuv420p"
        for number in range(40):
            image = np.full((48, 64, 3), 5 * number, np.uint8)
            target.mux(track.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        target.mux(track.encode())
    return file.getvalue()


def test_other_transport_ends_and_errors():
    """MPEG transport stream by TCP; once it has ended nobody answers any more."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    content, told = transport_stream(), []

    def send():
        connection, _ = listener.accept()
        listener.close()
        with connection:
            for start in range(0, len(content), 1880):
                connection.sendall(content[start : start + 1880])
                time.sleep(0.01)

    threading.Thread(target=send, daemon=True).start()
    with LiveStream(address, patience=3, seconds=3, told=told.append) as stream:
        levels = [float(picture.image.mean()) for picture in stream]
    assert levels and levels == sorted(levels)
    assert stream.breaks == 1 and told[0].startswith(f"{address}: has ended.")
    with (
        LiveStream(address, patience=2) as stream,
        pytest.raises(VideoError, match="cannot be read .*refused"),
    ):
        next(iter(stream))


def test_passwords_stay_secret_and_files_closed(tmp_path):
    with LiveStream("http://me:secret@127.0.0.1:9/x", patience=2) as stream:
        assert str(stream) == "http://127.0.0.1:9/x"
        with pytest.raises(VideoError) as error:
            next(iter(stream))
    assert "secret" not in str(error.value)
    for text in ("street.mp4", "file:///etc/passwd", "concat://a|b", "-1"):
        with pytest.raises(ValueError, match="number of a camera, or an address"):
            checked_source(text)
    assert (checked_source("2"), checked_source("RTSP://a")) == (2, "RTSP://a")
    for options in ({"every": -1}, {"seconds": 0}, {"patience": 0}):
        (name,) = options
        with pytest.raises(ValueError, match=f"Expected `{name}` to be"):
            LiveStream("http://a", **options)


def test_a_play_list_is_not_followed(tmp_path):
    """It would name files of this machine."""

    class Lists(Server):
        def serve(self, handler):
            handler.send_response(200)
            handler.send_header("Content-Type", "application/vnd.apple.mpegurl")
            handler.end_headers()
            handler.wfile.write(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n")

    with Lists(fps=1) as server:
        address = server.address.replace("mjpg", "m3u8")
        with (
            LiveStream(address, patience=2) as stream,
            pytest.raises(VideoError, match="cannot be read"),
        ):
            next(iter(stream))
