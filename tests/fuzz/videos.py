"""Good videos of every kind that the library reads."""

import fractions

import av
import numpy as np

from tests.support.avi import with_gaps

# Name -> options of the files.
VIDEOS = {
    "b_frames.mp4": dict(codec="libx264", options={"bf": "3", "g": "8"}),
    "streamable.mp4": dict(codec="libx264", format={"movflags": "faststart"}),
    "fragmented.mp4": dict(codec="mpeg4", format={"movflags": "frag_keyframe"}),
    "one_frame.mov": dict(codec="mjpeg", pixels="yuvj420p", count=1),
    "odd.mov": dict(codec="mjpeg", pixels="yuvj420p", size=(47, 61)),
    "rotated.mp4": dict(codec="libx264", rotation=(90,)),
    "mirrored.mp4": dict(codec="libx264", rotation=(90, True)),
    "mpeg4.avi": dict(codec="mpeg4", options={"bf": "2"}),
    "uneven.avi": dict(codec="mjpeg", pixels="yuvj420p", uneven=True),
    "gaps.avi": dict(codec="mjpeg", pixels="yuvj420p", gaps={0: 1, 9: 30}),
    "uneven.mkv": dict(codec="libx264", uneven=True),
    "two.mkv": dict(codec="libx264", beside="thumbnails"),
    "apart.mp4": dict(codec="libx264", beside="sound"),
    "vp9.webm": dict(codec="libvpx-vp9", options={"deadline": "realtime"}),
    "vp8.webm": dict(codec="libvpx", options={"auto-alt-ref": "1"}),
    "palette.mov": dict(codec="png", pixels="pal8"),
    "stream.ts": dict(codec="libx264", options={"g": "8"}),
    "joined.ts": dict(codec="libx264", options={"g": "8"}, joined=True),
}


def write_videos(folder, frames):
    """Writes every one of `VIDEOS`; returns their paths."""
    for name, options in VIDEOS.items():
        encode(folder / name, frames, **options)
    return [folder / name for name in VIDEOS]


def encode(path, frames, *, gaps=None, joined=False, count=None, **options):
    """Encodes a small video.

    Args:
        path: path to write.
        frames: uint8 RGB arrays.
        gaps: empty chunks to write into an AVI, see `with_gaps`.
        joined: whether it follows itself, its clock going back.
        count: number of frames to take. Default: all.
        **options: see `_encode`.
    """
    _encode(path, frames[:count], **options)
    if gaps:
        path.write_bytes(with_gaps(path.read_bytes(), gaps))
    if joined:
        path.write_bytes(2 * path.read_bytes())


def _encode(
    path,
    frames,
    *,
    codec,
    pixels="yuv420p",
    size=(48, 64),
    options=None,
    format=None,
    rotation=None,
    uneven=False,
    beside=None,
):
    with av.open(str(path), "w", options=format or {}) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width, stream.pix_fmt = *size, pixels
        if rotation:
            stream.set_display_rotation(*rotation)
        if beside:
            BESIDE[beside](container, frames)
        time = 0
        for number, array in enumerate(frames):
            frame = _frame(array[: size[0], : size[1]], pixels)
            if uneven:
                frame.pts, time = time, time + 1 + number % 4
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _frame(array, pixels):
    array = np.ascontiguousarray(array)
    if pixels != "pal8":
        return av.VideoFrame.from_ndarray(array, format="rgb24")
    colours = np.arange(256, dtype=np.uint8)[:, None] * np.uint8([0, 3, 5, 7])
    colours[:, 0] = 255  # opaque
    return av.VideoFrame.from_ndarray((array[..., 0], colours), format="pal8")


def _thumbnails(container, frames):
    """A second track of pictures, larger and not the default one."""
    stream = container.add_stream("mjpeg", rate=25)
    stream.height, stream.width, stream.pix_fmt = 96, 128, "yuvj420p"
    for array in frames[:3]:
        array = np.ascontiguousarray(array[:48, :64].repeat(2, 0).repeat(2, 1))
        frame = av.VideoFrame.from_ndarray(array, format="rgb24")
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def _late_sound(container, frames):
    """Sound that begins half a second after the picture."""
    stream = container.add_stream("aac", rate=48000, layout="mono")
    for number in range(24):
        wave = np.sin(np.arange(1024) / 20 + number)[None].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48000, 24000 + 1024 * number
        frame.time_base = fractions.Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


BESIDE = {"thumbnails": _thumbnails, "sound": _late_sound}


def without_frames(path):
    """The bytes of a video of the kind of another, with a header alone."""
    options = VIDEOS[path.name]
    target = path.with_name(f"none{path.suffix}")
    with av.open(str(target), "w") as container:
        stream = container.add_stream(options["codec"], rate=25)
        stream.height, stream.width = 48, 64
        stream.pix_fmt = options.get("pixels", "yuv420p")
        container.start_encoding()
    data = target.read_bytes()
    target.unlink()
    return data
