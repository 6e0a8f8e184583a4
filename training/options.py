"""Command-line options of the training scripts, from one block of defaults."""

import argparse
import contextlib
import dataclasses


def option(default, help):
    """A field of an options dataclass: its default and its line of `--help`."""
    return dataclasses.field(default=default, metadata={"help": help})


def parse(defaults, presets, *, description, argv=None):
    """Reads the command line over a preset over the defaults.

    Args:
        defaults: a dataclass whose fields are made by `option`.
        presets: named dicts of values; `--preset NAME` chooses one.
        description: first line of `--help`.
        argv: arguments; the command line by default.

    Returns:
        An instance of `defaults`. An unknown option ends the program.
    """
    preset = presets.get(_preset(argv), {})
    parser = argparse.ArgumentParser(
        description=description, allow_abbrev=False, argument_default=argparse.SUPPRESS
    )
    if presets:
        parser.add_argument("--preset", choices=presets, help="values to start from")
    for field in dataclasses.fields(defaults):
        name = "--" + field.name.replace("_", "-")
        default = preset.get(field.name, field.default)
        help = f"{field.metadata['help']} (default: {default})"
        if field.type is bool:
            parser.add_argument(name, action=argparse.BooleanOptionalAction, help=help)
        else:
            parser.add_argument(name, type=field.type, help=help)
    given = vars(parser.parse_args(argv))
    given.pop("preset", None)
    return defaults(**{**preset, **given})


def at_least(o, **least):
    """Ends the program if a number is too small, such as `at_least(o, epochs=1)`."""
    for name, value in least.items():
        if getattr(o, name) < value:
            raise SystemExit(
                f"Expected --{name.replace('_', '-')} of at least {value}. "
                f"Received: {getattr(o, name)}."
            )


@contextlib.contextmanager
def bad_input():
    """Data that is not as expected ends the program in its sentence, not a traceback.

    Also a decorator, for what reads the data and builds models of the options: an
    error of the training itself keeps its traceback.

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
