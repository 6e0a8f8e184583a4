import cv2
import numpy as np
import pytest

from offkeras import backbones, cli, data, inference, models


@pytest.fixture(scope="module")
def frames():
    return data.read_frames(data.sample_video("bikes.mp4"), [40, 41])


def test_brightness_maps(frames):
    maps = inference.motion_maps(frames)
    luma = frames.astype(float) @ [0.299, 0.587, 0.114]
    kernel = np.array([[-1, 0, 1]] * 3, float)
    options = dict(ddepth=-1, borderType=cv2.BORDER_CONSTANT)
    fx = cv2.filter2D(luma[0], kernel=kernel, **options)
    fy = cv2.filter2D(luma[0], kernel=-kernel.T, **options)
    np.testing.assert_allclose(maps["feature"], luma[0], rtol=1e-4)
    np.testing.assert_allclose(maps["Ft"], luma[1] - luma[0], atol=1e-2)
    np.testing.assert_allclose(maps["Fx"], fx, atol=1e-2)
    np.testing.assert_allclose(maps["Fy"], fy, atol=1e-2)


def test_feature_maps_of_a_recognizer(frames):
    backbone = backbones.BNInception(width=0.125, input_shape=(64, 64, 3))
    model = models.OFFActionRecognizer(3, num_segments=2, backbone=backbone)
    maps = inference.motion_maps(frames, recognizer=model, level=2)
    assert {map.shape for map in maps.values()} == {(4, 4)}
    np.testing.assert_allclose(
        maps["Fx"][1:-1, 1:-1],
        cv2.filter2D(maps["feature"], -1, np.array([[-1, 0, 1.0]] * 3))[1:-1, 1:-1],
        atol=1e-4,
    )
    with pytest.raises(ValueError, match="`level` must be 1, 2 or 3.*level=4"):
        inference.motion_maps(frames, recognizer=model, level=4)


def test_wrong_frames(frames):
    with pytest.raises(ValueError, match=r"two RGB frames.*\(1, "):
        inference.motion_maps(frames[:1])


def test_red_above_and_cyan_below_zero(tmp_path):
    ramp = np.tile(np.linspace(-1, 1, 64, dtype="float32"), (64, 1))
    frames = np.zeros((2, 64, 64, 3), np.uint8)
    inference.draw_motion(
        frames, dict.fromkeys(("feature", "Fx", "Fy", "Ft"), ramp), tmp_path / "m.png"
    )
    colors = cv2.imread(str(tmp_path / "m.png")).reshape(-1, 3)[:, ::-1].tolist()
    assert [255, 0, 0] in colors and [0, 255, 255] in colors


def test_command(tmp_path, capsys):
    output = tmp_path / "motion.png"
    cli.main(["show", data.sample_video("bikes.mp4"), "--output", str(output)])
    assert cv2.imread(str(output)).shape[2] == 3
    with pytest.raises(SystemExit, match="frame 100001 does not exist"):
        video = data.sample_video("bikes.mp4")
        cli.main(["show", video, "--frame", "100000", "--output", str(output)])
