import json

import numpy as np
import pytest

from benchmarks.support import records
from tests.fuzz import mutations, robustness
from tests.fuzz import readers as hostile_readers


def test_a_part_of_the_cases(tmp_path):
    """One of eighty: none may end in anything but a result or a sentence."""
    complaints = []
    rows = robustness.measure(every=80, report=complaints.append)
    assert complaints == []
    assert sum(row["cases"] for row in rows) >= 50
    assert len({row["kind"] for row in rows}) == len(hostile_readers.READERS)
    assert sum(row["results"] for row in rows) >= 5
    assert sum(row["errors"] for row in rows) >= 25
    for row in rows:
        assert row["cases"] == row["results"] + row["errors"]
        assert float(row["max_seconds"]) < robustness.SECONDS
    records.write(tmp_path / "rows.csv", rows)


def test_damage_is_a_function_of_the_seed():
    data = bytes(range(256)) * 20
    first, again, other = (
        list(mutations.damaged(data, text=False, seed=(seed,))) for seed in (1, 1, 2)
    )
    assert first == again != other
    changed = [damaged != data for _, damaged in first]
    assert np.mean(changed) > 0.95


@pytest.fixture
def reader(monkeypatch):
    """A process that misbehaves as its input says."""
    program = (
        "import json, os, sys, time\n"
        "print('ready', flush=True)\n"
        "for line in sys.stdin:\n"
        "    exec(json.loads(line)['path'])\n"
        "    print(json.dumps({'outcome': 'result'}), flush=True)\n"
    )
    start = robustness.subprocess.Popen
    monkeypatch.setattr(
        robustness.subprocess,
        "Popen",
        lambda command, **options: start([command[0], "-c", program], **options),
    )
    monkeypatch.setattr(robustness, "SECONDS", 1)
    reader = robustness.Reader()
    yield reader
    reader.close()


def test_crashes_and_hangs_are_seen(reader):
    """The measurement must be able to fail."""
    assert reader.run("a", "pass")["outcome"] == "result"
    assert reader.run("a", "os.abort()")["outcome"] == "crash"
    assert reader.run("a", "time.sleep(60)")["outcome"] == "hang"
    assert reader.run("a", "pass")["outcome"] == "result"


def test_wrong_ends_are_seen(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"

    def outcome(error):
        def read(path):
            if error:
                raise error
            return 1

        monkeypatch.setitem(hostile_readers.READERS, "npz", read)
        return hostile_readers.run("npz", str(path))["outcome"]

    assert outcome(None) == "result"
    assert outcome(ValueError(f"{path} is broken.")) == "error"
    assert outcome(ValueError("It is broken.")) == "wrong"
    assert outcome(KeyError(str(path))) == "wrong"
    assert outcome(ValueError(f"{path} " + "x" * 5000)) == "wrong"

    answer = {"outcome": "result", "digest": "a", "seconds": 0, "mib": 0}
    judge = robustness.judge
    assert judge("npz", "one bit", path, {"digest": "a"}, answer)[0] == "result"
    assert judge("npz", "one bit", path, {"digest": "b"}, answer)[0] == "wrong"
    assert judge("xml", "one bit", path, {"digest": "b"}, answer)[0] == "result"
    video = path.with_suffix(".avi")
    good = {"digest": "b"}
    assert judge("video", "cut every 5 %", video, good, answer)[0] == "wrong"
    assert judge("video", "one bit", video, good, answer)[0] == "result"
    for excess in ({"mib": 2000}, {"seconds": 31}):
        found = judge("xml", "one bit", path, good, {**answer, **excess})
        assert found[0] == "wrong", json.dumps(found)
