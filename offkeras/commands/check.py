"""`offkeras check`."""

import dataclasses
import json
import sys

from offkeras.inference.progress import progress_bar
from offkeras.storage.writing import write_text


def add_parser(commands):
    """Adds the command."""
    parser = commands.add_parser(
        "check",
        help="look over the videos of a training before it begins",
        description="Finds broken and cut videos, videos that training and test share, "
        "labels of other classes, odd frame rates, missing classes and classes of very "
        "different size.",
        epilog="example: offkeras check train.txt test.txt --videos UCF-101",
    )
    parser.add_argument(
        "parts",
        nargs="+",
        metavar="PART",
        help="folder of class folders, or list of videos, a line each; of training "
        "and of test",
    )
    parser.add_argument(
        "--videos", help="folder that lists start from (default: that of the list)"
    )
    parser.add_argument(
        "--decode", action="store_true", help="decode every frame, not only the first"
    )
    parser.add_argument("--json", metavar="FILE", help="write it as JSON, - for stdout")
    parser.set_defaults(run=run)


def run(arguments):
    """Prints a table and the problems; status 1 if there are errors."""
    from offkeras.data.actions.dataset_check import check_dataset

    report = check_dataset(
        arguments.parts,
        videos=arguments.videos,
        decode=arguments.decode,
        done=progress_bar(None, unit="videos"),
    )
    if arguments.json:
        text = json.dumps(dataclasses.asdict(report), indent=2) + "\n"
        if arguments.json == "-":
            sys.stdout.write(text)
        else:
            write_text(arguments.json, text)
    if arguments.json != "-":
        _print(report)
    if report.errors:
        sys.exit(1)


def _print(report):
    part = None
    for row in report.rows:
        if row["part"] != part:
            part = row["part"]
            print(f"{part}\n  {'class':32}{'videos':>8}{'frames':>10}{'seconds':>10}")
        print(
            f"  {row['label']:32}{row['videos']:8}{row['frames']:10}"
            f"{row['seconds']:10.1f}"
        )
    for problem in report.problems:
        print(f"{problem.level}: {problem.place}: {problem.text}")
    errors = len(report.errors)
    print(f"{errors} error(s), {len(report.problems) - errors} warning(s)")
