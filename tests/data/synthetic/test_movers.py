"""Scenes in which people and things move, and their boxes."""

import dataclasses
import json

import numpy as np
import pytest

from offkeras.data import load_imagenet_vid, read_classes
from offkeras.data.synthetic.movers import scenes
from offkeras.data.synthetic.movers.figures import LEAST_MOVED, Person, Thing
from offkeras.data.synthetic.movers.pairs import load_footage, movers
from offkeras.data.synthetic.snippet_files import write_snippets

SIZE = (96, 128)


@pytest.fixture(scope="module")
def footage():
    return load_footage("", "validation", SIZE[0])


def draw(footage, seed, times=(0.0, 0.12), camera=None):
    return scenes.draw_scene(
        np.random.default_rng(seed),
        footage,
        split="validation",
        times=np.array(times),
        size=SIZE,
        camera=camera,
    )


def changed(scene, figure, number):
    """Where a frame is another one without a figure, and its shadow."""
    quiet = dataclasses.replace(
        scene.finish, blur=0.0, noise=0.0, quality=None, gain=1.0, offset=0.0
    )
    if isinstance(figure, Person):
        figure = dataclasses.replace(figure, shadow=None)
    ground = dataclasses.replace(scene.ground, shades=())
    empty = dataclasses.replace(scene, finish=quiet, figures=(), ground=ground)
    alone = dataclasses.replace(empty, figures=(figure,))
    return (alone.frame(number) != empty.frame(number)).any(axis=-1)


def test_boxes_are_where_figures_are_drawn(footage):
    checked = 0
    for seed in range(12):
        scene = draw(footage, seed)
        for figure in scene.figures:
            for number in (0, 1):
                x1, y1, x2, y2 = figure.boxes[number]
                if min(x1, y1) < 1 or x2 > SIZE[1] - 1 or y2 > SIZE[0] - 1:
                    continue
                rows, columns = np.nonzero(changed(scene, figure, number))
                drawn = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
                # Soft edges reach beyond, and nothing is seen of equal colours.
                assert np.abs(np.array(drawn) - [x1, y1, x2, y2]).max() <= 4
                checked += 1
    assert checked >= 20


def test_what_moves_does_so_against_the_background(footage):
    """Boxes at rest go where the camera takes the background, the others do not."""
    still = [draw(footage, seed, camera="still") for seed in range(12)]
    for scene in still:
        assert np.abs(scene.matrices - np.eye(2, 3)).max() < 0.02 * SIZE[1]
        for figure in scene.figures:
            if isinstance(figure, Thing) and not figure.moves:
                shift = figure.boxes[1] - figure.boxes[0]
                camera = scene.matrices[1, :, 2] - scene.matrices[0, :, 2]
                np.testing.assert_allclose(shift, np.tile(camera, 2), atol=1e-3)
            elif figure.moves and isinstance(figure, Person):
                limbs = figure.flat.start[..., :2]
                assert np.hypot(*(limbs[1] - limbs[0]).T).mean() > 0.8 * LEAST_MOVED
    moving = [draw(footage, seed, camera="moving") for seed in range(12)]
    shifts = [np.abs(scene.matrices[1] - scene.matrices[0]).max() for scene in moving]
    assert np.median(shifts) > 0.5
    for scenes_ in (still, moving):
        figures = [figure.moves for scene in scenes_ for figure in scene.figures]
        assert {True, False} == {*figures}
        listed = sum(len(scene.boxes(1)[0]) for scene in scenes_)
        assert 0 < listed <= sum(figures)


def test_the_camera_turns_about_the_middle_of_a_picture_of_any_shape(footage):
    for seed in range(6):
        scene = draw(footage, seed, times=(-0.1, 0.0, 0.1), camera="moving")
        middle = np.array([SIZE[1] / 2, SIZE[0] / 2, 1])
        shifts = scene.matrices @ middle - middle[:2]
        np.testing.assert_allclose(shifts[0] + shifts[2], 2 * shifts[1], atol=1.5)
        assert np.abs(shifts[1]).max() < 3  # where it trembles


def test_pairs_are_files_that_the_detector_reads(tmp_path, footage):
    splits = {"train": (3, 2), "test": (2, 2)}
    for folder in ("a", "b"):
        write_snippets(movers(), tmp_path / folder, splits=splits, seed=3)
    train = load_imagenet_vid(tmp_path / "a", ["VID_train_15frames"],
        classes=read_classes(tmp_path / "a/classes.txt"))  # fmt: skip
    assert train.class_names == ("mover",)
    # Nothing is detected in first frames, which have no reference.
    assert {frame.position for frame in train.frames} == {1}
    files = sorted((tmp_path / "a").rglob("*.JPEG"))
    assert len(files) == 10
    for file in files:
        twin = tmp_path / "b" / file.relative_to(tmp_path / "a")
        assert file.read_bytes() == twin.read_bytes()
    assert json.loads((tmp_path / "a/movers.json").read_text())["backgrounds"] == ""
    with pytest.raises(ValueError, match="movers.json to say .*, to go on there"):
        write_snippets(movers(str(tmp_path)), tmp_path / "a", splits=splits, seed=3)
