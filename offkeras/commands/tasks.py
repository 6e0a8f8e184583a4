"""`offkeras prepare`, `train`, `evaluate` and `compare`: `offkeras.training`."""

import argparse
import functools
import importlib
from pathlib import Path

FOLDER = "FOLDER"  # a task that is named by what is trained on
# What a command does, an example of it, and its tasks: the module of each.
COMMANDS = {
    "prepare": (
        "make videos or weights ready for a training",
        "videos --videos my_videos --out runs/mine",
        {
            "videos": "prepare.videos",
            "camera_motion": "prepare.camera_motion",
            "human_actions": "prepare.human_actions",
            "movers": "prepare.movers",
            "moving_objects": "prepare.moving_objects",
            "compression": "prepare.compression",
            "weights": "import_weights",
        },
    ),
    "train": (
        "train a model on your videos or on a data set",
        "my_videos --output runs/mine",
        {
            "actions": "actions.train",
            "detection": "detection.train",
            "restoration": "restoration.train",
            FOLDER: "folder.train",
        },
    ),
    "evaluate": (
        "test a trained model, or the fusion of several",
        "actions --model runs/mine/recognizer.keras --out scores.npz",
        {
            "actions": "actions.evaluate",
            "detection": "detection.evaluate",
            "restoration": "restoration.evaluate",
            "fusion": "actions.fuse",
        },
    ),
    "compare": (
        "train and test several systems on your videos, and write a table",
        "my_videos --output runs/compare",
        {FOLDER: "compare.compare"},
    ),
}


def add_parser(commands):
    """Adds the commands; a task has options of its own."""
    for name, (help, example, tasks) in COMMANDS.items():
        parser = commands.add_parser(
            name,
            help=help,
            description=f"{help[0].upper()}{help[1:]}.",
            epilog=f"example: offkeras {name} {example}; offkeras {name} "
            f"{next(iter(tasks))} --help lists the options of a task",
        )
        parser.add_argument("task", metavar=" | ".join(tasks), help="what to work on")
        parser.add_argument(
            "options", nargs=argparse.REMAINDER, help="those of the task"
        )
        parser.set_defaults(run=functools.partial(run, name, tasks))


def run(command, tasks, arguments):
    """Hands the options to the `main` of the task."""
    task, given = arguments.task, arguments.options
    if FOLDER in tasks and task not in tasks and _is_data(task):
        task, given = FOLDER, ["--data", task, *given]
    if task not in tasks:
        raise SystemExit(
            f"offkeras {command}: expected {' | '.join(tasks)}. Received: {task}."
        )
    module = importlib.import_module(f"offkeras.training.{tasks[task]}")
    module.main(given, prog=f"offkeras {command} {task}")


def _is_data(task):
    """Whether it is a folder, or a rendered set that is trained on as one."""
    from offkeras.training.actions.data import PEOPLE

    return Path(task).is_dir() or task in PEOPLE
