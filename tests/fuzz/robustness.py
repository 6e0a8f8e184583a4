"""Damaged files of every kind: each must end in a result or in a sentence.

    python -m tests.fuzz.robustness

Good files are damaged by seeded mutations and read in processes that may die. A
case is good if it ends in a result or in an error of one sentence that names the
file, within `SECONDS` and `MIB`. Where a checksum covers the content, a result must be
that of the good file; a cut video must not give fewer frames than the whole one.
"""

import collections
import contextlib
import itertools
import json
import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.support import records
from tests.fuzz import mutations, videos
from tests.fuzz import originals as hostile_originals

SECONDS, MIB = 30, 1024  # bounds of a case
STREAMS = (".ts",)  # cut anywhere, these are whole: nothing says how long they are
COUNTS = ("cases", "results", "errors", "wrong", "crashes", "hangs")


class Reader:
    """A process of `hostile_readers`, started again when it dies."""

    def __init__(self):
        self.process = None

    def run(self, kind, path):
        """The answer to a case; its outcome may also be "crash" or "hang"."""
        if self.process is None:
            self._start()
        case = json.dumps({"kind": kind, "path": str(path)})
        self.process.stdin.write(f"{case}\n")
        self.process.stdin.flush()
        line = self._line(SECONDS)
        if line:
            return json.loads(line)
        outcome = "hang" if line is None else "crash"
        self.close()
        return {
            "outcome": outcome,
            "message": f"exit status {self.process and self.process.returncode}",
            "digest": "",
            "seconds": SECONDS if outcome == "hang" else 0,
            "mib": 0,
        }

    def close(self):
        """Ends the process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def _start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.readers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        )
        if self._line(300) != "ready\n":
            raise RuntimeError("The process that reads the files does not start.")

    def _line(self, seconds):
        """The next line, "" at the end, None where none comes in time."""
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        return self.process.stdout.readline() if ready else None


def cases(paths, *, seed):
    """Yields kind, mutation, path and damaged bytes."""
    for kind_number, (kind, files) in enumerate(paths.items()):
        for number, path in enumerate(files):
            data = path.read_bytes()
            text = kind in hostile_originals.TEXT
            for name, damaged in mutations.damaged(
                data, text=text, seed=(seed, kind_number, number)
            ):
                yield kind, name, path, damaged
            if kind == "video":
                for suffix in (".mp4", ".avi", ".mkv", ".webm"):
                    yield kind, "wrong suffix", path.with_suffix(f".x{suffix}"), data
                yield kind, "no frame", path, videos.without_frames(path)


def judge(kind, name, path, good, answer):
    """The outcome of a case, with "wrong" where a result is not what it must be."""
    if answer["outcome"] != "result":
        return answer["outcome"], answer["message"]
    same = answer["digest"] == good["digest"]
    if kind in hostile_originals.EXACT and not same:
        return "wrong", "another content without an error"
    whole = name == "wrong suffix" or name.startswith("cut")
    if kind == "video" and whole and not same and path.suffix not in STREAMS:
        return "wrong", "other frames without an error"
    if max(answer["seconds"] - SECONDS, answer["mib"] - MIB) > 0:
        return "wrong", "too much time or memory"
    return "result", ""


def measure(*, seed=0, every=1, report=print, keep=None):
    """Runs the cases.

    Args:
        seed: of the mutations.
        every: of so many cases one is run.
        report: function that takes a line for each case that is not good.
        keep: folder for copies of the files of these cases.

    Returns:
        A list of rows, one for each kind and mutation.
    """
    rows = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(Reader()) as reader,
    ):
        paths = hostile_originals.write_originals(folder)
        good = {
            path: reader.run(kind, path)
            for kind, files in paths.items()
            for path in files
        }
        for path, answer in good.items():
            if answer["outcome"] != "result":
                raise RuntimeError(f"The good {path}: {answer['message']}")
        chosen = itertools.islice(cases(paths, seed=seed), 0, None, every)
        for kind, name, path, damaged in chosen:
            original = path.read_bytes() if path.exists() else None
            path.write_bytes(damaged)
            answer = reader.run(kind, path)
            known = good.get(path) or good[_original(path, good)]
            outcome, message = judge(kind, name, path, known, answer)
            row = rows.setdefault((kind, name), collections.Counter())
            row["cases"] += 1
            row[{"crash": "crashes", "wrong": "wrong"}.get(outcome, f"{outcome}s")] += 1
            row["max_seconds"] = max(row["max_seconds"], answer["seconds"])
            row["max_mib"] = max(row["max_mib"], answer["mib"])
            if outcome not in ("result", "error"):
                report(f"{outcome}: {kind}, {name}, {path.name}: {message}")
                if keep:
                    target = Path(keep, f"{sum(r['cases'] for r in rows.values())}")
                    target.mkdir(parents=True, exist_ok=True)
                    (target / path.name).write_bytes(damaged)
            if original is None:
                path.unlink()
            else:
                path.write_bytes(original)
    return [_row(*key, row, seed) for key, row in rows.items()]


def _original(path, good):
    """The good file of a copy with another suffix."""
    return next(p for p in good if p.stem == path.name.partition(".")[0])


def _row(kind, name, row, seed):
    return {
        "kind": kind,
        "mutation": name,
        **{column: row[column] for column in COUNTS},
        "max_seconds": f"{row['max_seconds']:.2f}",
        "max_mib": f"{row['max_mib']:.0f}",
        "seed": seed,
        **records.environment(),
    }


def main(arguments=None):
    """Command line."""
    parser = records.parser(__doc__, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="of so many cases one")
    parser.add_argument(
        "--keep", help="folder for the files of cases that are not good"
    )
    options = parser.parse_args(arguments)
    rows = measure(seed=options.seed, every=options.every, keep=options.keep)
    options.out.unlink(missing_ok=True)
    records.write(options.out, rows)
    total = collections.Counter()
    for row in rows:
        total.update({c: row[c] for c in COUNTS})
    print(", ".join(f"{count} {name}" for name, count in total.items()))


if __name__ == "__main__":
    main()
