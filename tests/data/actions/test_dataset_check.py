import shutil

import numpy as np
import pytest

from offkeras.data import read_frames, sample_video, write_video
from offkeras.data.actions.dataset_check import check_dataset
from offkeras.data.resize import shorter_side


@pytest.fixture(scope="module")
def frames():
    frames = read_frames(sample_video("carphone_pristine.mp4"), range(72))
    return shorter_side(frames, 32)[0].numpy()


@pytest.fixture
def folders(frames, tmp_path):
    """Training and test, two classes each, two videos of six frames a class."""
    number = 0
    for part in ("train", "test"):
        for label in ("run", "walk"):
            for name in ("a.mp4", "b.mp4"):
                path = tmp_path / part / label / name
                path.parent.mkdir(parents=True, exist_ok=True)
                write_video(path, frames[number : number + 6], fps=25)
                number += 6
    return tmp_path / "train", tmp_path / "test"


def problems(*parts, **options):
    report = check_dataset(parts, **options)
    return {(p.level, p.place, p.text) for p in report.problems}


def test_nothing_wrong(folders):
    counts = []
    report = check_dataset(folders, decode=True, done=counts.append)
    assert report.problems == ()
    assert counts == list(range(1, 9))
    assert report.rows[0] == {
        "part": str(folders[1]),
        "label": "run",
        "videos": 2,
        "frames": 12,
        "seconds": pytest.approx(0.48),
    }
    assert [row["label"] for row in report.rows] == ["run", "walk"] * 2


def test_files_that_cannot_be_read(folders):
    train, _ = folders
    run, walk = train / "run", train / "walk"
    whole = (run / "a.mp4").read_bytes()
    (run / "a.mp4").write_bytes(whole[: len(whole) // 2])
    (run / "b.mp4").write_bytes(b"")
    (walk / "c.mp4").write_text("no video " * 99)
    found = problems(*folders)
    assert {(level, place) for level, place, _ in found} == {
        ("error", str(run / "a.mp4")),
        ("error", str(run / "b.mp4")),
        ("error", str(walk / "c.mp4")),
        ("error", str(train)),
    }
    texts = {place: text for _, place, text in found}
    assert texts[str(run / "b.mp4")] == "the file is empty (0 bytes)."
    assert texts[str(train)] == "has no readable video of class 'run'"


def test_files_that_training_leaves_out(folders):
    train, _ = folders
    (train / "run/a.rm").write_text("")
    (train / "run/lost.mp4").symlink_to("nothing.mp4")
    assert problems(*folders) == {
        ("warning", str(train / "run/a.rm"), "is no video by its name: left out"),
        (
            "error",
            str(train / "run/lost.mp4"),
            "a link to nothing.mp4: no such file.",
        ),
    }


def test_content_that_parts_share(folders, frames):
    train, test = folders
    shutil.copy(train / "run" / "a.mp4", test / "run" / "same_bytes.mp4")
    # The same pictures in another container, and cut.
    import av

    with (
        av.open(str(train / "walk" / "a.mp4")) as source,
        av.open(str(test / "walk" / "remuxed.mkv"), "w") as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    found = problems(train, test)
    share = f"{test} and {train} share it: it is "
    assert found == {
        ("error", str(test / "run/same_bytes.mp4"), share + str(train / "run/a.mp4")),
        ("error", str(test / "walk/remuxed.mkv"), share + str(train / "walk/a.mp4")),
    }


def test_content_twice_in_a_part(folders):
    train, test = folders
    shutil.copy(train / "run" / "a.mp4", train / "run" / "z.mp4")
    shutil.copy(train / "run" / "b.mp4", train / "walk" / "z.mp4")
    assert problems(train) == {
        ("warning", str(train / "run/z.mp4"), f"is there twice: as {train}/run/a.mp4"),
        (
            "error",
            str(train / "walk/z.mp4"),
            f"is there twice: as {train}/run/b.mp4, of class 'run' and not 'walk'",
        ),
    }


def test_plain_pictures_are_no_fingerprint(folders, frames):
    train, test = folders
    for part in folders:
        black = np.zeros_like(frames[:8])
        rest = frames[:6] if part == train else frames[30:36]
        write_video(part / "run/black.mp4", [*black, *rest], fps=25)
    assert problems(*folders) == set()


def test_odd_rates_and_sizes(folders, frames):
    train, test = folders
    write_video(train / "run" / "slow.mp4", frames[50:56], fps=2)
    write_video(train / "run" / "quick.mp4", frames[56:62], fps=60)
    for number in range(41):
        write_video(
            train / "walk" / f"{number}.mp4", frames[number : 2 + number], fps=25
        )
    text = "class 'walk' has 43 videos, 'run' 4"
    assert problems(train) == {
        ("warning", str(train / "run/slow.mp4"), "2.00 frames/s, outside 5 to 120"),
        (
            "warning",
            str(train / "run/quick.mp4"),
            "60.00 frames/s, where 25.00 are usual",
        ),
        ("warning", str(train), text),
    }
    shutil.rmtree(test / "walk")
    found = problems(*folders)
    assert ("error", str(test), "has no readable video of class 'walk'") in found


def test_lists(folders, tmp_path):
    """As those of UCF-101: the class is the folder, whether a number follows or not."""
    (tmp_path / "train.txt").write_text(
        "train/run/a.mp4 1\n\ntrain/walk/a.mp4 6 0\ntrain/walk/none.mp4 0\n"
    )
    (tmp_path / "test.txt").write_text(
        "test/run/a.mp4\ntest/walk/a.mp4\n../up.mp4\n/etc/a.mp4\nnothing\n"
    )
    parts = [tmp_path / "train.txt", tmp_path / "test.txt"]
    report = check_dataset(parts)
    assert [(row["label"], row["videos"]) for row in report.rows] == [
        ("run", 1),
        ("walk", 1),
    ] * 2
    places = {p.place: p.text for p in report.problems}
    assert set(places) == {
        str(tmp_path / "train/walk/none.mp4"),
        *(f"{parts[1]}:{line}" for line in (3, 4, 5)),
    }
    assert "'../up.mp4'" in places[f"{parts[1]}:3"]
    # Without a folder the class is the last number, and videos= is where they are.
    (tmp_path / "flat.txt").write_text("a.mp4 6 0\nb.mp4 6 1\n")
    report = check_dataset([tmp_path / "flat.txt"], videos=tmp_path / "train/run")
    assert [row["label"] for row in report.rows] == ["0", "1"]


TRAIN = "train/run/a.mp4 6 0\ntrain/run/b.mp4 6 0\ntrain/walk/a.mp4 6 1\n"


@pytest.mark.parametrize(
    ("files", "place", "text"),
    [
        (
            {"train.txt": TRAIN, "test.txt": "test/run/a.mp4 1\ntest/walk/a.mp4 2"},
            "test.txt",
            "labels count from 1, and from 0 in {}/train.txt",
        ),
        (
            {"train.txt": TRAIN + "train/walk/b.mp4 6 0", "test.txt": ""},
            "train.txt:4",
            "label 0, where 'walk' is 1 in {}/train.txt",
        ),
        (
            {"train.txt": TRAIN, "test.txt": "test/run/a.mp4 1\ntest/walk/a.mp4 1"},
            "test.txt:1",
            "label 1, where 'run' is 0 in {}/train.txt",
        ),
        (
            {"train.txt": TRAIN, "test.txt": "", "classes.txt": "walk\nrun"},
            "train.txt:1",
            "label 0, where 'run' is 1 in {}/classes.txt",
        ),
        (
            {"train.txt": TRAIN, "test.txt": "", "classInd.txt": "1 run\n2 walk"},
            "train.txt",
            "labels count from 0, and from 1 in {}/classInd.txt",
        ),
    ],
)
def test_labels_of_other_classes(files, place, text, folders, tmp_path):
    rest = "test/run/b.mp4\ntest/walk/b.mp4\n"
    for name, content in files.items():
        (tmp_path / name).write_text(content or rest)
    found = problems(tmp_path / "train.txt", tmp_path / "test.txt")
    assert ("error", f"{tmp_path}/{place}", text.format(tmp_path)) in found


def test_labels_as_training_reads_them(folders, tmp_path):
    """The folder need not be the class: the label is, by its name in classes.txt."""
    (tmp_path / "classes.txt").write_text("jump\nsit\n")
    (tmp_path / "train.txt").write_text("run/a.mp4 6 0\nrun/b.mp4 6 1\n")
    report = check_dataset([tmp_path / "train.txt"], videos=tmp_path / "train")
    assert [row["label"] for row in report.rows] == ["jump", "sit"]
    assert report.problems == ()
    # A list a class: the number says whether a video is trained on.
    (tmp_path / "walk_test_split1.txt").write_text("a.mp4 1\nb.mp4 2\n")
    report = check_dataset([tmp_path / "walk_test_split1.txt"], videos=folders[0])
    assert [(row["label"], row["videos"]) for row in report.rows] == [("walk", 2)]
    assert report.problems == ()


def test_a_title_is_not_a_video(folders, frames):
    train, test = folders
    title = frames[60:68]
    # This codec does not look ahead: what follows the title leaves it as it is.
    for part, start in ((train, 0), (test, 30)):
        rest = frames[start : start + 9]
        write_video(part / "run/c.mp4", [*title, *rest], fps=25, codec="mpeg4")
    path = test / "run/c.mp4"
    text = f"begins with the same 8 frames as {train}/run/c.mp4: "
    text += "another cut of it, or the same title"
    assert problems(*folders) == {("warning", str(path), text)}


def test_parts_that_are_none(tmp_path):
    with pytest.raises(ValueError, match="folder of class folders or a list: .*none"):
        check_dataset([tmp_path / "none"])
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(ValueError, match="Expected videos in .*empty.txt. Found none"):
        check_dataset([tmp_path / "empty.txt"])
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(ValueError, match="videos in one folder per class"):
        check_dataset([tmp_path])
