import dataclasses

import pytest

from offkeras.training import options


@dataclasses.dataclass(frozen=True)
class Defaults:
    data: str = options.option("here", "where")
    batch_size: int = options.option(128, "how many")
    resume: bool = options.option(False, "go on")
    spatial: bool = options.option(True, "part")


PRESETS = {"small": dict(batch_size=8, resume=True)}


def parse(*argv):
    return options.parse(Defaults, PRESETS, description="test", argv=argv)


def test_defaults_preset_and_command_line():
    assert parse() == Defaults()
    assert parse("--preset", "small") == Defaults(batch_size=8, resume=True)
    given = parse("--preset", "small", "--batch-size", "4", "--no-spatial")
    assert given == Defaults(batch_size=4, resume=True, spatial=False)


@pytest.mark.parametrize(
    "argv", [["--batchsize", "4"], ["--batch", "4"], ["--preset", "x"], ["--data"]]
)
def test_unknown_option_is_an_error(argv, capsys):
    with pytest.raises(SystemExit) as error:
        parse(*argv)
    assert error.value.code == 2
    assert argv[0] in capsys.readouterr().err


@pytest.mark.parametrize(("preset", "size"), [([], 128), (["--preset", "small"], 8)])
def test_help_tells_the_defaults_of_the_preset(preset, size, capsys):
    with pytest.raises(SystemExit):
        parse(*preset, "--help")
    assert f"how many (default: {size})" in capsys.readouterr().out


def test_no_preset_where_there_is_none(capsys):
    with pytest.raises(SystemExit):
        options.parse(Defaults, {}, description="test", argv=["--preset", "small"])
    assert "--preset" in capsys.readouterr().err
