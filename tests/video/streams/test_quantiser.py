"""The quantiser that the decoder tells is the one that the encoder was told."""

import av
import numpy as np
import pytest

from offkeras.video import isolated_remux, remux
from offkeras.video.streams.quantiser import EXPORT, Quantiser, quantiser

ONE_FOR_ALL = "ipratio=1:pbratio=1"  # x264 has others for I and B frames


def fixed(q):
    """Options of FFmpeg's own encoders."""
    return {"qmin": str(q), "qmax": str(q)}


def quantisers(path):
    return [source.quantiser for source in remux.read_source(path)]


@pytest.mark.parametrize("qp", [18, 30, 42])
def test_h264(qp, encode):
    options = {"qp": str(qp), "x264-params": ONE_FOR_ALL}
    path = encode("a.mp4", num_frames=7, options=options)
    assert quantisers(path) == [("h264", qp)] * 7


def test_h264_of_10_bits_is_on_the_scale_of_8(encode):
    """With 10 bits the same step is 12 higher."""
    options = {"qp": "30", "x264-params": ONE_FOR_ALL}
    path = encode("a.mp4", num_frames=3, options=options, pixel_format="yuv420p10le")
    assert quantisers(path) == [("h264", 18)] * 3


@pytest.mark.parametrize("q", [2, 9, 31])
@pytest.mark.parametrize(
    "codec, name, told",
    [
        ("mpeg4", "a.avi", "mpeg4"),
        ("mpeg2video", "a.mpg", "mpeg2video"),
        ("mpeg1video", "a.mpg", "mpeg1video"),
        ("flv", "a.flv", "flv1"),
    ],
)
def test_fixed_quantisers(codec, name, told, q, encode):
    """Of every frame, also of the last one of MPEG-2, of which FFmpeg is silent."""
    path = encode(name, codec=codec, num_frames=5, options=fixed(q))
    assert quantisers(path) == [(told, q)] * 5


def test_vp9(encode):
    """libvpx maps its 30 of 0..63 to 120 of the 0..255 of the codec."""
    options = {**fixed(30), "crf": "30", "b": "0", "cpu-used": "8"}
    path = encode("a.webm", codec="libvpx-vp9", num_frames=4, options=options)
    assert quantisers(path) == [("vp9", 120)] * 4


def test_the_mean_of_blocks_that_differ(encode):
    """Against the map of them that PyAV makes."""
    options = {"crf": "30", "x264-params": "aq-mode=1:aq-strength=3"}
    path = encode("a.mp4", num_frames=6, options=options)
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = EXPORT
        spread = []
        for frame in container.decode(stream):
            table = frame.side_data["VIDEO_ENC_PARAMS"].qp_map()
            spread.append(np.ptp(table))
            found = quantiser(frame, stream.codec_context)
            assert found == ("h264", pytest.approx(table.mean()))
    assert len(spread) == 6 and max(spread) > 2


@pytest.mark.parametrize("codec, name", [("libx265", "a.mp4"), ("mjpeg", "a.avi")])
def test_codecs_that_tell_nothing(codec, name, encode):
    options = {"x265-params": "log-level=error"} if codec == "libx265" else {}
    pixel_format = "yuv420p" if codec == "libx265" else "yuvj420p"
    path = encode(
        name, codec=codec, num_frames=3, options=options, pixel_format=pixel_format
    )
    assert quantisers(path) == [None] * 3


def test_a_process_of_its_own_tells_the_same(encode):
    for name, codec, options in (
        ("a.mp4", "libx264", {"crf": "33"}),
        ("a.avi", "mjpeg", {}),
    ):
        pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        path = encode(
            name, codec=codec, num_frames=5, options=options, pixel_format=pixel_format
        )
        told = [source.quantiser for source in isolated_remux.read_source(path)]
        assert told == quantisers(path)
        assert all(isinstance(q, Quantiser) for q in told) == (codec == "libx264")
