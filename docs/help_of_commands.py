"""Puts the help of a command where a page says `<!-- help: offkeras classify -->`."""

import contextlib
import io
import os
import re

from offkeras import cli

HELP = re.compile(r"<!-- help: offkeras (.*?) -->")


def on_page_markdown(markdown, **_):
    """Called by mkdocs for every page."""
    return HELP.sub(lambda found: f"```text\n{help_of(found[1])}```", markdown)


def help_of(command):
    """What `offkeras COMMAND --help` prints, 88 columns wide."""
    os.environ["COLUMNS"] = "88"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        cli.main([*command.split(), "--help"])
    return printed.getvalue()
