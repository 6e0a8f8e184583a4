"""Films with sound, and a model that restores nothing."""

import fractions

import av
import numpy as np
import pytest

from offkeras import data
from offkeras.models import DnCNN

GOP = {"g": "12", "bf": "3"}


@pytest.fixture(scope="session")
def identity():
    """An untrained model returns its input."""
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
