"""Videos whose headers lie, and videos without their end."""

import pathlib
import re
import struct

import av
import numpy as np
import pytest

from benchmarks.support import memory
from offkeras.data.resize import shorter_side
from offkeras.video import write_video
from offkeras.video.reading import (
    VideoError,
    iterate_frames,
    probe,
    read_frames,
)
from tests.support.avi import with_gaps

MJPEG = dict(codec="mjpeg", pixel_format="yuvj420p")
READS = (probe, lambda path: read_frames(path, [0]), lambda p: list(iterate_frames(p)))


def read_bytes(path):
    return bytearray(pathlib.Path(path).read_bytes())


def refused_everywhere(path, reason):
    """Every way to read a file names it and gives the reason."""
    for read in READS:
        with pytest.raises(VideoError, match=reason) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "mjpeg"])
def test_an_avi_cut_between_packets(codec, encode, tmp_path):
    """No byte of a frame is torn: only the header tells."""
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    whole = encode("whole.avi", codec=codec, pixel_format=pixel_format)
    data = read_bytes(whole)
    begin = data.index(b"movi")
    chunks = [m.start() for m in re.finditer(b"00dc", data) if m.start() > begin]
    chunks = chunks[:60]  # the index names them all again
    path = tmp_path / "cut.avi"
    for count in (1, 24, 59):
        path.write_bytes(data[: chunks[count]])
        refused_everywhere(path, f"declares 60 frames, it holds {count}")
    path.write_bytes(data[: data.index(b"idx1")])  # all frames, no index
    assert probe(path).num_frames == len(list(iterate_frames(path))) == 60


@pytest.mark.parametrize("suffix", ["mkv", "webm", "mp4"])
def test_other_files_cut_between_packets(suffix, encode, tmp_path):
    codec = {"webm": "libvpx"}.get(suffix, "libx264")
    options = {"movflags": "faststart"} if suffix == "mp4" else {}
    whole = encode(f"whole.{suffix}", codec=codec, container_options=options)
    with av.open(whole) as container:
        starts = [p.pos for p in container.demux(video=0) if p.size]
    data = read_bytes(whole)
    path = tmp_path / f"cut.{suffix}"
    for count in (1, 30, 59):
        path.write_bytes(data[: starts[count]])
        refused_everywhere(path, "is truncated at frame|not a readable video")


def test_an_avi_cut_within_the_empty_chunks_at_its_end(encode, tmp_path):
    """What repeats the last frame is no frame that is missing, but it may be."""
    path = tmp_path / "cut.avi"
    data = with_gaps(read_bytes(encode("whole.avi", **MJPEG)), {60: 9}, index=False)
    path.write_bytes(data)
    assert probe(path).num_frames == len(list(iterate_frames(path))) == 60
    path.write_bytes(data[:-8])
    refused_everywhere(path, "declares 69 frames, it holds 68")


def test_a_variable_rate_in_avi_is_whole(encode, tmp_path):
    """Its header counts the slots of frames that are not there."""
    frames = []
    path = tmp_path / "uneven.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuvj420p"
        for i, pts in enumerate(np.cumsum([1, 3, 2, 1, 5] * 6)):
            frame = av.VideoFrame(96, 64, "yuvj420p")
            for plane in frame.planes:
                plane.update(np.full((plane.height, plane.line_size), 8 * i, np.uint8))
            frame.pts = int(pts)
            container.mux(stream.encode(frame))
            frames.append(frame)
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames > 2 * len(frames)
    assert probe(path).num_frames == len(list(iterate_frames(path))) == len(frames)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts", "avi"])
def test_files_that_declare_nothing_are_read(suffix, tmp_path, decode_all):
    """Recordings that were never finished: unknown sizes, fragments, no index."""
    options = {
        "mkv": {"live": "1"},
        "mp4": {"movflags": "frag_keyframe+empty_moov"},
    }.get(suffix, {})
    path = tmp_path / f"live.{suffix}"
    formats = {"mkv": "matroska", "ts": "mpegts"}
    with open(path, "wb") as file:
        pipe = Pipe(file)
        with av.open(pipe, "w", formats.get(suffix, suffix), options=options) as out:
            stream = out.add_stream("mpeg4", rate=25)
            stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
            for i in range(30):
                frame = np.full((64, 96, 3), 8 * i, np.uint8)
                frame = av.VideoFrame.from_ndarray(frame, format="rgb24")
                out.mux(stream.encode(frame))
            out.mux(stream.encode())
    _, frames = decode_all(str(path))
    assert probe(path).num_frames == len(list(iterate_frames(path))) == len(frames)
    assert len(frames) >= 29


class Pipe:
    """A file that cannot go back to its header."""

    def __init__(self, file):
        self.write = file.write


def test_an_avi_header_that_lies(encode, tmp_path):
    data = read_bytes(encode("whole.avi", **MJPEG))
    length = data.index(b"vids") + 32  # dwLength of the stream header
    assert struct.unpack_from("<I", data, length) == (60,)
    path = tmp_path / "lies.avi"
    for declared in (61, 2**31 - 1):
        struct.pack_into("<I", data, length, declared)
        path.write_bytes(data)
        refused_everywhere(path, f"declares {declared} frames, it holds 60")
    struct.pack_into("<I", data, length, 7)
    path.write_bytes(data)
    assert probe(path).num_frames == len(list(iterate_frames(path))) == 60


def test_frames_that_the_index_of_an_mp4_places_beyond_the_file(encode, tmp_path):
    data = read_bytes(encode("whole.mov", **MJPEG))
    sizes = data.index(b"stsz") + 16
    struct.pack_into(">I", data, sizes + 4 * 40, 2**30)  # frame 40 is a gigabyte
    path = tmp_path / "lies.mov"
    path.write_bytes(data)
    memory.reset_peak()
    before = memory.peak()
    refused_everywhere(path, "lies.mov: ")
    assert memory.peak() - before < 100 * memory.MIB


@pytest.mark.parametrize(
    "suffix, codec",
    [
        *(("mov", codec) for codec in ("mjpeg", "png", "rawvideo", "libx264")),
        *(("avi", codec) for codec in ("mjpeg", "png", "ffv1", "mpeg4")),
    ],
)
def test_a_huge_size_in_a_header_takes_no_memory(codec, suffix, encode, tmp_path):
    pixels = {"mjpeg": "yuvj420p", "png": "rgb24", "rawvideo": "rgb24"}
    name = f"whole.{suffix}"
    whole = encode(name, codec=codec, pixel_format=pixels.get(codec, "yuv420p"))
    data = read_bytes(whole)
    place = data.index(b"stsd") + 44 if suffix == "mov" else data.index(b"strf") + 12
    order = ">HH" if suffix == "mov" else "<ii"
    assert struct.unpack_from(order, data, place) == (96, 64)
    struct.pack_into(order, data, place, 60000, 60000)
    path = tmp_path / f"huge.{suffix}"
    path.write_bytes(data)
    memory.reset_peak()
    before = memory.peak()
    for read in READS:
        if codec in ("rawvideo", "ffv1"):
            with pytest.raises(VideoError, match="huge.*missing or exceeds max_pixels"):
                read(path)
        else:  # the codec knows better than the header
            read(path)
    assert memory.peak() - before < 200 * memory.MIB


def test_a_huge_size_in_the_stream_itself_takes_no_memory(encode, tmp_path):
    """JPEG frames that say 60,000 x 60,000, behind a header that says 96 x 64."""
    data = read_bytes(encode("whole.avi", **MJPEG))
    size = struct.pack(">HH", 64, 96)
    path = tmp_path / "huge.avi"
    path.write_bytes(data.replace(size, struct.pack(">HH", 60000, 60000)))
    memory.reset_peak()
    before = memory.peak()
    refused_everywhere(path, "frame 0 cannot be decoded: ")
    assert memory.peak() - before < 200 * memory.MIB


def test_a_size_that_grows_on_the_way(encode, tmp_path):
    small = read_bytes(encode("small.h264", num_frames=4))
    large = read_bytes(encode("large.h264", num_frames=4, height=256, width=256))
    path = tmp_path / "both.h264"
    path.write_bytes(small + large)
    with pytest.raises(VideoError, match="256x256 exceeds max_pixels=7000"):
        list(iterate_frames(path, max_pixels=7000))
    with pytest.raises(VideoError, match="256x256 exceeds max_pixels=7000"):
        read_frames(path, [6], max_pixels=7000)


def test_a_narrow_frame_is_not_scaled_to_a_huge_one(tmp_path):
    path = tmp_path / "narrow.mp4"
    write_video(path, [np.zeros((2, 4096, 3), np.uint8)] * 2, fps=5, codec="mpeg4")

    def shorter(length):
        return lambda frame: shorter_side(frame, length)[0].numpy()

    assert read_frames(path, [0], transform=shorter(4)).shape == (1, 4, 8192, 3)
    with pytest.raises(VideoError, match="narrow.mp4: .*2097152x1024, once scaled"):
        read_frames(path, [0], transform=shorter(1024))


@pytest.mark.parametrize("name", ["a.mp4", "a.avi"])
def test_max_frames(name, encode):
    path = encode(name, codec="mpeg4", num_frames=9)  # counted by decoding
    for read in (probe, iterate_frames):
        with pytest.raises(VideoError, match=f"{name}: has more than max_frames=8"):
            list(read(path, max_frames=8))
    assert probe(path, max_frames=9).num_frames == 9
    assert len(list(iterate_frames(path, max_frames=9))) == 9
    with pytest.raises(VideoError, match="has more than max_frames=8"):
        read_frames(path, [0], max_frames=8)


def test_scripts_that_open_other_files(encode, tmp_path):
    """FFmpeg tells a file by its content, and runs lists of files under any name."""
    secret = encode("secret/a.mp4", num_frames=3)
    path = tmp_path / "a.mp4"
    path.write_text("ffconcat version 1.0\nfile secret/a.mp4\n")
    with av.open(str(path)) as container:
        assert len(list(container.decode(video=0))) == 3  # the attack works
    refused_everywhere(path, "not a readable video")
    for script in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    ):
        path.write_text(script)
        refused_everywhere(path, "not a readable video")


def test_one_packet_that_does_not_decode_to_a_frame(encode, tmp_path):
    """Fewer frames than packets: none may be lost without a word."""
    data = read_bytes(encode("whole.mp4", num_frames=30, options={"g": "10"}))
    with av.open(encode("again.mp4", num_frames=30, options={"g": "10"})) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    path = tmp_path / "damaged.mp4"
    start, size = packets[15]
    data[start : start + size] = (b"\0\0\0\1\x0c" * size)[:size]  # fillers, no slice
    path.write_bytes(data)
    with pytest.raises(VideoError, match="damaged.mp4: "):
        list(iterate_frames(path))


def test_a_stream_that_appears_on_the_way(encode, tmp_path, monkeypatch):
    """What PyAV raises where damage makes a packet of a stream that nobody knows."""
    path = encode("a.ts", num_frames=20)
    real = av.container.InputContainer.demux

    class Container:
        """An open container, of which the tenth packet is such a one."""

        def __init__(self, container):
            self.container = container

        def __getattr__(self, name):
            return getattr(self.container, name)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.container.close()

        def demux(self, *streams):
            packets = real(self.container, *streams)
            yield from (next(packets) for _ in np.arange(9))
            raise IndexError("list index out of range")

    opened = av.open
    monkeypatch.setattr(av, "open", lambda *a, **k: Container(opened(*a, **k)))
    refused_everywhere(path, "is damaged .a packet of a stream that the header")
