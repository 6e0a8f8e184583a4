"""Command-line options of the training scripts, from one block of defaults."""

import argparse
import contextlib
import dataclasses
import functools
import os

from offkeras.data import beam

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def option(default, help, *, choices=None, least=None):
    """A field of an options dataclass: all there is to say of an option.

    Args:
        default: its default; of an option that takes several values a tuple.
        help: its line of `--help`.
        choices: the values it may have.
        least: the smallest number it may be.
    """
    metadata = {"help": help, "choices": choices, "least": least}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class MachineOptions:
    """Options of whatever trains; each has an `output` of its own."""

    resume: bool = option(False, "go on where a killed run stopped")
    devices: str = option(
        "", "devices such as 'GPU:0,GPU:1' or 'CPU:0,CPU:1'; default: all GPUs"
    )
    precision: str = option("float32", "of the arithmetic", choices=PRECISIONS)
    deterministic: bool = option(False, "the same bits in every run, also on GPUs")


@dataclasses.dataclass(frozen=True)
class RunOptions(MachineOptions):
    """Options of every training of one model."""

    seed: int = option(0, "seed of every random choice")


@dataclasses.dataclass(frozen=True)
class PrepareOptions:
    """Options of every preparation of many files."""

    workers: int = option(os.cpu_count() or 1, "how many at a time", least=1)
    beam: str = option(
        "", "instead of local workers an Apache Beam pipeline: '--runner=DirectRunner'"
    )

    def for_each(self):
        """The `beam.for_each` of the pipeline, None for local workers."""
        return (
            functools.partial(beam.for_each, options=self.beam) if self.beam else None
        )


def make_parser(description, prog=None, **settings):
    """A parser that shows its description as it is, and takes no shortened option."""
    return argparse.ArgumentParser(
        prog=prog,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        **settings,
    )


def parse(defaults, presets, description, argv=None, prog=None):
    """Reads the command line over a preset over the defaults.

    Args:
        defaults: a dataclass whose fields are made by `option`.
        presets: named dicts of values; `--preset NAME` chooses one.
        description: documentation of the program; its first line begins `--help`.
        argv: arguments; the command line by default.
        prog: name of the program. Default: that of the script.

    Returns:
        An instance of `defaults`. An unknown option ends the program.
    """
    preset = presets.get(_preset(argv), {})
    first = description.splitlines()[0]
    parser = make_parser(first, prog, argument_default=argparse.SUPPRESS)
    if presets:
        parser.add_argument("--preset", choices=presets, help="values to start from")
    for field in dataclasses.fields(defaults):
        name = "--" + field.name.replace("_", "-")
        default = preset.get(field.name, field.default)
        help = f"{field.metadata['help']} (default: {default})".replace("%", "%%")
        if field.type is bool:
            parser.add_argument(name, action=argparse.BooleanOptionalAction, help=help)
        elif field.type is tuple:
            default = " ".join(map(str, default))
            help = f"{field.metadata['help']} (default: {default})"
            parser.add_argument(name, type=type(field.default[0]), nargs="+", help=help)
        else:
            parser.add_argument(name, type=field.type, help=help)
    given = vars(parser.parse_args(argv))
    given.pop("preset", None)
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    o = defaults(**{**preset, **given})
    _check(o)
    return o


def _check(o):
    """Ends the program at a value that an option may not have."""
    for field in dataclasses.fields(o):
        given, name = getattr(o, field.name), "--" + field.name.replace("_", "-")
        choices, least = field.metadata["choices"], field.metadata["least"]
        for value in given if isinstance(given, tuple) else (given,):
            if choices is not None and value not in choices:
                known = ", ".join(str(choice) for choice in choices if choice != "")
                raise SystemExit(
                    f"Expected {name} to be one of {known}. Received: {value!r}."
                )
            if least is not None and value < least:
                raise SystemExit(
                    f"Expected {name} of at least {least}. Received: {value}."
                )


@contextlib.contextmanager
def bad_input():
    """Ends the program with one sentence, not a traceback, where data is bad.

    Also a decorator. It belongs around what reads data and what builds models of the
    options, so that an error of the training itself keeps its traceback.

    Raises:
        SystemExit: in place of `ValueError`, `OSError` and `RuntimeError`.
    """
    try:
        yield
    except (ValueError, OSError, RuntimeError) as error:
        raise SystemExit(str(error)) from error


def _preset(argv):
    """The preset of a command line, whose values are the defaults of the rest."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--preset")
    return parser.parse_known_args(argv)[0].preset
