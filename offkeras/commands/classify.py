"""`offkeras classify`."""

from offkeras.commands.jobs.batch import add_model, add_videos, make_jobs, run_jobs
from offkeras.commands.jobs.results import SUFFIXES, ResultFiles, add_results
from offkeras.commands.jobs.still import Skipped, add_skip_still
from offkeras.inference.progress import clear, counted

WINDOW = {"segments": 7, "interval": None, "hop": None}  # where nobody says


def add_parser(commands):
    """Adds the command."""
    parser = commands.add_parser(
        "classify",
        help="label the actions in videos",
        description="Tells the action in every window of a video, in every shot, or of "
        "a video as a whole, as text, JSON lines, CSV or an annotated video.",
        epilog="example: offkeras classify walk.mp4 --output out.mp4",
    )
    add_videos(parser)
    add_model(parser, default="moving_camera")
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument(
        "--whole", action="store_true", help="one label per video, from 25 segments"
    )
    parts.add_argument(
        "--shots",
        action="store_true",
        help="a list of shots: cuts are found, and each shot gets a label, or several "
        "where its label changes for good",
    )
    parser.add_argument(
        "--smooth",
        type=float,
        help="with --shots: seconds over which the probabilities of windows are "
        "averaged before their labels are compared (default: 1)",
    )
    parser.add_argument(
        "--shortest",
        type=float,
        help="with --shots: seconds that a label must last, or what has it goes to a "
        "neighbour (default: 1)",
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
    add_skip_still(parser)
    parser.add_argument("--output", help="annotated mp4 to write, or folder of them")
    add_results(parser)
    parser.set_defaults(run=run)


def run(arguments):
    """Classifies every video."""
    from offkeras import inference
    from offkeras.models.task import OFF_OUTPUTS

    _check_useless(arguments)
    jobs = make_jobs(arguments, {**SUFFIXES, "output": ".mp4"})
    files = ResultFiles(arguments, "shots" if arguments.shots else "classify")
    trained = inference.trained_model(arguments.model, "recognizer")
    shot_options = _shot_options(arguments, trained) if arguments.shots else None
    recognizer = trained.load()
    names = trained.class_names or [
        str(label) for label in range(recognizer.output[OFF_OUTPUTS[-1]].shape[-1])
    ]

    quiet = bool(arguments.json or arguments.csv)

    def work(job):
        if job.number and not quiet:
            print(job.source)
        skipped = Skipped("segments")
        with files.open(job) as write:

            def report(prediction):
                write(inference.action_row(job.source, prediction, names))
                skipped.add(prediction.repeated)
                if not quiet:
                    _print(prediction, names)

            if arguments.shots:
                found = inference.shots(job.source, recognizer, **shot_options)
                _report_shots(job, found, write, names, quiet)
            elif arguments.whole:
                segments = {"total_segments": arguments.segments or 25}
                report(inference.classify_video(job.source, recognizer, **segments))
            else:
                window = _window(arguments, trained.defaults)
                stream = inference.classify_frames(
                    job.timed, recognizer, skip_still=arguments.skip_still, **window
                )
                stream = _reported(counted(stream, job.bar()), report)
                job.show(inference.draw_predictions, stream, names)
        if arguments.skip_still is not None:
            skipped.tell(job.source)

    run_jobs(jobs, work)


def _check_useless(arguments):
    """Refuses options that the way of classifying has no use for."""
    way, useless = "classify without --shots", ("smooth", "shortest")
    if arguments.whole:
        way = "--whole"
        useless += ("interval", "hop", "output", "isolated", "skip_still")
    if arguments.shots:
        way, useless = "--shots", ("hop", "output", "skip_still")
    for option in useless:
        if getattr(arguments, option) not in (None, False):
            name = option.replace("_", "-")
            raise ValueError(f"{way} has no use for --{name}.")


def _shot_options(arguments, trained):
    """Options of `inference.shots`."""
    options = _window(arguments, trained.defaults)
    del options["hop"]
    if options["interval"] is None:
        raise ValueError(
            f"Expected --interval with --shots: the model {arguments.model} does not "
            "say how far apart the frames are that it was trained on."
        )
    for name in ("smooth", "shortest"):
        if getattr(arguments, name) is not None:
            options[name] = getattr(arguments, name)
    return options


def _report_shots(job, shots, write, names, quiet):
    """Writes the shots of a video, or prints them as well."""
    from offkeras import inference

    heading = "shot  start        end          confidence  label"
    for shot in shots:
        write(inference.shot_row(job.source, shot, names))
        if quiet:
            continue
        if heading:
            print(heading)
            heading = None
        told = (" " * 10, f"({shot.reason})")
        if shot.label is not None:
            told = (f"{shot.confidence:10.1%}", names[shot.label])
        print(
            f"{shot.number:4}  {_clock(shot.start)}  {_clock(shot.end)}",
            *told,
            sep="  ",
            flush=True,
        )


def _clock(seconds):
    """Seconds as h:mm:ss.mmm."""
    minutes, milliseconds = divmod(round(1000 * seconds), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{milliseconds / 1000:06.3f}"


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
