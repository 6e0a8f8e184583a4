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
    add_model(parser, default="moving_objects")
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
    options = _options(arguments, trained.defaults)

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


def _options(arguments, defaults):
    """What the command line says, else the model, else the library."""
    from offkeras.inference.trained import MIN_SCORE, SIZE

    short, long = arguments.size or defaults.get("size", SIZE)
    least = arguments.min_score
    if least is None:
        least = defaults.get("min_score", MIN_SCORE)
    return dict(
        short_side=short,
        long_side=long,
        min_score=least,
        skip_still=arguments.skip_still,
    )
