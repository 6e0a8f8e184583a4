"""Picture and sound that begin apart, seen by what plain PyAV shows of them."""

import fractions

import av
import numpy as np
import pytest

from offkeras import inference

RATE = fractions.Fraction(30000, 1001)
FRAMES, SAMPLES = 60, 48000  # a second of sound that stops within the picture
FLASH = 33  # the frame that is white, at which a tone begins
STARTS = [(0, 0.5), (0.5, 0), (0.3, 0.6), (0.6, 0.3), (0, 0)]  # picture, sound


def write_film(path, picture, sound):
    """A flash and a tone that begin together, in streams that need not."""
    tone = picture + FLASH / RATE - sound  # seconds since the sound began
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"bf": "3"})
        video.height, video.width, video.pix_fmt = 64, 96, "yuv420p"
        audio = container.add_stream("aac", rate=48000)
        for number in range(FRAMES):
            level = 255 if number == FLASH else 2 * number
            array = np.full((64, 96, 3), level, np.uint8)
            frame = av.VideoFrame.from_ndarray(array, format="rgb24")
            frame.pts, frame.time_base = number + round(picture * RATE), 1 / RATE
            container.mux(video.encode(frame))
        container.mux(video.encode())
        count = SAMPLES + 1024 * 48
        seconds = np.arange(count) / 48000
        wave = np.sin(2 * np.pi * 440 * seconds) * (seconds >= float(tone)) / 2
        for start in range(0, count, 1024):
            part = np.stack([wave[start : start + 1024]] * 2).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            frame.sample_rate, frame.time_base = 48000, fractions.Fraction(1, 48000)
            frame.pts = start + round(sound * 48000)
            container.mux(audio.encode(frame))
        container.mux(audio.encode())
    return str(path)


def shown(path):
    """Times and mean levels of the frames that are shown."""
    with av.open(str(path)) as container:
        frames = [
            (f.time, f.to_ndarray()[:64].mean()) for f in container.decode(video=0)
        ]
    return np.array(frames).T


def heard(path):
    """Times and levels of the samples that are heard."""
    times, samples = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples.append(frame.to_ndarray()[0])
            times.append(frame.time + np.arange(frame.samples) / frame.sample_rate)
    return np.concatenate(times), np.concatenate(samples)


def distance(path):
    """Seconds from the flash to the tone."""
    times, levels = shown(path)
    instants, samples = heard(path)
    return instants[np.abs(samples) > 0.1][0] - times[levels.argmax()]


@pytest.mark.parametrize("picture, sound", STARTS)
@pytest.mark.parametrize("source", ["mp4", "mov", "mkv", "ts"])
def test_streams_that_begin_apart(source, picture, sound, identity, tmp_path):
    video = write_film(tmp_path / f"film.{source}", picture, sound)
    assert abs(distance(video)) < 0.025  # the measure itself: half a frame, and AAC
    (times, _), (_, samples) = shown(video), heard(video)
    assert len(times) == FRAMES
    for suffix in ("mp4", "mov", "mkv"):
        output = tmp_path / f"out.{suffix}"
        assert inference.restore_file(video, output, identity) == FRAMES
        new_times, _ = shown(output)
        assert len(new_times) == FRAMES
        np.testing.assert_allclose(np.diff(new_times), np.diff(times), atol=0.0021)
        assert distance(output) == pytest.approx(distance(video), abs=0.0021)
        # All of the sound: AAC may play the frame that it begins with, or not.
        assert abs(len(heard(output)[1]) - len(samples)) <= 1024


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_streams_that_begin_apart_in_isolation(suffix, identity, tmp_path):
    video = write_film(tmp_path / "film.mp4", 0, 0.5)
    output = tmp_path / f"out.{suffix}"
    source = inference.Isolated(video)
    assert inference.restore_file(source, output, identity) == FRAMES
    assert len(shown(output)[0]) == FRAMES
    assert distance(output) == pytest.approx(distance(video), abs=0.0021)
