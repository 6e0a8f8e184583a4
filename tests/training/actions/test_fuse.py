"""Files of scores, their fusion, the search of weights, the paper's tables."""

import csv
import dataclasses

import numpy as np
import pytest

from offkeras.training.actions import fuse as fuse_scores
from offkeras.training.actions import paper_tables
from offkeras.training.actions.scores import Scores, accuracies

NAMES = ("a/v_a_g01_c01.avi", "b/#1 what; ever @.avi", "c/c.avi", "c/d.avi")
CLASSES = ("a", "b", "c")
LABELS = np.array([0, 1, 2, 2])
ABOUT = {
    **{"dataset": "ucf101", "split": 1, "subset": "test", "modality": "rgb"},
    **{"variant": "paper", "motion": "off", "spatial": True, "temporal": True},
    "frames_per_second": {"appearance": 100.0, "all": 50.0},
}


def one_hot(predictions, scale=1.0):
    return scale * np.eye(3, dtype="float32")[list(predictions)]


def make(appearance=(0, 1, 2, 2), off=(0, 1, 2, 2), *, scale=1.0, **about):
    """Scores whose appearance and off_3 predict the given classes."""
    outputs = {"appearance": one_hot(appearance), "off_3": one_hot(off, scale)}
    about = {**ABOUT, **about}
    return Scores(NAMES, LABELS, CLASSES, outputs, about, about["modality"] + ".npz")


@pytest.fixture
def write(tmp_path):
    def write(name, scores):
        scores.save(tmp_path / name)
        return str(tmp_path / name)

    return write


def test_file_brings_back_what_went_in(write):
    scores = make((1, 1, 0, 2))
    loaded = Scores.load(write("rgb.npz", scores))
    assert loaded.names == NAMES and loaded.class_names == CLASSES
    assert loaded.about == ABOUT
    np.testing.assert_array_equal(loaded.labels, LABELS)
    assert loaded.outputs.keys() == scores.outputs.keys()
    for name, value in scores.outputs.items():
        np.testing.assert_array_equal(loaded.outputs[name], value)


def test_refuses_pickles_and_other_files(tmp_path):
    np.savez(tmp_path / "pickle.npz", names=np.array([{}], dtype=object))
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    (tmp_path / "text.npz").write_text("text")
    for name in ("pickle", "other", "text"):
        with pytest.raises(ValueError, match=f"{name}.npz is not a file of scores"):
            Scores.load(tmp_path / f"{name}.npz")


def test_accuracies():
    """Two of three classes right, three of four videos."""
    overall, class_mean, matrix = accuracies(one_hot((0, 0, 2, 2)), LABELS)
    assert (overall, class_mean) == (0.75, pytest.approx(2 / 3))
    np.testing.assert_array_equal(matrix, [[1, 0, 0], [1, 0, 0], [0, 0, 2]])


def test_weights_and_outputs(write, capsys):
    """1 x wrong + 1.5 x right is right; the other way round it is wrong."""
    rgb = write("rgb.npz", make((1, 2, 0, 0), (1, 2, 0, 0)))
    flow = write("flow.npz", make(modality="flow"))
    for weights, expected in (("1 1.5", "100.0%"), ("1.5 1", "0.0%")):
        fuse_scores.main([rgb, flow, "--weights", *weights.split()])
        lines = capsys.readouterr().out.splitlines()
        assert lines[-1].startswith("fused") and lines[-1].split()[2] == expected
        assert lines[0].split()[4] == "0.0%" and lines[1].split()[4] == "100.0%"
    mixed = write("mixed.npz", make((0, 1, 2, 2), (1, 2, 0, 0)))
    fuse_scores.main([f"{mixed}:appearance", f"{mixed}:off_3", "--weights", "1", "1.1"])
    assert capsys.readouterr().out.splitlines()[-1].split()[2] == "0.0%"


def test_default_is_the_sum_of_section_4_3(write, capsys):
    """appearance + off_3, of which the second is the stronger here."""
    path = write("rgb.npz", make((1, 2, 0, 0), (0, 1, 2, 2), scale=2.0))
    fuse_scores.main([path])
    assert capsys.readouterr().out.splitlines()[-1].split()[2] == "100.0%"


def test_table_of_classes_and_picture(write, tmp_path):
    path = write("rgb.npz", make((0, 0, 2, 1), (0, 0, 2, 1)))
    fuse_scores.main([path, "--out", str(tmp_path / "out")])
    with open(tmp_path / "out" / "classes.csv") as file:
        rows = list(csv.reader(file))
    assert rows[1:] == [
        ["a", "1", "1.0000", "", "0"],
        ["b", "1", "0.0000", "a", "1"],
        ["c", "2", "0.5000", "b", "1"],
    ]
    png = (tmp_path / "out" / "confusion_matrix.png").read_bytes()
    assert png.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"names": (*NAMES[:1], "b/x.avi", *NAMES[2:])}, "video 1 is 'b/#1 what; ever"),
        ({"labels": np.array([0, 1, 0, 2])}, "the label of c/c.avi is 'c' and 'a'"),
        ({"class_names": ("a", "b", "d")}, "classes"),
        ({"about": {**ABOUT, "split": 2}}, "split 1 and 2"),
        (
            {"names": NAMES[:3], "labels": LABELS[:3]},
            "numbers of videos are 4 and 3",
        ),
    ],
)
def test_names_the_first_difference(change, message, write):
    first = write("first.npz", make())
    second = write("second.npz", dataclasses.replace(make(), **change))
    with pytest.raises(SystemExit, match=f"first.npz and .*second.npz .*{message}"):
        fuse_scores.main([first, second])


def test_search_finds_the_better_weight_on_validation(write, capsys):
    """Only weights above 2 let the second term win, and then it is right."""
    wrong, right = (1, 2, 0, 0), (0, 1, 2, 2)
    terms = [
        write("rgb.npz", make(wrong, wrong)),
        write("flow.npz", make(right, right, scale=0.0, modality="flow")),
    ]
    held_out = [
        write("rgb_v.npz", make(wrong, wrong, subset="validation")),
        write(
            "flow_v.npz",
            make(right, right, scale=0.0, modality="flow", subset="validation"),
        ),
    ]
    fuse_scores.main([*terms, "--search", "--validation", *held_out])
    out = capsys.readouterr().out
    assert "class-mean accuracy 100.0% on 4 validation videos" in out
    assert float(out.splitlines()[2].split()[0]) == pytest.approx(2.1)
    with pytest.raises(
        SystemExit, match="never on the test split. Received: .*rgb.npz"
    ):
        fuse_scores.main([*terms, "--search", "--validation", *terms])
    with pytest.raises(
        SystemExit, match="flow_v.npz is not of the network of .*rgb.npz"
    ):
        fuse_scores.main([*terms, "--search", "--validation", *held_out[::-1]])


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--weights", "1", "2"], "expected 1, one a term"),
        (["--search"], "go together"),
        (["--validation", "x.npz"], "go together"),
        (["--search", "--validation", "a.npz", "b.npz"], "needs 1 --validation"),
        (["--tables", "--weights", "1"], "--tables takes files alone"),
        (["--wieghts", "1"], "unrecognized"),
    ],
)
def test_wrong_options(arguments, message, write, capsys):
    with pytest.raises(SystemExit):
        fuse_scores.main([write("rgb.npz", make()), *arguments])
    assert message in capsys.readouterr().err


def test_wrong_output(write):
    with pytest.raises(SystemExit, match="appearance, off_3. Received: 'off_9'"):
        fuse_scores.main([write("rgb.npz", make()) + ":off_9"])


# === The paper's tables ===


def cells(text, title, method):
    """The cells of a row of a table."""
    lines = text.split(f"### {title}")[1].split("###")[0].splitlines()
    row = next(line for line in lines if line.startswith(f"| {method} |"))
    return [cell.strip() for cell in row.strip("|").split("|")][1:]


def test_absent_runs_say_so():
    text = paper_tables.markdown([make()])
    assert cells(text, "Table 1", "TSN(Flow)") == ["not run", "not run", "87.9%"]
    assert cells(text, "Table 2", "RGB+Flow") == ["not run", "not run", "93.5%"]
    assert cells(text, "Table 3", "RGB+OFF_T") == ["not run", "not run", "89.8%"]
    assert cells(text, "Table 5", "Two-Stream TSN") == [
        *("not run", "94.0%", "not run", "68.5%")
    ]


def test_tables_hold_sums_speeds_and_means_over_splits():
    two_thirds = (0, 0, 2, 2)  # two of three classes are right
    runs = [
        make(two_thirds, two_thirds, split=1),
        make(two_thirds, (0, 1, 2, 2), split=2, scale=2.0),
        make(split=1, modality="flow"),
        make(split=1, modality="rgb_diff"),
        make(split=1, spatial=False),
        make(two_thirds, two_thirds, split=1, spatial=False, temporal=False),
    ]
    text = paper_tables.markdown(runs)
    assert "## Variant: paper" in text
    # Split 1 alone: one network's appearance, then the whole network in one pass.
    assert cells(text, "Table 2", "RGB") == ["100", "66.7%", "85.5%"]
    assert cells(text, "Table 2", "RGB+OFF(RGB)") == ["50", "66.7%", "90.5%"]
    # Two networks one after the other: 1 / (1/100 + 1/100) and 1 / (1/50 + 1/100).
    assert cells(text, "Table 2", "RGB+RGB Diff")[0] == "50"
    assert cells(text, "Table 2", "RGB+OFF(RGB)+Flow")[0] == "33"
    # Mean over the splits that are there.
    assert cells(text, "Table 1", "TSN(RGB)")[1] == "66.7% (2 of 3 splits)"
    assert cells(text, "Table 3", "RGB+OFF_T")[1] != "not run"
    assert cells(text, "Table 4", "Hyp-Net+RGB")[1] == "66.7%"
    runs.append(make(split=3))
    text = paper_tables.markdown(runs)
    assert cells(text, "Table 1", "TSN(RGB)")[1] == f"{(2 / 3 * 2 + 1) / 3:.1%}"


def test_both_datasets_in_table_5():
    runs = [
        make(dataset=dataset, split=split, modality=modality)
        for dataset in ("ucf101", "hmdb51")
        for split in (1, 2, 3)
        for modality in ("rgb", "rgb_diff", "flow")
    ]
    text = paper_tables.markdown(runs)
    for method in ("Two-Stream TSN", "Ours (+OFF(RGB Diff))"):
        row = cells(text, "Table 5", method)
        assert row[0] == row[2] == "100.0%"
    assert "not run" not in text.split("### Table 5")[1]


def test_variants_have_tables_of_their_own_and_places_are_unique():
    text = paper_tables.markdown([make(), make(variant="released")])
    assert text.count("### Table 1") == 2 and "## Variant: released" in text
    with pytest.raises(
        ValueError, match="rgb.npz and rgb.npz are both variant 'paper'"
    ):
        paper_tables.markdown([make(), make()])
    with pytest.raises(ValueError, match="rgb.npz is not of a test split"):
        paper_tables.markdown([make(subset="validation")])
    with pytest.raises(ValueError, match="rgb.npz is of motion='tea', which the pa"):
        paper_tables.markdown([make(motion="tea")])


def test_tables_from_the_command_line(write, capsys):
    fuse_scores.main([write("rgb.npz", make()), "--tables"])
    assert cells(capsys.readouterr().out, "Table 2", "RGB")[1] == "100.0%"
