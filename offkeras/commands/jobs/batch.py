"""One video or many: what to read, what to write, what went wrong."""

import collections
import dataclasses
import functools
import math
import os
import pathlib
import sys
import typing

from offkeras.inference.progress import progress_bar
from offkeras.video.search import IMAGE_SUFFIXES, find_videos

# Of annotated videos; the usual effort takes several times as long.
LOOKED_AT = {"preset": "veryfast"}
ERRORS = (ValueError, OSError, RuntimeError)  # of bad input, told in one sentence


@dataclasses.dataclass(frozen=True)
class Job:
    """A video and the files to write for it.

    Attributes:
        source: path of a video or of a folder of images, or a `Camera`.
        outputs: dict of paths by option, such as `"json"`.
        number: place among all jobs, such as `"[2/7] "`; empty where there is one.
    """

    source: typing.Any
    outputs: dict
    number: str

    def bar(self, seconds=None):
        """The progress bar of this video, see `progress_bar`.

        Args:
            seconds: how much of it is used. Default: all.
        """
        from offkeras.inference import sources

        total = None
        if sys.stderr.isatty():  # counting the frames takes a look at the whole file
            total, fps = sources.measure(self.source)
            if seconds is not None:
                total = min(total, math.ceil(seconds * fps))
        return progress_bar(total, self.number)

    @functools.cached_property
    def timed(self):
        """The source, for `show`: it keeps the times of frames that are drawn."""
        from offkeras.inference.sources import Timed

        return Timed(self.source) if "output" in self.outputs else self.source

    def show(self, draw, stream, names):
        """Uses a stream up, drawn into the video to write, if there is one.

        Args:
            draw: function of the stream and the names to pictures.
            stream: frames of `timed` with what was found in them.
            names: of the classes.
        """
        from offkeras import data
        from offkeras.inference.sources import look_of

        if "output" not in self.outputs:
            collections.deque(stream, maxlen=0)
            return
        data.write_video(
            self.outputs["output"],
            draw(stream, names),
            options=LOOKED_AT,
            times=self.timed.take_times(),
            **look_of(self.source)._asdict(),
        )


def add_videos(parser, *, cameras=True):
    """The arguments that every command over videos has."""
    text = "video, folder of videos, folder of images"
    if cameras:
        text += ", or number of a camera"
        parser.add_argument(
            "--seconds", type=float, help="how long to look at a camera (default: on)"
        )
    parser.add_argument(
        "--isolated",
        action="store_true",
        help="read videos in a process with bounds on memory and time, for files that "
        "nobody vouches for",
    )
    parser.add_argument("videos", nargs="+", metavar="VIDEO", help=text)


def add_model(parser, *, default):
    """The option for the model that a command asks."""
    parser.add_argument(
        "--model",
        default=default,
        help="name of a trained model, output folder of a training, or .keras file "
        f"(default: {default})",
    )


def make_jobs(arguments, suffixes):
    """The videos of a command line, each with the files to write for it.

    Args:
        arguments: with `videos`, `isolated`, the options of `suffixes`, and
            `seconds` where `add_videos` has made it.
        suffixes: dict from an option to the suffix of its files, or a function from
            the source to it. With one video an option names a file, with several,
            or a folder of videos, a folder that gets a file per video.

    Returns:
        A list of `Job`s.

    Raises:
        ValueError: if a folder holds no video, two videos have one name, or what
            cannot be isolated shall be.
    """
    sources = [pair for name in arguments.videos for pair in _find(name, arguments)]
    folders = [name for name in arguments.videos if _is_folder_of_videos(name)]
    several = len(sources) > 1 or bool(folders)
    jobs, owners = [], {}
    for number, (source, stem) in enumerate(sources, start=1):
        outputs = {}
        for option, suffix in suffixes.items():
            value = getattr(arguments, option)
            if value is None or (value == "-" and option != "output"):
                continue
            path = pathlib.Path(value)
            if several and path.is_file():
                raise ValueError(
                    f"Expected --{option} to be a folder, for several videos. "
                    f"Received: {path}, a file."
                )
            for folder in folders if option == "output" else ():
                if path.resolve().is_relative_to(pathlib.Path(folder).resolve()):
                    raise ValueError(
                        f"Expected --output outside {folder}, or what is written "
                        f"becomes input. Received: {path}."
                    )
            if several or path.is_dir():
                suffix = suffix(source) if callable(suffix) else suffix
                path = path / f"{stem}{suffix}"
            if os.path.exists(path) and _is_file(source, path):
                raise ValueError(
                    f"Expected `{option}` to be another file than the video. "
                    f"Received: {path}."
                )
            if path in owners:
                raise ValueError(
                    f"{owners[path]} and {source} would both be written to {path}."
                )
            owners[path] = source
            outputs[option] = path
        prefix = f"[{number}/{len(sources)}] " if several else ""
        jobs.append(Job(source, outputs, prefix))
    return jobs


def run_jobs(jobs, work):
    """Does the work of every job. One broken video does not stop the others.

    In a batch, jobs whose outputs exist are skipped.

    Args:
        jobs: what `make_jobs` returns.
        work: function of a `Job`.

    Raises:
        SystemExit: with status 1, if a video of several failed, after all others.
    """
    if not jobs[0].number:
        work(jobs[0])
        return
    problems, finished = [], 0
    for job in jobs:
        paths = job.outputs.values()
        if paths and all(map(os.path.exists, paths)):  # no error, as of names too long
            finished += 1
            continue
        try:
            work(job)
        except BrokenPipeError:  # of whoever reads along, no matter of this video
            raise
        except ERRORS as error:
            text = str(error)
            if not text.startswith(str(job.source)):
                text = f"{job.source}: {text}"
            problems.append(text)
    done = len(jobs) - finished - len(problems)
    print(
        f"{len(jobs)} videos: {done} done, {finished} done before, "
        f"{len(problems)} failed{':' if problems else '.'}",
        *problems,
        sep="\n  ",
        file=sys.stderr,
    )
    if problems:
        sys.exit(1)


def _is_file(source, path):
    return os.path.exists(str(source)) and path.samefile(str(source))


def _find(name, arguments):
    """Pairs of a source and the name of its files, without a suffix."""
    from offkeras.inference.sources import Camera, Isolated

    path = pathlib.Path(name)
    if name == "-":
        raise ValueError(
            "Expected the path of a video: none is read from the standard input. "
            "Received: -."
        )
    is_camera = "seconds" in arguments and name.isdecimal() and not path.exists()
    holds_videos = _is_folder_of_videos(name)
    if arguments.isolated and (is_camera or (path.is_dir() and not holds_videos)):
        raise ValueError(f"--isolated is for video files. Received: {name}.")
    if is_camera:
        if arguments.seconds is not None and not arguments.seconds > 0:
            raise ValueError(
                f"Expected --seconds to be above 0. Received: {arguments.seconds}."
            )
        return [(Camera(int(name), arguments.seconds), f"camera{name}")]
    if getattr(arguments, "seconds", None) is not None:
        raise ValueError(f"--seconds is for cameras. Received: {name}.")
    source_type = Isolated if arguments.isolated else str
    if not holds_videos:
        return [(name, path.name) if path.is_dir() else (source_type(name), path.stem)]
    return [
        (source_type(str(video)), str(video.relative_to(path).with_suffix("")))
        for video in find_videos(path, below=True)
    ]


def _is_folder_of_videos(name):
    """Whether a folder, or one within it, holds videos; else it must be of images."""
    path = pathlib.Path(name)
    if not path.is_dir():
        return False
    suffixes = {p.suffix.lower() for p in path.iterdir() if p.name[0] != "."}
    has_images = not suffixes.isdisjoint(IMAGE_SUFFIXES)
    has_videos = bool(find_videos(path, below=True))
    if has_videos and has_images:
        raise ValueError(
            f"Expected a folder of videos or a folder of images. Received: {name}, "
            "which holds both."
        )
    if not has_videos and not has_images:
        raise ValueError(f"Expected videos or images in {name}. Found none.")
    return has_videos
