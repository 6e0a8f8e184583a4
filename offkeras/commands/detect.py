"""`offkeras detect`."""

from offkeras.commands.jobs.batch import add_model, add_videos, make_jobs, run_jobs
from offkeras.commands.jobs.results import SUFFIXES, ResultFiles, add_results
from offkeras.commands.jobs.still import Skipped, add_skip_still
from offkeras.inference.progress import counted


def add_parser(commands):
    """Adds the command."""
    parser = commands.add_parser(
        "detect",
        help="find the objects in every frame of videos, and follow them",
        description="Finds objects, links them from frame to frame by their overlap, "
        "and writes boxes and tracks as JSON lines, CSV or an annotated video.",
        epilog="example: offkeras detect street.mp4 --model runs/vid --output out.mp4",
    )
    add_videos(parser)
    add_model(parser, default="movers")
    parser.add_argument(
        "--size",
        type=int,
        nargs=2,
        metavar=("SHORT", "LONG"),
        help="sides that frames are scaled to, as in training (default: the model's, "
        "or 600 1000)",
    )
    parser.add_argument(
        "--min-score", type=float, help="least score (default: the model's, or 0.5)"
    )
    parser.add_argument(
        "--gap",
        type=float,
        help="seconds from the frame that one is compared with to that one, as in "
        "training (default: the model's, or the frame before)",
    )
    add_skip_still(parser)
    parser.add_argument("--output", help="annotated mp4 to write, or folder of them")
    add_results(parser)
    parser.set_defaults(run=run)


def run(arguments):
    """Detects objects in every video."""
    from offkeras import inference

    if not (arguments.output or arguments.json or arguments.csv):
        raise ValueError("Expected --output, --json or --csv: where the objects go.")
    jobs = make_jobs(arguments, {**SUFFIXES, "output": ".mp4"})
    files = ResultFiles(arguments, "detect")
    trained = inference.trained_model(arguments.model, "detector")
    if trained.class_names is None:
        labels = trained.path.with_name("labels.txt")
        raise ValueError(f"--model: expected the names of the classes in {labels}.")
    detector, names = trained.load(), trained.class_names
    options = _options(arguments, trained)

    def work(job):
        count, skipped = 0, Skipped("frames")

        def reported(stream, write):
            nonlocal count
            for count, item in enumerate(stream, start=1):  # noqa: B007
                write(inference.frame_row(job.source, item[1], names))
                skipped.add(item[1].repeated)
                yield item

        with files.open(job) as write:
            stream = inference.detect_frames(job.timed, detector, **options)
            stream = reported(counted(stream, job.bar()), write)
            job.show(inference.draw_detections, stream, names)
        if arguments.skip_still is not None:
            skipped.tell(job.source)
        if not files.stdout:
            print(f"{', '.join(map(str, job.outputs.values()))}: {count} frames")

    run_jobs(jobs, work)


def _options(arguments, trained):
    """What the command line says, else the model, else the library."""
    options = trained.detection_options()
    if arguments.size:
        options["short_side"], options["long_side"] = arguments.size
    for name in ("min_score", "gap"):
        if getattr(arguments, name) is not None:
            options[name] = getattr(arguments, name)
    return {**options, "skip_still": arguments.skip_still}
