"""What stands on the terminal beside the words of a command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os
from offkeras.storage import console
console.speak_for_itself()
import matplotlib.figure
print("café", os.fsdecode(b"\\xff"))
"""


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", rb"caf\xe9 \udcff"), ("utf-8", "café ".encode() + rb"\udcff")],
)
def test_a_home_that_cannot_be_written_and_letters_that_are_missing(encoding, shown):
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={
            **{k: v for k, v in os.environ.items() if k != "MPLCONFIGDIR"},
            "HOME": os.devnull + "/home",
            "PYTHONIOENCODING": encoding,
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
    )
    assert result.stderr == b""
    assert result.stdout == shown + b"\n"
