"""`offkeras classify`."""

from offkeras.commands.jobs.batch import add_videos, make_jobs, run_jobs
from offkeras.commands.jobs.results import SUFFIXES, ResultFiles, add_results
from offkeras.inference.progress import clear, counted

WINDOW = {"segments": 7, "interval": None, "hop": None}  # where nobody says


def add_parser(commands):
    """Adds the command."""
    parser = commands.add_parser(
        "classify",
        help="label the actions in videos",
        description="Tells the action in every window of a video, or of a video as a "
        "whole, as text, JSON lines, CSV or an annotated video.",
        epilog="example: offkeras classify walk.mp4 --output out.mp4",
    )
    add_videos(parser)
    parser.add_argument(
        "--model",
        default="moving_camera",
        help="name of a trained model, output folder of a training, or .keras file "
        "(default: moving_camera)",
    )
    parser.add_argument(
        "--whole", action="store_true", help="one label per video, from 25 segments"
    )
    parser.add_argument(
        "--segments", type=int, help="frames in a window (default: the model's, or 7)"
    )
    parser.add_argument(
        "--interval",
        type=int,
        help="distance between them in frames (default: the model's, or a 25th of "
        "the video)",
    )
    parser.add_argument(
        "--hop",
        type=int,
        help="frames from window to window (default: the model's, or half a window)",
    )
    parser.add_argument("--output", help="annotated mp4 to write, or folder of them")
    add_results(parser)
    parser.set_defaults(run=run)


def run(arguments):
    """Classifies every video."""
    from offkeras import inference
    from offkeras.models.task import OFF_OUTPUTS

    useless = ("interval", "hop", "output", "isolated") if arguments.whole else ()
    for option in useless:
        if getattr(arguments, option) not in (None, False):
            raise ValueError(f"--whole has no use for --{option}.")
    jobs = make_jobs(arguments, {**SUFFIXES, "output": ".mp4"})
    files = ResultFiles(arguments, "classify")
    trained = inference.trained_model(arguments.model, "recognizer")
    recognizer = trained.load()
    names = trained.class_names or [
        str(label) for label in range(recognizer.output[OFF_OUTPUTS[-1]].shape[-1])
    ]

    quiet = bool(arguments.json or arguments.csv)

    def work(job):
        if job.number and not quiet:
            print(job.source)
        with files.open(job) as write:

            def report(prediction):
                write(inference.action_row(job.source, prediction, names))
                if not quiet:
                    _print(prediction, names)

            if arguments.whole:
                segments = {"total_segments": arguments.segments or 25}
                report(inference.classify_video(job.source, recognizer, **segments))
            else:
                window = _window(arguments, trained.defaults)
                stream = inference.classify_frames(job.timed, recognizer, **window)
                stream = _reported(counted(stream, job.bar()), report)
                job.show(inference.draw_predictions, stream, names)

    run_jobs(jobs, work)


def _window(arguments, defaults):
    """What the command line says, else the model, else the library."""
    window = {**WINDOW, **defaults}
    for option in WINDOW:
        if getattr(arguments, option) is not None:
            window[option] = getattr(arguments, option)
    window["num_segments"] = window.pop("segments")
    return window


def _reported(stream, report):
    for frame, prediction in stream:
        if prediction is not None:
            report(prediction)
        yield frame, prediction


def _print(prediction, names):
    clear()
    print(
        f"{prediction.timestamp:8.2f} s  {prediction.confidence:6.1%}  "
        f"{names[prediction.label]}"
    )
