"""Frames as JPEG files, decoded inside the graph."""

import tensorflow as tf

from offkeras.data.augment import EVALUATION_SCALE, center_crop
from offkeras.data.resize import decode_jpeg
from offkeras.video.container import MAX_PIXELS


def encoded(serving_model, *, num_segments, crop):
    """A function from JPEG files to the result of a serving model.

    Args:
        serving_model: a `keras.Model` from uint8 RGB `{"frames"}`.
        num_segments: frames of a clip, or `None`.
        crop: height and width of the evaluation view that frames are brought
            to, or `None`: they stay as they are, all of one size.

    Returns:
        `(function, inputs)`: a function of `{"images"}`, strings `(batch,
        segments)`, and the `tf.TensorSpec` of its input.
    """

    def decode(image):
        frame = _decode(image, crop)
        return frame if crop is None else center_crop(frame[None], crop)[0]

    def answer(inputs):
        images = inputs["images"]
        # (B, T) -> (B*T,) -> (B*T, H, W, 3) -> (B, T, H, W, 3)
        frames = tf.map_fn(
            decode,
            tf.reshape(images, [-1]),
            fn_output_signature=tf.TensorSpec((crop, crop, 3), tf.uint8),
        )
        shape = tf.concat([tf.shape(images), tf.shape(frames)[1:]], axis=0)
        frames = tf.reshape(frames, shape)
        frames = tf.ensure_shape(frames, (None, num_segments, crop, crop, 3))
        return serving_model({"frames": frames}, training=False)

    specification = tf.TensorSpec((None, num_segments), tf.string, name="images")
    return answer, {"images": specification}


def _decode(image, crop):
    # A file of a few bytes can claim 65,535 rows and columns, and a narrow one become
    # much larger when its shorter side is scaled.
    size = tf.image.extract_jpeg_shape(image, tf.int64)[:2]
    pixels = tf.reduce_prod(size)
    if crop is not None:
        shorter = tf.constant(round(crop * EVALUATION_SCALE), tf.int64)
        longer = shorter * tf.reduce_max(size) // tf.maximum(tf.reduce_min(size), 1)
        pixels = tf.maximum(pixels, shorter * longer)
    check = tf.debugging.assert_less_equal(
        pixels,
        tf.constant(MAX_PIXELS, tf.int64),
        message=f"Expected JPEG images of at most {MAX_PIXELS} pixels, once scaled.",
    )
    with tf.control_dependencies([check]):
        return decode_jpeg(image)
