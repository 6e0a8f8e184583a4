"""`--json` and `--csv` of a command that finds something in videos."""

import contextlib
import sys

WRITERS = ("json", "csv")
SUFFIXES = {"json": ".jsonl", "csv": ".csv"}
# A name that is no UTF-8 is escaped: the file is.
TEXT = {"newline": "", "errors": "backslashreplace"}


def add_results(parser):
    """The options."""
    text = "write {} to a file, to a folder where there are several videos, or to -"
    parser.add_argument("--json", metavar="FILE", help=text.format("JSON lines"))
    parser.add_argument("--csv", metavar="FILE", help=text.format("CSV"))


class ResultFiles:
    """Writes the rows of a command where its options say.

    Args:
        arguments: with `json` and `csv`.
        command: key of `results.COLUMNS`.

    Raises:
        ValueError: if both are to go to stdout.
    """

    def __init__(self, arguments, command):
        self.command = command
        to_stdout = [name for name in WRITERS if getattr(arguments, name) == "-"]
        if len(to_stdout) > 1:
            raise ValueError("Expected --json or --csv to be -, not both.")
        # One heading for all videos.
        self.stdout = [self._writer(name, sys.stdout) for name in to_stdout]

    @contextlib.contextmanager
    def open(self, job):
        """A function that writes a row of a `Job`.

        Files appear under their names once they are complete.
        """
        from offkeras.storage.writing import written_whole

        with contextlib.ExitStack() as stack:
            writers = list(self.stdout)
            for name in WRITERS:
                if name in job.outputs:
                    partial = stack.enter_context(written_whole(job.outputs[name]))
                    file = stack.enter_context(
                        open(partial, "w", encoding="utf-8", **TEXT)
                    )
                    writers.append(self._writer(name, file))

            def write(row):
                for writer in writers:
                    writer(row)

            yield write

    def _writer(self, name, file):
        from offkeras.inference import results

        if name == "json":
            return results.json_writer(file)
        return results.csv_writer(file, self.command)
