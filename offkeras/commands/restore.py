"""`offkeras restore`."""

import pathlib
import time

from offkeras.commands._batch import add_videos, make_jobs, run_jobs

CONTAINERS = {".mkv": ".mkv", ".webm": ".mkv", ".mov": ".mov"}  # all others: .mp4


def add_parser(commands):
    """Adds the command."""
    parser = commands.add_parser(
        "restore",
        help="remove compression artifacts from videos",
        description="Writes videos in H.264 with fewer compression artifacts; size, "
        "time stamps, colours and sound stay. Of several videos those that are there "
        "already are passed over.",
        epilog="example: offkeras restore old.mp4 --model mpeg4_low --output new.mp4",
    )
    add_videos(parser, cameras=False)
    parser.add_argument(
        "--model",
        required=True,
        help="name of a trained model (jpeg2000_q40, mpeg4_low ...), output folder of "
        "a training, or .keras file",
    )
    parser.add_argument(
        "--output",
        required=True,
        help="mp4, mov or mkv to write; folder for several videos, or of PNG files for "
        "a folder of images",
    )
    parser.add_argument(
        "--tile",
        type=int,
        help="largest side of the part restored at a time, in pixels "
        "(default: what fits into 4 GiB)",
    )
    parser.add_argument(
        "--crf", type=int, default=14, help="quality of x264 (default: 14)"
    )
    parser.add_argument("--no-audio", action="store_true", help="leave the sound out")
    parser.add_argument(
        "--split", action="store_true", help="left half as it was, right half restored"
    )
    parser.set_defaults(run=run)


def run(arguments):
    """Restores every video."""
    from offkeras import inference

    jobs = make_jobs(arguments, {"output": _suffix})
    model = inference.trained_model(arguments.model, "model").load()
    common = dict(tile=arguments.tile, split=arguments.split)

    def work(job):
        start, output = time.perf_counter(), job.outputs["output"]
        if pathlib.Path(str(job.source)).is_dir():
            count = inference.restore_images(
                job.source, output, model, done=job.bar(), **common
            )
        else:
            count = inference.restore_file(
                job.source,
                output,
                model,
                crf=arguments.crf,
                audio=not arguments.no_audio,
                done=job.bar(),
                **common,
            )
        seconds = time.perf_counter() - start
        print(
            f"{output}: {count} frames in {seconds:.1f} s, "
            f"{count / seconds:.2f} frames/s"
        )

    run_jobs(jobs, work)


def _suffix(source):
    """That of the file to write: a container that can hold the sound."""
    path = pathlib.Path(str(source))
    return "" if path.is_dir() else CONTAINERS.get(path.suffix.lower(), ".mp4")
