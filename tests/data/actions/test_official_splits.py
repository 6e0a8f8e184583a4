import re

import pytest

from offkeras import data
from tests.support import action_miniatures as miniatures


@pytest.fixture(scope="module")
def ucf(tmp_path_factory):
    return miniatures.write_ucf101(tmp_path_factory.mktemp("ucf"), groups=3, clips=1)


@pytest.fixture(scope="module")
def hmdb(tmp_path_factory):
    return miniatures.write_hmdb51(tmp_path_factory.mktemp("hmdb"))


@pytest.mark.parametrize("split", [1, 2, 3])
def test_ucf101(ucf, split):
    videos, lists = ucf
    parts = data.ucf101(videos, lists, split=split)
    assert parts.class_names == miniatures.UCF_CLASSES
    assert len(parts.train) == 8 and len(parts.test) == 4 and not parts.unused
    for video in parts.train + parts.test:
        class_name = miniatures.UCF_CLASSES[video.label]
        assert video.name.startswith(f"{class_name}/v_{class_name}_g")
        assert video.path == f"{videos}/{video.name}"
        assert video.group == video.name.removesuffix("_c01.avi")
    assert {v.group[-3:] for v in parts.test} == {f"g0{split}"}
    train_lines = (lists / f"trainlist0{split}.txt").read_text().splitlines()
    assert [f"{v.name} {v.label + 1}" for v in parts.train] == train_lines
    assert [v.name for v in parts.videos] == sorted(
        str(p.relative_to(videos)) for p in videos.rglob("*.avi")
    )


@pytest.mark.parametrize("split", [1, 2, 3])
def test_hmdb51(hmdb, split):
    videos, lists = hmdb
    parts = data.hmdb51(videos, lists, split=split)
    assert parts.class_names == miniatures.HMDB_CLASSES
    assert [len(p) for p in (parts.train, parts.test, parts.unused)] == [20, 8, 4]
    film = miniatures.HMDB_FILMS[split - 1]
    assert {v.group for v in parts.test} == {
        f"{name}/{film}" for name in miniatures.HMDB_CLASSES
    }
    assert all(v.name.endswith("_1.avi") for v in parts.unused)
    for video in parts.videos:
        assert video.name.split("/")[0] == miniatures.HMDB_CLASSES[video.label]
    assert len({v.name for v in parts.videos}) == 32


def test_lists_alone_name_the_same_videos(ucf):
    videos, lists = ucf
    whole, alone = data.ucf101(videos, lists), data.ucf101(None, lists)
    assert [v.name for v in alone.train] == [v.name for v in whole.train]
    assert {v.path for v in alone.videos} == {None}


def test_everything_wrong_with_ucf101_is_one_error(tmp_path):
    videos, lists = miniatures.write_ucf101(tmp_path, groups=2, clips=1)
    train, test = lists / "trainlist02.txt", lists / "testlist02.txt"
    lines = train.read_text().splitlines()
    wrong = [
        lines[0].replace(" 1", " 3"),
        lines[1],
        "Juggling/v_Juggling_g01_c01.avi 5",
        "../outside.avi 1",
        "/etc/outside.avi 1",
        "Archery/../../outside.avi 1",
        *lines[2:],
        lines[1],
    ]
    train.write_text("\n".join(wrong) + "\n")
    missing, empty, text = test.read_text().splitlines()[:3]
    with test.open("a") as file:
        file.write(lines[1].split()[0] + "\n")
    (videos / missing).unlink()
    (videos / empty).write_bytes(b"")
    (videos / text).write_text("no video" * 100)
    with pytest.raises(ValueError) as caught:
        data.ucf101(videos, lists, split=2)
    message = str(caught.value)
    expected = [
        f"{train}:1: Expected the class id 1. ",
        f"{train}:3: Expected a class of classInd.txt. Received: 'Juggling/",
        f"{train}:4: Expected a path below the folder of videos. ",
        f"{train}:5: Expected a path below the folder of videos. ",
        f"{train}:6: Expected a path below the folder of videos. ",
        f"{train}:9: BabyCrawling/v_BabyCrawling_g01_c01.avi was listed before, in "
        f"{train}:2.",
        f"{test}:5: BabyCrawling/v_BabyCrawling_g01_c01.avi was listed before, in "
        f"{train}:2.",
        f"{test}:1: {videos / missing}: no such file.",
        f"{test}:2: {videos / empty}: the file is empty",
        f"{test}:3: {videos / text}: not a readable video",
    ]
    for part in expected:
        assert part in message
    # "../outside" has no class either: that line has two problems, and line 5.
    assert message.startswith("12 problem(s) in the lists")
    assert message.count("\n") == 12


def test_everything_wrong_with_hmdb51_is_one_error(tmp_path):
    videos, lists = miniatures.write_hmdb51(tmp_path)
    path = lists / "catch_test_split1.txt"
    lines = path.read_text().splitlines()
    lines[0] = lines[0].rstrip()[:-1] + "3"
    lines[1] = lines[1].rsplit(" ", 2)[0].split(" ")[0]
    path.write_text("\n".join(lines))
    (lists / "sit_test_split1.txt").write_text("\n\n")
    (lists / "wave_test_split1.txt").write_bytes(b"\xff.avi 1\n")
    with pytest.raises(ValueError) as caught:
        data.hmdb51(videos, lists)
    message = str(caught.value)
    assert message.startswith("4 problem(s)")
    assert (
        f"{path}:1: Expected a video and a flag 0, 1 or 2. Received: 'April" in message
    )
    assert f"{path}:2: Expected a video and a flag 0, 1 or 2." in message
    assert f"{lists}/sit_test_split1.txt is empty." in message
    assert f"{lists}/wave_test_split1.txt is not UTF-8 text" in message
    with pytest.raises(ValueError, match=r"Expected lists \*_test_split2.txt in"):
        data.hmdb51(videos, videos, split=2)


@pytest.mark.parametrize("read", [data.ucf101, data.hmdb51])
def test_wrong_arguments(read, ucf):
    with pytest.raises(ValueError, match="Expected split to be one of"):
        read(*ucf, split=4)
    with pytest.raises(ValueError, match="Expected videos to be a folder"):
        read("nowhere", ucf[1])


def test_missing_lists_are_named(ucf, tmp_path):
    with pytest.raises(ValueError, match=r"(?s)classInd.txt is .*testlist03.txt is "):
        data.ucf101(ucf[0], tmp_path, split=3)


def test_class_list_must_count_from_one(tmp_path):
    videos, lists = miniatures.write_ucf101(tmp_path, groups=1, clips=1)
    (lists / "classInd.txt").write_text("1 Archery\n3 BabyCrawling\n3 Archery\n")
    with pytest.raises(ValueError) as caught:
        data.ucf101(None, lists)
    assert "classInd.txt:2: Expected number 2 and a new class." in str(caught.value)
    assert "classInd.txt:3: Expected number 3 and a new class." in str(caught.value)


def test_tsn_lists(ucf, tmp_path):
    videos, _ = ucf
    names = sorted(str(p.relative_to(videos)) for p in videos.rglob("*.avi"))
    odd = "a name with  blanks #1.avi"
    (videos / odd).write_bytes((videos / names[0]).read_bytes())
    (tmp_path / "classes.txt").write_text("first\nsecond one\n")
    (tmp_path / "train.txt").write_text(f"{names[0]} 29 0\n{odd} 31 1\n")
    (tmp_path / "test.txt").write_text(f"{names[1]} 30 1\n")
    split = data.tsn_list(videos, tmp_path)
    (videos / odd).unlink()
    assert split.class_names == ("first", "second one")
    found = [(v.name, v.label, v.group) for v in split.train + split.test]
    assert found == [
        (names[0], 0, names[0]),
        (odd, 1, odd),
        (names[1], 1, names[1]),
    ]
    (tmp_path / "test.txt").write_text(f"{names[1]} 30 2\n{names[2]} 0 1\n{names[3]}\n")
    with pytest.raises(ValueError) as caught:
        data.tsn_list(None, tmp_path)
    message = str(caught.value)
    assert re.search(r"test.txt:1: Expected a label in 0..1. Received: ", message)
    assert re.search(r"test.txt:2: Expected a positive number of frames", message)
    assert re.search(r"test.txt:3: Expected a label in 0..1", message)


def test_class_folders(ucf):
    split = data.class_folders(ucf[0])
    assert split.class_names == miniatures.UCF_CLASSES
    assert [v.name for v in split.train] == [v.name for v in split.videos]
    assert [v.label for v in split.train] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert split.train[0].path == f"{ucf[0]}/{split.train[0].name}"
    with pytest.raises(ValueError, match="Expected a folder of class folders"):
        data.class_folders("nowhere")
