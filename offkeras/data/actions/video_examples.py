"""One video as a serialized SequenceExample: JPEG frames, flow, and what it is.

context:        name, label, group, num_frames, fps, height, width
feature lists:  rgb               N JPEGs
                flow_x, flow_y    N - 1 gray JPEGs: flow i leads from frame i to i + 1
                codec_x, codec_y  N - 1 gray JPEGs: motion vectors, in the same order
"""

import dataclasses

import numpy as np
import tensorflow as tf

from offkeras.video import optical_flow
from offkeras.video.container import MAX_PIXELS
from offkeras.video.reading import VideoError, iterate_frames, probe
from offkeras.video.vectors.fields import RULES
from offkeras.video.vectors.reading import iterate_fields

IMAGES = ("rgb", "flow_x", "flow_y", "codec_x", "codec_y")
MAX_BYTES = 2**30  # of an example; protocol buffers end at two of them
ASPECTS = ("stretch", "keep")


@dataclasses.dataclass(frozen=True)
class ExampleOptions:
    """How frames are stored: TSN's way by default.

    Attributes:
        height: of a stored frame in pixels.
        width: of a stored frame in pixels.
        aspect: `"stretch"` to `height` x `width` as the released code does, or
            `"keep"`: the shorter side becomes `height`, and `width` has no effect.
        quality: of the JPEGs, 1..100.
        flow: `"none"`, `"tvl1"` or `"dis"`; between the frames as stored.
        vectors: `"none"`; `"previous"` or `"next"` for the motion vectors of the
            video's codec, see `vectors.fields.FieldStream`.

    Raises:
        ValueError: if a value is outside these.
    """

    height: int = 256
    width: int = 340
    aspect: str = "stretch"
    quality: int = 95
    flow: str = "none"
    vectors: str = "none"

    def __post_init__(self):
        if min(self.height, self.width) < 16:
            raise ValueError(
                "Expected height and width of at least 16 pixels. "
                f"Received: {self.height}x{self.width}."
            )
        if not 1 <= self.quality <= 100:
            raise ValueError(f"Expected quality in 1..100. Received: {self.quality}.")
        for name, values in (
            ("aspect", ASPECTS),
            ("flow", ("none", *optical_flow.METHODS)),
            ("vectors", ("none", *RULES)),
        ):
            if getattr(self, name) not in values:
                raise ValueError(
                    f"Expected {name} to be one of {values}. "
                    f"Received: {getattr(self, name)!r}."
                )


def make_example(video, options):
    """Decodes a video and encodes its frames and flow.

    Frames pass one at a time: the memory taken is that of the JPEGs. The same video
    and options give the same bytes. For that OpenCV is set to one thread: the
    result of DIS depends on their number.

    Args:
        video: entry of a dataset with `name`, `path`, `label` and `group`.
        options: an `ExampleOptions`.

    Returns:
        The serialized `tf.train.SequenceExample`.

    Raises:
        VideoError: if the video cannot be read to its end or takes more than 1 GiB.
    """
    import cv2

    cv2.setNumThreads(1)
    example = tf.train.SequenceExample()
    lists = example.feature_lists.feature_list
    flow_between = (
        None if options.flow == "none" else optical_flow.estimator(options.flow)
    )
    if options.vectors == "none":
        decoded = ((*frame, None) for frame in iterate_frames(video.path))
    else:
        decoded = iterate_fields(video.path, rule=options.vectors)
    count, size, seconds = 0, 0, 0.0
    shape = previous = None
    for time, frame, field in decoded:
        frame = _resize(video.path, frame, options)
        if frame.shape != (shape or frame.shape):
            raise VideoError(video.path, "the frame size changes within the video.")
        shape = frame.shape
        images = {"rgb": cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)}
        if flow_between:
            gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
            if previous is not None:
                flow = optical_flow.quantize(flow_between(previous, gray))
                images |= {"flow_x": flow[..., 0], "flow_y": flow[..., 1]}
            previous = gray
        if field is not None and count:
            motion = _resize(video.path, field.image(), options)
            images |= {"codec_x": motion[..., 0], "codec_y": motion[..., 1]}
        for name, image in images.items():
            jpeg = _encode(image, options.quality)
            size += len(jpeg)
            lists[name].feature.add().bytes_list.value.append(jpeg)
        if size > MAX_BYTES:
            raise VideoError(
                video.path, f"frame {count} exceeds 1 GiB of images: cut the video."
            )
        count, seconds = count + 1, time
    fps = (count - 1) / seconds if seconds else probe(video.path).fps

    context = example.context.feature
    for name, value in (
        ("label", video.label),
        ("num_frames", count),
        ("height", shape[0]),
        ("width", shape[1]),
    ):
        context[name].int64_list.value.append(value)
    for name in ("name", "group"):
        context[name].bytes_list.value.append(getattr(video, name).encode())
    context["fps"].float_list.value.append(fps)
    return example.SerializeToString(deterministic=True)


def stored_images(flow, vectors):
    """The kinds of images in an example with these options."""
    is_left_out = {"rgb": False, "flow": flow == "none", "codec": vectors == "none"}
    return tuple(name for name in IMAGES if not is_left_out[name.partition("_")[0]])


def image_ranges(example, serialized):
    """Where the JPEGs lie in a serialized example.

    Args:
        example: the `tf.train.SequenceExample`.
        serialized: the same, serialized.

    Returns:
        int64 array `(images, 2)` of begin and end: all of rgb, of flow_x, of flow_y,
        of codec_x, of codec_y.
    """
    ranges = []
    for name in IMAGES:
        end = 0  # the images of a list follow each other
        for feature in example.feature_lists.feature_list[name].feature:
            (jpeg,) = feature.bytes_list.value
            begin = serialized.index(jpeg, end)
            end = begin + len(jpeg)
            ranges.append((begin, end))
    return np.array(ranges, np.int64)


def _resize(path, frame, options):
    """A frame at the stored size: bilinear up, averaged down."""
    import cv2

    height, width = frame.shape[:2]
    if options.aspect == "keep":
        scale = options.height / min(height, width)
        target = round(height * scale), round(width * scale)
    else:
        target = options.height, options.width
    if target[0] * target[1] > MAX_PIXELS:  # of a narrow frame that keeps its aspect
        raise VideoError(
            path, f"frames would be stored at {target[1]}x{target[0]}: too large."
        )
    shrinks = target[0] * target[1] < height * width
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(frame, target[::-1], interpolation=interpolation)


def _encode(image, quality):
    import cv2

    _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return jpeg.tobytes()
