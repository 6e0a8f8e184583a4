"""Removes compression artifacts from a video, frame by frame."""

import collections
import fractions
import functools
import itertools
import pathlib
import shutil

import tensorflow as tf

from offkeras.data._container import written_whole
from offkeras.inference import _isolated_remux, _remux, _tiles
from offkeras.inference.sources import Camera, Isolated, find_images, iterate_source
from offkeras.models.artifact_removal import target_index
from offkeras.models.artifact_streaming import streaming

CRF = 14  # of x264: 18 is said to look lossless


def restore(video, model, *, tile=None):
    """Restores every frame of a video.

    Memory does not grow with the length of the video. Before its first and after
    its last frame the video is continued by repeating that frame.

    A frame of up to 2**19 pixels is restored whole, and passes through the head of
    an `OFFArtifactRemover` once. A larger one is restored in overlapping tiles,
    which leave no seam: the result is that of the whole frame. The state that
    spares the head is not kept then (of three frames it is 780 bytes a pixel,
    1.6 GB for 1920x1080), so that memory depends on the tile alone.

    Args:
        video: path of a video file, whose colours of more than 8 bits are rounded
            to 8, or of a folder of images, a `Camera` or its number, or an
            `Isolated` file, see `iterate_source`.
        model: a `DnCNN` or an `OFFArtifactRemover`.
        tile: largest height and width of a tile in pixels. Default: as above.

    Yields:
        `(seconds, frame)`: time since the first frame, and uint8 RGB `(H, W, 3)`,
        upright; as many as the video has.

    Raises:
        VideoError: if the video cannot be read to its end, is interlaced or changes
            its size.
        ValueError: if `model` restores no frames or `tile` is not positive.

    Example:

    ```python
    for seconds, frame in restore("old.mp4", model):
        ...
    ```
    """
    start = None
    for source, restored in _restored(_read_source(video), model, tile):
        start = source.time if start is None else start
        yield float(source.time - start), restored


def restore_file(
    video, output, model, *, tile=None, crf=CRF, audio=True, split=False, done=None
):
    """Writes a restored video that keeps everything but the artifacts.

    Size, time stamps, pixel aspect ratio, colour range and colour matrix stay;
    colours are decoded and encoded by the same matrix. The sound is copied bit by
    bit. A rotated video is written upright. Odd sizes are written in 4:4:4, since
    H.264 has none in 4:2:0. Colours of more than 8 bits become 8. Other streams,
    such as subtitles, are left out.

    The file appears under its name only once it is complete.

    An `Isolated` video is decoded, its sound copied and the new file encoded in one
    process with bounds on memory and time, which may write no file: the bytes of
    the new one come from there as data.

    Args:
        video: path of a video file, or an `Isolated` one.
        output: path of the `.mp4`, `.mov` or `.mkv` to write, in H.264.
        model: a `DnCNN` or an `OFFArtifactRemover`.
        tile: see `restore`.
        crf: quality of x264, 0 (lossless) to 51.
        audio: whether to copy the sound.
        split: leaves the left half of the picture as it was, to compare.
        done: function called after every frame with the number written so far.

    Returns:
        The number of frames.

    Raises:
        VideoError: see `restore`.
            Also if the container cannot hold the sound.
        ValueError: if an argument is wrong.

    Example:

    ```python
    restore_file("old.mp4", "new.mp4", model, done=print)
    ```
    """
    _check_output(video, output)
    if not 0 <= crf <= 51:
        raise ValueError(f"Expected `crf` to be 0 to 51. Received: {crf}.")
    isolated = isinstance(video, Isolated)
    remux = _isolated_remux.remux if isolated else _remux.remux
    container = _remux.CONTAINERS[pathlib.Path(output).suffix.lower()]
    with (
        written_whole(output) as partial,
        open(partial, "wb") as file,
        remux(str(video), file, container=container, crf=crf, audio=audio) as opened,
    ):
        sources, write = opened
        pairs = _restored(sources, model, tile)
        for count, (source, restored) in enumerate(pairs, start=1):
            write(_split(source.rgb, restored) if split else restored, source)
            if done:
                done(count)
    return count


def restore_images(folder, output, model, *, tile=None, split=False, done=None):
    """Writes the restored images of a folder, as PNG files of the same names.

    The new folder appears under its name only once it is complete.

    Args:
        folder: folder of images, see `iterate_source`.
        output: folder to make.
        model: a `DnCNN` or an `OFFArtifactRemover`.
        tile: see `restore`.
        split: see `restore_file`.
        done: see `restore_file`.

    Returns:
        The number of images.

    Raises:
        VideoError: see `iterate_source`.
        ValueError: if `output` exists, or two images differ in their suffix alone.
    """
    import PIL.Image

    output = pathlib.Path(output)
    names = [f"{path.stem}.png" for path in find_images(folder)]
    if len(set(names)) < len(names):
        raise ValueError(f"Expected images of {folder} to differ before the dot.")
    if output.exists():
        raise ValueError(f"Expected `output` to be a new folder. Received: {output}.")
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        stream = zip(names, _restored(_read_source(folder), model, tile), strict=True)
        for count, (name, (source, restored)) in enumerate(stream, start=1):
            image = _split(source.rgb, restored) if split else restored
            PIL.Image.fromarray(image).save(partial / name)
            if done:
                done(count)
        partial.rename(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return count


def _check_output(video, output):
    video, output = pathlib.Path(str(video)), pathlib.Path(output)
    if output.suffix.lower() not in _remux.CONTAINERS:
        raise ValueError(
            f"Expected `output` to end in one of {', '.join(_remux.CONTAINERS)}. "
            f"Received: {output}."
        )
    if output.exists() and video.exists() and output.samefile(video):
        raise ValueError(
            f"Expected `output` to be another file than the video. Received: {output}."
        )


def _split(before, after):
    """The left half as it was, the right half restored, a white line between."""
    middle = after.shape[1] // 2
    frame = after.copy()
    frame[:, :middle] = before[:, :middle]
    frame[:, max(middle - 1, 0) : middle + 1] = 255
    return frame


def _restored(sources, model, tile):
    """Yields every `SourceFrame` with its restoration."""
    _check_model(model)
    # The restoration may be a frame ahead: that one frame waits in the tee.
    sources, ahead = itertools.tee(sources)
    restored = _restore_frames((source.rgb for source in ahead), model, tile)
    return zip(sources, restored, strict=True)


def _read_source(video):
    """Yields the `SourceFrame`s of a video, of a folder or of a camera."""
    if isinstance(video, Isolated):
        yield from _isolated_remux.read_source(video.path)
        return
    if not isinstance(video, (int, Camera)) and not pathlib.Path(video).is_dir():
        yield from _remux.read_source(video)
        return
    for seconds, rgb in iterate_source(video):
        time = fractions.Fraction(seconds)
        yield _remux.SourceFrame(time, fractions.Fraction(0), rgb, None, None)


def _check_model(model):
    outputs = model.output if isinstance(model.output, dict) else {}
    if "restored" not in outputs or model.inputs[0].name != "frames":
        raise ValueError(
            "Expected `model` to be a DnCNN or an OFFArtifactRemover, from 'frames' "
            f"to 'restored'. Received: {model.name!r}."
        )


def _restore_frames(frames, model, tile):
    """Yields the restoration of every frame, uint8 `(H, W, 3)`."""
    first, frames = _peek(frames)
    height, width = first.shape[:2]
    radius = _tiles.receptive_radius(model)
    tiles = _tiles.make_tiles(height, width, radius, tile)
    num_frames = model.inputs[0].shape[1]
    if num_frames > 1 and len(tiles) == 1:
        yield from _stream(frames, model, num_frames)
    else:
        yield from _restore_windows(frames, model, num_frames, tiles)


def _stream(frames, model, num_frames):
    """Restores whole frames: one head and one tail each."""
    start, step = _stream_functions(model)
    first, frames = _peek(frames)
    state = start(first[None])
    if num_frames == 3:  # a step restores the frame before
        frames = itertools.islice(_continue(frames, 0, 1), 1, None)
    for frame in frames:
        restored, state = step(frame[None], state)
        yield restored[0].numpy()


@functools.lru_cache(maxsize=1)  # many videos, one tracing
def _stream_functions(model):
    """`start` and `step` as graphs of uint8 frames."""
    start, step = streaming(model)

    @tf.function(autograph=False)
    def first_state(frame):
        return start({"frame": tf.cast(frame, tf.float32)}, training=False)

    @tf.function(autograph=False)
    def next_state(frame, state):
        inputs = {"frame": tf.cast(frame, tf.float32), **state}
        outputs = step(inputs, training=False)
        restored = _to_uint8(outputs["restored"])
        return restored, {key: outputs[key] for key in state}

    return first_state, next_state


def _restore_windows(frames, model, num_frames, tiles):
    """Restores from sliding windows of frames, tile by tile."""
    restored = _window_function(model)
    before = target_index(num_frames)
    window = collections.deque(maxlen=num_frames)
    for frame in _continue(frames, before, num_frames - 1 - before):
        window.append(frame)
        if len(window) == num_frames:
            yield _tiles.restore_tiled(restored, window, tiles)


@functools.lru_cache(maxsize=1)
def _window_function(model):
    """The model as a graph from uint8 clips to the restored frames."""
    signature = tf.TensorSpec((1, model.inputs[0].shape[1], None, None, 3), tf.uint8)

    @tf.function(autograph=False, input_signature=[signature])
    def restored(clips):
        outputs = model({"frames": tf.cast(clips, tf.float32)}, training=False)
        return _to_uint8(outputs["restored"])

    return restored


def _continue(frames, before, after):
    """Continues a video by repeats of its first and of its last frame."""
    frame, frames = _peek(frames)
    yield from itertools.repeat(frame, before)
    for frame in frames:  # noqa: B007  the last one is repeated
        yield frame
    yield from itertools.repeat(frame, after)


def _peek(iterator):
    """The first element, and the iterator with it."""
    iterator = iter(iterator)
    first = next(iterator)
    return first, itertools.chain([first], iterator)


def _to_uint8(images):
    return tf.cast(tf.round(tf.clip_by_value(images, 0, 255)), tf.uint8)
