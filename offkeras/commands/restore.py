"""`offkeras restore`."""

import argparse
import pathlib
import time

from offkeras.commands.jobs.batch import add_videos, make_jobs, run_jobs
from offkeras.video.streams.encoder import CRF, MOST_CRF, PRESETS, Encoder

CONTAINERS = {".mkv": ".mkv", ".webm": ".mkv", ".mov": ".mov"}  # all others: .mp4
USUAL = Encoder()


def add_parser(commands):
    """Adds the command."""
    parser = commands.add_parser(
        "restore",
        help="remove compression artifacts from videos",
        description="Writes videos with fewer compression artifacts; size, "
        "time stamps, colours and sound stay. Of several videos those that are there "
        "already are passed over.",
        epilog="example: offkeras restore old.mp4 --output new.mp4",
    )
    add_videos(parser, cameras=False)
    parser.add_argument(
        "--model",
        help="name of a trained model (jpeg2000_q40, mpeg4_low ...), output folder of "
        "a training, or .keras file (default: the one that comes along for the codec "
        "of the video)",
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
        "--strength",
        type=float,
        default=1.0,
        help="how much of the correction is added, 0 to 1 (default: 1)",
    )
    parser.add_argument(
        "--if-better",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="leave frames as they are that are compressed less, or more, than the "
        "model is for, where the decoder tells (default: on)",
    )
    parser.add_argument(
        "--codec",
        choices=list(CRF),
        default=USUAL.codec,
        help=f"encoder of the new file (default: {USUAL.codec})",
    )
    usual = ", ".join(f"{crf} of {codec}" for codec, crf in CRF.items())
    parser.add_argument(
        "--crf",
        type=int,
        help=f"its quality, 0 to {MOST_CRF}; lower is better and larger (default: "
        f"{usual})",
    )
    parser.add_argument(
        "--preset",
        choices=PRESETS,
        default=USUAL.preset,
        help=f"its effort (default: {USUAL.preset})",
    )
    parser.add_argument("--no-audio", action="store_true", help="leave the sound out")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument(
        "--split", action="store_true", help="left half as it was, right half restored"
    )
    shown.add_argument(
        "--preview",
        action="store_true",
        help="write the first ten seconds alone, before and after side by side",
    )
    parser.set_defaults(run=run)


def run(arguments):
    """Restores every video."""
    from offkeras import inference

    jobs = make_jobs(arguments, {"output": _suffix})
    if arguments.preview and any(map(_is_folder, jobs)):
        raise ValueError("--preview is for video files, not for folders of images.")
    if not arguments.model and any(map(_is_folder, jobs)):
        raise ValueError("A folder of images needs --model: a picture names no codec.")
    given = arguments.model and inference.trained_model(arguments.model, "model")
    loaded = {}

    def work(job):
        start, output = time.perf_counter(), job.outputs["output"]
        trained = given or inference.restorer_for(job.source)
        if not given:
            print(f"{job.source}: {trained.path.parent.name} restores it")
        worth = None
        if arguments.if_better:
            worth = inference.WorthRestoring(trained.defaults.get("quantisers"))
        if trained.path not in loaded:
            loaded[trained.path] = trained.load()
        count = _restore(arguments, job, loaded[trained.path], worth)
        seconds = time.perf_counter() - start
        print(
            f"{output}: {count} frames in {seconds:.1f} s, "
            f"{count / seconds:.2f} frames/s"
        )
        if worth and (summary := worth.summary()):
            print(f"{output}: {summary}")

    run_jobs(jobs, work)


def _restore(arguments, job, model, worth):
    """Writes what a job asks for; the number of frames."""
    from offkeras import inference
    from offkeras.inference.restoration.videos import PREVIEW

    output = job.outputs["output"]
    options = dict(tile=arguments.tile, strength=arguments.strength, worth=worth)
    coding = dict(codec=arguments.codec, crf=arguments.crf, preset=arguments.preset)
    if arguments.preview:
        options |= dict(done=job.bar(PREVIEW), **coding)
        return inference.restore_preview(job.source, output, model, **options)
    options |= dict(split=arguments.split, done=job.bar())
    if _is_folder(job):
        return inference.restore_images(job.source, output, model, **options)
    options |= dict(audio=not arguments.no_audio, **coding)
    return inference.restore_file(job.source, output, model, **options)


def _is_folder(job):
    return pathlib.Path(str(job.source)).is_dir()


def _suffix(source):
    """That of the file to write: a container that can hold the sound."""
    path = pathlib.Path(str(source))
    return "" if path.is_dir() else CONTAINERS.get(path.suffix.lower(), ".mp4")
