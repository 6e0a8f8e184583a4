"""The restorer that a video gets where none is named."""

import json

import pytest

from offkeras import cli, inference
from offkeras.inference import trained
from offkeras.inference.sources import Isolated


@pytest.fixture
def shipped(tmp_path, monkeypatch, identity):
    for name, quantisers in (
        ("any", None),
        ("avc", {"h264": [30, 51]}),
        ("old", {"mpeg4": [1, 31], "mpeg2video": [16, 31]}),
    ):
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        identity.save(folder / "model.keras")
        if quantisers:
            text = json.dumps({"quantisers": quantisers})
            (folder / "defaults.json").write_text(text)
    monkeypatch.setattr(trained, "SHIPPED", tmp_path / "models")


@pytest.mark.parametrize(
    ("codec", "name"), [("libx264", "avc"), ("mpeg4", "old"), ("mpeg2video", "old")]
)
@pytest.mark.parametrize("kind", [str, Isolated])
def test_by_codec(shipped, encode, codec, name, kind):
    video = kind(encode("a.mkv", codec=codec, num_frames=3))
    assert inference.restorer_for(video).path.parent.name == name


def test_none_is_for_the_codec(shipped, encode):
    video = encode("a.mkv", codec="ffv1", num_frames=3)
    with pytest.raises(ValueError, match="a.mkv: no .* is for ffv1.* any, avc, old,"):
        inference.restorer_for(video)


def test_the_command_asks_for_every_file(shipped, encode, tmp_path, capsys):
    files = [
        encode("a.mp4", num_frames=3),
        encode("b.avi", codec="mpeg4", num_frames=3, options={"qmin": "4"}),
    ]
    cli.main(["restore", *files, "--output", str(tmp_path / "out")])
    printed = capsys.readouterr().out
    assert f"{files[0]}: avc restores it" in printed
    assert f"{files[1]}: old restores it" in printed
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_pictures_name_no_codec(shipped, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a.png").touch()
    with pytest.raises(SystemExit):
        cli.main(["restore", str(folder), "--output", str(tmp_path / "out")])
