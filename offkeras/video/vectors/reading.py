"""Motion fields of a video file: of all frames, or of chosen ones."""

import collections

from offkeras.video.color import to_rgb
from offkeras.video.container import MAX_FRAMES, MAX_PIXELS, open_video
from offkeras.video.reading import decode_to, iterate_decoded
from offkeras.video.vectors.fields import FieldStream

EXPORT = {"flags2": "+export_mvs"}


def iterate_fields(path, *, rule="previous", max_pixels=MAX_PIXELS, max_frames=None):
    """Yields every frame of a video with the motion that leads to it.

    Args:
        path: path of a video file.
        rule: `"previous"` or `"next"`, see `fields.FieldStream`.
        max_pixels: largest frame to accept, in pixels.
        max_frames: largest number of frames to accept. Default: any.

    Yields:
        `(seconds, frame, field)`: time since the first frame, uint8 RGB `(H, W, 3)`
        and a `fields.MotionField`. What leads to the first frame is what leads to
        the next one.

    Raises:
        VideoError: see `video.iterate_frames`; also if the codec or the video has no
            motion vectors.
    """
    stream = FieldStream(path, _codec_of(path, max_pixels), rule)
    held = collections.deque()  # frames whose field is not known yet
    limits = dict(max_pixels=max_pixels, max_frames=max_frames)
    decoded = iterate_decoded(path, **limits, options=EXPORT)
    for position, (seconds, frame) in enumerate(decoded):
        held.append((seconds, to_rgb(path, frame, max_pixels)))
        for _, field in stream.add(position, frame):
            yield *held.popleft(), field
    for _, field in stream.end():
        yield *held.popleft(), field


def read_fields(
    info,
    indices,
    *,
    rule="previous",
    transform,
    max_pixels=MAX_PIXELS,
    max_frames=MAX_FRAMES,
):
    """Reads the motion that leads to the frames at `indices`.

    Args:
        info: what `probe` found of a video.
        indices: frame numbers from 0.
        rule: `"previous"` or `"next"`, see `fields.FieldStream`.
        transform: function of a `fields.MotionField` to what is kept of it.
        max_pixels: largest frame to accept, in pixels.
        max_frames: largest number of frames in the file to accept.

    Returns:
        List of what is kept.

    Raises:
        VideoError: see `video.read_frames`; also if the codec or the video has no
            motion vectors.
    """
    needed = sorted({*indices, *_neighbours(info, indices, rule)})
    stream = FieldStream(info.path, info.codec, rule)

    def collect(steps, is_whole):
        found = {}

        def keep(fields):
            fields = ((p, field) for p, field in fields if p in indices)
            found.update({p: transform(field) for p, field in fields})
            return found.keys() >= set(indices)

        for step in steps:
            if step.begins:
                stream.begin(at_start=step.position == 0)
            if keep(stream.add(step.position, step.frame)):
                return found
        return found if is_whole and keep(stream.end()) else None

    limits = dict(max_pixels=max_pixels, max_frames=max_frames)
    found = decode_to(info, needed, collect, **limits, options=EXPORT)
    return [found[i] for i in indices]


def _neighbours(info, indices, rule):
    """Frames whose fields those of key frames are taken from."""
    if info.index is None:  # all frames are decoded
        return
    step, last = {"previous": -1, "next": 1}[rule], info.num_frames - 1
    for i in indices:
        if i <= last and info.index.key_before(i).position == i:
            yield min(max(i + step, 0), last)


def _codec_of(path, max_pixels):
    with open_video(path, max_pixels) as (_, stream):
        return stream.codec_context.codec.canonical_name
