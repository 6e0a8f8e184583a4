"""The `offkeras` command: a thin layer over `offkeras.inference`."""

import argparse
import os
import signal
import sys

from offkeras.commands import (
    check,
    classify,
    detect,
    export,
    info,
    live,
    restore,
    show,
    tasks,
)
from offkeras.commands.jobs.batch import ERRORS
from offkeras.storage import console

COMMANDS = (classify, detect, live, restore, show, check, tasks, export, info)
EXIT_STATUS = """exit status: 0: done; 1: bad input, told in one sentence; 2: wrong
usage; 130 and 143: interrupted and ended, with nothing half-written"""


def main(argv=None):
    """Runs the command line; bad input ends in one sentence and status 1."""
    console.speak_for_itself()
    arguments = make_parser().parse_args(argv)
    # As after Ctrl-C, what is half-written is cleared away.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read along has enough, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except ERRORS as error:
        sys.exit(f"offkeras: {error}")
    except KeyboardInterrupt:
        print("\noffkeras: interrupted.", file=sys.stderr)
        sys.exit(130)


def make_parser():
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="offkeras",
        description="Video understanding with OFF (optical flow guided features).",
        epilog=EXIT_STATUS,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser
