"""Which stream of a file is its video."""

import av
import numpy as np
import pytest

from offkeras import inference
from offkeras.video import isolated, iterate_frames, probe, read_frames
from offkeras.video.container import VideoError

DEFAULT = av.stream.Disposition.default


@pytest.fixture
def several(tmp_path):
    """Function that writes a file of several video streams, each of a grey level."""

    def write(name, *streams, options=None):
        path = str(tmp_path / name)
        with av.open(path, "w", options=options or {}) as container:
            made = []
            for width, height, codec, disposition, count in streams:
                stream = container.add_stream(codec, rate=25)
                stream.width, stream.height = width, height
                stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                stream.disposition = disposition
                made.append((stream, count))
            for level, (stream, count) in enumerate(made, start=1):
                shape = (stream.height, stream.width, 3)
                array = np.full(shape, 40 * level, np.uint8)
                for number in range(count):
                    frame = av.VideoFrame.from_ndarray(array, format="rgb24")
                    frame.pts = number
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
        return path

    return write


SMALL, LARGE = (64, 48, "libx264"), (96, 64, "libx264")
COVER, PICTURE = (128, 128, "mjpeg"), av.stream.Disposition.attached_pic
THUMBNAILS = av.stream.Disposition.timed_thumbnails
CASES = {
    "default.mkv": (((*SMALL, 0, 9), (*LARGE, DEFAULT, 9)), 1),
    "small default.mkv": (((*LARGE, 0, 9), (*SMALL, DEFAULT, 9)), 1),
    "larger.mkv": (((*SMALL, 0, 9), (*LARGE, 0, 9)), 1),
    "both default.mkv": (((*SMALL, DEFAULT, 9), (*LARGE, DEFAULT, 9)), 1),
    "equal.mkv": (((*SMALL, 0, 9), (*SMALL, 0, 9)), 0),
    "larger.ts": (((*SMALL, 0, 9), (*LARGE, 0, 9)), 1),
    "larger.avi": (((*SMALL, 0, 9), (*LARGE, 0, 9)), 1),
    "cover.mp4": (((*COVER, PICTURE, 1), (*SMALL, DEFAULT, 9)), 1),
    "no cover.mp4": (((*COVER, DEFAULT, 1), (*SMALL, DEFAULT, 9)), 1),
    "thumbnails.mkv": (((*COVER, DEFAULT, 4), (*SMALL, DEFAULT, 9)), 1),
    "mjpeg.mkv": (((*COVER, DEFAULT, 9), (*SMALL, 0, 9)), 0),
}


@pytest.mark.parametrize("name", CASES)
def test_the_film_is_found(name, several, identity, tmp_path):
    streams, expected = CASES[name]
    path = several(name, *streams)
    width, height, _, _, count = streams[expected]
    for read in (probe, isolated.probe):
        info = read(path)
        assert (info.width, info.height, info.num_frames) == (width, height, count)
    level = 40 * (expected + 1)
    for frame in (
        next(iterate_frames(path))[1],
        read_frames(path, [count - 1])[0],
        next(isolated.iterate_frames(path))[1],
    ):
        assert frame.shape == (height, width, 3)
        assert abs(frame.astype(int) - level).max() < 5
    assert inference.restore_file(path, tmp_path / "out.mkv", identity) == count
    with av.open(str(tmp_path / "out.mkv")) as container:
        (video,) = container.streams.video
        assert (video.width, video.height) == (width, height)


def test_a_cover_alone_is_no_video(several):
    path = several("cover.mp4", (*COVER, PICTURE, 1))
    with pytest.raises(VideoError, match=r"cover\.mp4: has no video stream"):
        probe(path)


class Stream:
    """A stream of thumbnails, as FFmpeg shows those of an MP4."""

    disposition = THUMBNAILS


def test_a_track_of_thumbnails_is_no_video():
    from offkeras.video.streams import choice

    class Container:
        class streams:
            video = (Stream(),)

    assert choice.video_stream(Container) is None
