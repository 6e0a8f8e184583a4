"""Compressed frames, made by the FFmpeg command line.

The benchmark of the paper is FFmpeg's own JPEG 2000 encoder at q=20 and q=40. The
encoder changed in FFmpeg 8: at the same q it gives 2 to 4 dB more. Between 4.1 and
7.0 the figures stay within 0.3 dB, so other versions are refused.
"""

import dataclasses
import functools
import json
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from offkeras.data.parallel import in_threads
from offkeras.data.restoration import septuplet_files
from offkeras.storage.writing import write_text
from offkeras.video.container import (
    FILES_ONLY,
    MAX_PIXELS,
    VideoError,
    check_packets,
    url,
)

# Arguments of the encoder, ending in the one that takes the quality. All encode in
# 4:2:0 but JPEG 2000, where the benchmark has RGB in tiles of 256 pixels.
CODECS = {
    "jpeg2000": (
        *("-pix_fmt", "rgb24", "-c:v", "jpeg2000"),
        *("-tile_width", "256", "-tile_height", "256", "-q:v"),
    ),
    "h264": ("-pix_fmt", "yuv420p", "-c:v", "libx264", "-crf"),
    "hevc": (
        *("-pix_fmt", "yuv420p", "-c:v", "libx265"),
        *("-x265-params", "log-level=error:pools=none", "-crf"),
    ),
    "mpeg4": ("-pix_fmt", "yuv420p", "-c:v", "mpeg4", "-q:v"),
    "mjpeg": ("-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v"),
}
QUALITIES = {
    "jpeg2000": (1, 255),
    "h264": (0, 51),
    "hevc": (0, 51),
    "mpeg4": (1, 31),
    "mjpeg": (1, 31),
}
QUIET = ("-hide_banner", "-nostats", "-loglevel", "error")
JPEG2000_VERSIONS = (4, 1), (7, 0)  # first and last, inclusive


class FFmpegError(RuntimeError):
    """FFmpeg failed, or is not the FFmpeg that was asked for."""


@dataclasses.dataclass(frozen=True)
class FFmpeg:
    """An FFmpeg program.

    Attributes:
        path: path of the program.
        version: as it reports it, such as `"7.0.2-static"`.
    """

    path: str
    version: str

    @classmethod
    def find(cls, path=None):
        """Finds FFmpeg and asks for its version.

        Args:
            path: the program. Default: the one that imageio-ffmpeg carries.

        Raises:
            FFmpegError: if there is no FFmpeg at `path`.
        """
        if path is None:
            import imageio_ffmpeg

            path = imageio_ffmpeg.get_ffmpeg_exe()
        try:
            output = subprocess.run(
                [path, "-version"], capture_output=True, text=True, check=True
            ).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise FFmpegError(f"{path} is not a working FFmpeg: {error}") from error
        match = re.match(r"ffmpeg version (\S+)", output)
        if not match:
            raise FFmpegError(
                f"Expected {path} -version to begin with 'ffmpeg version'. "
                f"Received: {output[:80]!r}."
            )
        return cls(str(path), match[1])

    def check_jpeg2000(self):
        """Refuses versions whose JPEG 2000 encoder gives another benchmark.

        Raises:
            FFmpegError: if the version is not one of 4.1 to 7.0.
        """
        first, last = JPEG2000_VERSIONS
        match = re.match(r"n?(\d+)\.(\d+)", self.version)
        if not match or not first <= (int(match[1]), int(match[2])) <= last:
            raise FFmpegError(
                "Expected FFmpeg 4.1 to 7.0 for JPEG 2000: 8 and later give 2 to 4 dB "
                f"more at the same q. Received: {self.version} ({self.path}). "
                "imageio-ffmpeg==0.6.0 brings 7.0.2."
            )

    def read(self, video, *, size=None):
        """Yields the frames of a video file.

        Frames come from this program and not from a decoding library, so that a
        dataset has the same bits wherever it is made.

        Args:
            video: path of the file.
            size: `(height, width)` to scale and crop to: the video is scaled
                until it covers the size and cropped in the middle.

        Yields:
            uint8 RGB arrays `(height, width, 3)`.

        Raises:
            FFmpegError: if the file cannot be read to its end.
            VideoError: if its end is missing.
        """
        try:
            check_packets(video, MAX_PIXELS)  # a cut file would end without an error
        except VideoError as error:
            raise FFmpegError(f"FFmpeg failed reading {error}") from error
        safe = ["-max_pixels", str(MAX_PIXELS)]
        for option, value in FILES_ONLY.items():
            safe += [f"-{option}", value]
        command = [self.path, *QUIET, "-xerror", *safe, "-i", url(video)]
        command += ["-map", "0:v:0"]
        if size:
            scale = f"scale={size[1]}:{size[0]}:force_original_aspect_ratio=increase"
            command += ["-vf", f"{scale},crop={size[1]}:{size[0]}"]
        # PPM says the size of every frame; -vsync 0 neither drops nor repeats one.
        command += ["-vsync", "0", "-f", "image2pipe", "-c:v", "ppm"]
        command += ["-pix_fmt", "rgb24", "-"]  # 10 bits a colour become 8
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process,
        ):
            try:
                while (frame := _read_ppm(process.stdout)) is not None:
                    yield frame
            except BaseException:  # also when the caller stops early
                process.kill()
                raise
            process.stdout.close()  # or what is no picture would be waited on for ever
            if process.wait():
                errors.seek(0)
                raise FFmpegError(_failure(f"reading {video}", errors.read()))

    def compress(self, frames, *, codec, quality):
        """Encodes and decodes a clip.

        Args:
            frames: uint8 RGB array `(T, height, width, 3)`.
            codec: `"jpeg2000"`, `"h264"`, `"hevc"`, `"mpeg4"` or `"mjpeg"`.
            quality: the encoder's own scale, higher is worse: -q:v, and -crf for
                H.264 and HEVC.

        Returns:
            The decoded frames, of the same shape, and the size of the encoded
            clip in bytes.

        Raises:
            FFmpegError: if FFmpeg fails.
            ValueError: if the codec is unknown, it has no such quality, or `frames`
                is no clip.
        """
        encoder = _encoder(codec, quality)
        frames = np.asarray(frames)
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
            raise ValueError(
                "Expected frames to be a uint8 array (T, H, W, 3). "
                f"Received: {frames.dtype} {frames.shape}."
            )
        count, height, width, _ = frames.shape
        raw = ("-f", "rawvideo", "-pix_fmt", "rgb24")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "clip.mov")
            task = f"compressing {count} frames of {width}x{height} by {codec}"
            source = (*raw, "-s", f"{width}x{height}", "-r", "25", "-i", "-")
            self._run([*source, *encoder, str(file)], frames.tobytes(), task)
            decoded = self._run(["-i", str(file), "-vsync", "0", *raw, "-"], None, task)
            size = file.stat().st_size
        if len(decoded) != frames.size:
            raise FFmpegError(
                f"Expected {count} frames after {task}. "
                f"Received: {len(decoded) / (height * width * 3):g}."
            )
        return np.frombuffer(decoded, np.uint8).reshape(frames.shape), size

    def _run(self, arguments, data, task):
        # One thread each: clips run in parallel.
        command = [self.path, *QUIET, "-threads", "1", *arguments]
        result = subprocess.run(command, input=data, capture_output=True)
        if result.returncode:
            raise FFmpegError(_failure(task, result.stderr))
        return result.stdout


def _encoder(codec, quality):
    """Arguments of the encoder."""
    if codec not in CODECS:
        raise ValueError(
            f"`codec` must be one of {sorted(CODECS)}. Received: {codec!r}."
        )
    best, worst = QUALITIES[codec]
    if not best <= quality <= worst:
        raise ValueError(
            f"`quality` of {codec} must be in {best}..{worst}. Received: {quality}."
        )
    return [*CODECS[codec], str(quality)]


def _failure(task, errors):
    lines = errors.decode(errors="replace").strip().splitlines()
    return f"FFmpeg failed {task}: {lines[-1] if lines else 'it gave no reason.'}"


def _read_ppm(stream):
    """The next image of a PPM stream, None at its end."""
    if stream.readline() != b"P6\n":
        return None
    width, height = map(int, stream.readline().split())
    stream.readline()  # the largest value, 255
    data = stream.read(width * height * 3)
    if len(data) < width * height * 3:
        return None  # FFmpeg was cut short; its exit status tells why
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)


def degraded_name(codec, quality):
    """Name of the folder of compressed clips, such as `jpeg2000_q40`."""
    return f"{codec}_q{quality}"


def compress_clips(
    root,
    clips,
    *,
    ffmpeg,
    codec,
    quality,
    any_version=False,
    workers=None,
    done=None,
    for_each=None,
):
    """Compresses clips into `<root>/<codec>_q<quality>`, beside `sequences`.

    A killed run goes on where it stopped: every clip appears whole or not at
    all. `manifest.json` in the folder keeps the settings and the version of
    FFmpeg; a folder made with others is refused.

    Args:
        root: folder in the layout of Vimeo-90K, see `septuplet_files`.
        clips: names of clips, such as `"00001/0001"`.
        ffmpeg: an `FFmpeg`.
        codec: see `FFmpeg.compress`.
        quality: see `FFmpeg.compress`.
        any_version: accepts an FFmpeg that `check_jpeg2000` refuses.
        workers: clips compressed at a time. Default: one a processor.
        done: function called after every clip with the number finished so far.
        for_each: function that calls another with every clip, see `beam.for_each`,
            instead of `workers`; `done` is not called.

    Returns:
        The folder of the compressed clips.

    Raises:
        FFmpegError: if FFmpeg fails or has the wrong version.
        ValueError: if a clip cannot be read, or the folder was made with other
            settings.
    """
    if codec == "jpeg2000" and not any_version:
        ffmpeg.check_jpeg2000()
    encoder = _encoder(codec, quality)
    folder = Path(root, degraded_name(codec, quality))
    folder.mkdir(parents=True, exist_ok=True)
    check_manifest(
        folder / "manifest.json",
        {
            "codec": codec,
            "quality": quality,
            "arguments": encoder,
            "ffmpeg": ffmpeg.version,
        },
    )

    compress = functools.partial(
        _compress_clip, root=str(root), ffmpeg=ffmpeg, codec=codec, quality=quality
    )
    for_each = for_each or functools.partial(in_threads, workers=workers, done=done)
    for_each(compress, clips)
    return folder


def _compress_clip(clip, *, root, ffmpeg, codec, quality):
    """Compresses a clip, unless it is there."""
    folder = Path(root, degraded_name(codec, quality), clip)
    if not folder.exists():
        frames = septuplet_files.read_clip(root, septuplet_files.CLEAN, clip)
        frames, _ = ffmpeg.compress(frames, codec=codec, quality=quality)
        septuplet_files.write_clip(folder, frames)


def check_manifest(path, settings):
    """Writes the settings, or compares them with those that were written."""
    if not path.exists():
        write_text(path, json.dumps(settings, indent=2) + "\n")
        return
    before = json.loads(path.read_text("utf-8"))
    if before != settings:
        different = {key for key in settings if before.get(key) != settings[key]}
        raise ValueError(
            f"{path} was made with other settings. "
            + ", ".join(
                f"{key}: expected {before.get(key)}, received {settings[key]}"
                for key in sorted(different)
            )
            + "."
        )
