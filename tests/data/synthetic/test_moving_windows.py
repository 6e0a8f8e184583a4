import math

import cv2
import numpy as np
import pytest

from offkeras import cli
from offkeras.data import ClassFolder, write_video
from offkeras.data.synthetic.moving_windows import MOTIONS, path, read_clip, render
from offkeras.video import probe, read_frames


def footage(height=120, width=160, seed=0):
    rng = np.random.default_rng(seed)
    texture = rng.integers(0, 256, (height // 5, width // 5, 3), np.uint8)
    return cv2.resize(texture, (width, height), interpolation=cv2.INTER_CUBIC)


def motion_between(first, second):
    """Shift, log of the scale and angle that take points of one picture to the other.

    By ORB features and RANSAC of OpenCV, which know nothing of windows.
    """
    grey = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (first, second)]
    points = cv2.goodFeaturesToTrack(grey[0], 200, 0.01, 3)
    moved, status, _ = cv2.calcOpticalFlowPyrLK(*grey, points, None)
    good = status[:, 0] == 1
    matrix, _ = cv2.estimateAffinePartial2D(points[good], moved[good])
    centre = np.array([*[(n - 1) / 2 for n in grey[0].shape[::-1]], 1])
    shift = matrix @ centre - centre[:2]
    scale, angle = np.hypot(*matrix[:, 0]), math.atan2(matrix[1, 0], matrix[0, 0])
    return {"x": shift[0], "y": shift[1], "zoom": math.log(scale), "angle": angle}


DIAGONAL = {"x": 1, "y": -1}


@pytest.mark.parametrize("signs", [*MOTIONS.values(), DIAGONAL])
@pytest.mark.parametrize("seed", ["a", "b"])
def test_content_moves_against_the_camera(signs, seed):
    frame = footage()
    windows = path(signs, *frame.shape[:2], 21, seed)
    moves = motion_between(*(render(frame, windows[n], 96) for n in (10, 12)))
    limits = {"x": 0.4, "y": 0.4, "zoom": 0.01, "angle": 0.01}
    for name, limit in limits.items():
        if name in signs:
            # A camera that pans to the right shows content that moves to the left;
            # one that zooms in makes it larger.
            assert moves[name] * -signs[name] > limit
        else:
            assert abs(moves[name]) < limit


def test_a_path_stays_in_the_footage():
    for seed in range(50):
        for motion in ("still", "pan_left", "tilt_down", "zoom_in"):
            for window in path(MOTIONS[motion], 120, 160, 9, seed):
                assert (
                    window.side / 2 <= window.x + 1e-6 <= 160 - window.side / 2 + 1e-3
                )
                assert (
                    window.side / 2 <= window.y + 1e-6 <= 120 - window.side / 2 + 1e-3
                )


def test_a_clip_depends_on_its_seed_alone(tmp_path):
    write_video(tmp_path / "a.mp4", [footage(seed=n) for n in range(6)], fps=25)
    info = probe(tmp_path / "a.mp4")

    def clip(seed):
        return np.stack([*read_clip(info, {"x": -1}, num_frames=9, size=48, seed=seed)])

    assert clip(1).shape == (9, 48, 48, 3)
    np.testing.assert_array_equal(clip(1), clip(1))
    assert not np.array_equal(clip(1), clip(2))
    # Footage that is shorter rests at its end: there the window moves alone.
    window = path({"x": -1}, 120, 160, 9, 1)[-1]
    last = [*read_frames(info, [5])][0]
    np.testing.assert_array_equal(clip(1)[-1], render(last, window, 48))


def test_command_writes_class_folders(tmp_path):
    write_video(tmp_path / "a.mp4", [footage(seed=n) for n in range(12)], fps=25)
    out = tmp_path / "motions"
    arguments = ["prepare", "camera_motion", "--out", str(out), "--clips", "2"]
    arguments += ["--videos", str(tmp_path / "a.mp4"), "--frames", "8", "--size", "32"]
    arguments += ["--motions", "still,pan_left"]
    cli.main(arguments)
    videos = ClassFolder.open(out)
    assert videos.class_names == ("pan_left", "still")
    assert videos.num_frames == (8, 8, 8, 8)
    times = {path: (out / path).stat().st_mtime_ns for path in videos.paths}
    cli.main(arguments)  # writes nothing anew
    assert times == {path: (out / path).stat().st_mtime_ns for path in videos.paths}


def test_photographs_and_videos_by_turns(tmp_path):
    write_video(tmp_path / "a.mp4", [footage(seed=n) for n in range(8)], fps=25)
    (tmp_path / "photographs").mkdir()
    picture = cv2.resize(footage(), (800, 600))
    cv2.imwrite(str(tmp_path / "photographs/a.png"), picture)
    arguments = ["--clips", "2", "--frames", "8", "--size", "64", "--motions", "still"]
    arguments += ["--videos", str(tmp_path / "a.mp4")]
    arguments += ["--photographs", str(tmp_path / "photographs")]
    cli.main(["prepare", "camera_motion", "--out", str(tmp_path / "out"), *arguments])

    def change(name):
        frames = np.stack([*read_frames(probe(tmp_path / "out/still" / name), [0, 7])])
        return np.abs(frames[0].astype(int) - frames[1]).mean()

    assert change("0000.mp4") > 20  # a frame of noise after the other
    assert change("0001.mp4") < 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--photographs", "nowhere"], "Expected --photographs a folder of images"),
        (["--motions", "still,jump"], "Expected --motions among .*'jump'"),
        (["--videos", "nowhere"], "Expected a video or a folder of videos"),
    ],
)
def test_bad_options(tmp_path, options, message):
    with pytest.raises(SystemExit, match=message):
        cli.main(["prepare", "camera_motion", "--out", str(tmp_path / "out"), *options])
