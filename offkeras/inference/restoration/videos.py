"""Removes compression artifacts from a video, frame by frame."""

import fractions
import pathlib
import shutil

from offkeras.inference.restoration.frames import (
    restore_sources,
    side_by_side,
    split_picture,
)
from offkeras.inference.sources import (
    Camera,
    Isolated,
    Timed,
    iterate_source,
    look_of,
)
from offkeras.storage.writing import written_whole
from offkeras.video import isolated_remux, remux, write_video
from offkeras.video.streams.encoder import Encoder

USUAL = Encoder()
PREVIEW = 10  # seconds


def restore(video, model, *, tile=None, strength=1.0, worth=None):
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
        strength: how much of the correction is added, 0 to 1.
        worth: a `WorthRestoring`, which tells what to leave as it is. Default: every
            frame is restored.

    Yields:
        `(seconds, frame)`: time since the first frame, and uint8 RGB `(H, W, 3)`,
        upright; as many as the video has.

    Raises:
        VideoError: if the video cannot be read to its end, is interlaced or changes
            its size.
        ValueError: if `model` restores no frames or `tile` or `strength` is wrong.

    Example:

    ```python
    for seconds, frame in restore("old.mp4", model):
        ...
    ```
    """
    start = None
    options = dict(tile=tile, strength=strength, worth=worth)
    for source, restored in restore_sources(read_source(video), model, **options):
        start = source.time if start is None else start
        yield float(source.time - start), restored


def restore_file(
    video,
    output,
    model,
    *,
    tile=None,
    strength=1.0,
    worth=None,
    codec=USUAL.codec,
    crf=USUAL.crf,
    preset=USUAL.preset,
    audio=True,
    split=False,
    done=None,
):
    """Writes a restored video that keeps everything but the artifacts.

    Size, time stamps, pixel aspect ratio, colour range and colour matrix stay;
    colours are decoded and encoded by the same matrix. The sound is copied bit by
    bit, and begins as long before or after the picture as it did. Titles,
    languages, default tracks, chapters, and mastering display and light level of a
    high dynamic range stay. A turned or mirrored video is written upright. Odd sizes
    are written in 4:4:4, since there is none in 4:2:0. Colours of more than 8 bits
    become 8. Other streams, such as subtitles, are left out; so are the chapters
    beside sound that Matroska has no name for, such as ADPCM.

    The file appears under its name only once it is complete. Where `worth` leaves every
    frame as it is, the file is a copy of the video, if the names of both end alike and
    the video is not `Isolated`; elsewhere such frames are encoded again.

    An `Isolated` video is decoded, its sound copied and the new file encoded in one
    process with bounds on memory and time, which may write no file: the bytes of
    the new one come from there as data.

    Args:
        video: path of a video file, or an `Isolated` one.
        output: path of the `.mp4`, `.mov` or `.mkv` to write.
        model: a `DnCNN` or an `OFFArtifactRemover`.
        tile: see `restore`.
        strength: see `restore`.
        worth: see `restore`.
        codec: encoder of the pictures, `"libx264"` or `"libx265"`.
        crf: its quality, 0 (of x264: lossless) to 51; lower is better and larger.
            Default: 16 of x264, 20 of x265.
        preset: its effort, `"ultrafast"` to `"veryslow"`.
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
    encoder = Encoder(codec, crf, preset)
    encoder.check()
    isolated = isinstance(video, Isolated)
    reopen = isolated_remux.remux if isolated else remux.remux
    container = remux.CONTAINERS[pathlib.Path(output).suffix.lower()]
    how = dict(container=container, encoder=encoder, audio=audio)
    is_changed = split
    with written_whole(output) as partial:
        with open(partial, "wb") as file, reopen(str(video), file, **how) as opened:
            sources, write = opened
            options = dict(tile=tile, strength=strength, worth=worth)
            pairs = restore_sources(sources, model, **options)
            for count, (source, restored) in enumerate(pairs, start=1):
                is_changed = is_changed or restored is not source.rgb
                picture = split_picture(source.rgb, restored) if split else restored
                write(picture, source)
                if done:
                    done(count)
        if not is_changed and audio and not isolated and _alike(video, output):
            shutil.copyfile(video, partial)  # encoding it again would lose something
    return count


def restore_preview(
    video,
    output,
    model,
    *,
    seconds=PREVIEW,
    tile=None,
    strength=1.0,
    worth=None,
    codec=USUAL.codec,
    crf=USUAL.crf,
    preset=USUAL.preset,
    done=None,
):
    """Writes the beginning of a video, before and after side by side, without sound.

    Args:
        video: path of a video file, or an `Isolated` one.
        output: path of the `.mp4`, `.mov` or `.mkv` to write.
        model: a `DnCNN` or an `OFFArtifactRemover`.
        seconds: how much of it.
        tile: see `restore`.
        strength: see `restore`.
        worth: see `restore`.
        codec: see `restore_file`.
        crf: see `restore_file`.
        preset: see `restore_file`.
        done: see `restore_file`.

    Returns:
        The number of frames.

    Raises:
        VideoError: see `restore`.
        ValueError: if an argument is wrong.
    """
    _check_output(video, output)
    encoder = Encoder(codec, crf, preset)
    encoder.check()
    if not seconds > 0:
        raise ValueError(f"Expected `seconds` to be above 0. Received: {seconds}.")
    options = dict(tile=tile, strength=strength, worth=worth)
    timed = Timed(video)
    sources = _beginning(read_source(video), seconds)
    count = 0

    def pictures():
        nonlocal count
        for source, restored in restore_sources(sources, model, **options):
            timed.times.append(float(source.time))
            yield side_by_side(source.rgb, restored)
            count += 1
            if done:
                done(count)

    write_video(
        output,
        pictures(),
        times=timed.take_times(),
        codec=encoder.codec,
        options=encoder.options(),
        **look_of(video)._asdict(),
    )
    return count


def _beginning(sources, seconds):
    """The `SourceFrame`s of the first seconds, whose clock begins at 0."""
    start = None
    for source in sources:
        start = source.time if start is None else start
        if source.time - start >= seconds:
            return
        yield source._replace(time=source.time - start)


def _alike(video, output):
    """Whether the names of two files end alike."""
    suffixes = (pathlib.Path(path).suffix.lower() for path in (video, output))
    return len(set(suffixes)) == 1


def _check_output(video, output):
    video, output = pathlib.Path(str(video)), pathlib.Path(output)
    if output.suffix.lower() not in remux.CONTAINERS:
        raise ValueError(
            f"Expected `output` to end in one of {', '.join(remux.CONTAINERS)}. "
            f"Received: {output}."
        )
    if output.exists() and video.exists() and output.samefile(video):
        raise ValueError(
            f"Expected `output` to be another file than the video. Received: {output}."
        )


def read_source(video):
    """Yields the `SourceFrame`s of a video, of a folder or of a camera."""
    if isinstance(video, Isolated):
        yield from isolated_remux.read_source(video.path)
        return
    if not isinstance(video, (int, Camera)) and not pathlib.Path(video).is_dir():
        yield from remux.read_source(video)
        return
    for seconds, rgb in iterate_source(video):
        time = fractions.Fraction(seconds)
        yield remux.SourceFrame(time, fractions.Fraction(0), rgb, None, None)
