import json

import pytest

from offkeras import cli, data


@pytest.fixture
def folder(tmp_path):
    frames = data.read_frames(data.sample_video("carphone_pristine.mp4"), range(12))
    for number, name in enumerate(("run/a.mp4", "walk/a.mp4")):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True)
        data.write_video(path, frames[6 * number : 6 * number + 6], fps=25)
    return tmp_path / "videos"


def test_a_table(folder, capsys):
    cli.main(["check", str(folder)])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        [str(folder)],
        ["class", "videos", "frames", "seconds"],
        ["run", "1", "6", "0.2"],
        ["walk", "1", "6", "0.2"],
        ["0", "error(s),", "0", "warning(s)"],
    ]


def test_errors_are_status_1_and_in_the_json(folder, tmp_path, capsys):
    path = folder / "run" / "b.mp4"
    path.write_bytes(b"")
    for target in (str(tmp_path / "check.json"), "-"):
        with pytest.raises(SystemExit) as stop:
            cli.main(["check", str(folder), "--json", target])
        assert stop.value.code == 1
        out = capsys.readouterr().out
        if target == "-":
            text = out
        else:
            text = (tmp_path / "check.json").read_text()
            assert f"error: {path}: the file is empty (0 bytes).\n1 error(s)" in out
        found = json.loads(text)
        assert [row["videos"] for row in found["rows"]] == [1, 1]
        (problem,) = found["problems"]
        assert problem["level"] == "error" and problem["place"] == str(path)


def test_a_list(folder, tmp_path, capsys):
    (tmp_path / "list.txt").write_text("run/a.mp4 6 0\nwalk/a.mp4 6 1\n")
    arguments = ["check", str(tmp_path / "list.txt"), "--videos", str(folder)]
    cli.main([*arguments, "--decode"])
    assert "0 error(s), 0 warning(s)" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="offkeras: Expected a folder of class"):
        cli.main(["check", str(tmp_path / "none.txt")])
