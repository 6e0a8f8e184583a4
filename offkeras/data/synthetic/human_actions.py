"""Human actions: people drawn from motion capture, in front of real footage.

What someone does, neither one frame nor the camera gives away. Every action is seen
from all sides, by a camera that pans, tilts, zooms, rolls and shakes as it likes; five
pairs of classes are each other's time reversals, and one who stands may stand in the
middle of a step. Clothes, bodies, light and backgrounds are random, the same for all
classes; those of the test, and its viewpoints, are not those of training.
"""

import numpy as np
import tensorflow as tf

from offkeras.data.actions.labelled_videos import finish
from offkeras.data.synthetic.human import backgrounds as human_backgrounds
from offkeras.data.synthetic.human.actions import ACTIONS
from offkeras.data.synthetic.human.scenes import draw_clip
from offkeras.data.synthetic.rendered import Rendered
from offkeras.modalities import find
from offkeras.video.optical_flow import estimator, quantize

INTERVAL = 0.15  # seconds from segment to segment
FRAME = 0.04  # seconds from frame to frame of a segment
FOOTAGE_HEIGHT = 1.5  # of the backgrounds, in heights of a segment
MAX_PIXELS = 2**28  # of the frames of a clip


class HumanActions(Rendered):
    """The human-actions dataset: twenty balanced classes; RGB, differences or flow.

    The motions are those of DeepMimic, see `synthetic/human/README.md`. A clip is
    `num_segments` segments `interval` seconds apart. Flow is estimated by DIS.

    Example:

    ```python
    clips = data.HumanActions.open()
    train = clips.train(data.Stream(epochs=5), batch_size=32, size=112)
    ```
    """

    class_names = tuple(ACTIONS)
    modalities = ("rgb", "rgb_diff", "flow")

    def __init__(self, clips_per_epoch, evaluation_clips, interval, backgrounds):
        super().__init__(clips_per_epoch, evaluation_clips)
        self.interval = interval
        self.backgrounds = backgrounds

    @classmethod
    def open(
        cls,
        *,
        clips_per_epoch=3000,
        evaluation_clips=800,
        interval=INTERVAL,
        backgrounds=None,
    ):
        """Opens the set; nothing is read yet.

        Args:
            clips_per_epoch: training clips in an epoch.
            evaluation_clips: clips of the validation and of the test dataset.
            interval: seconds from segment to segment.
            backgrounds: folder of photographs and videos, of which training,
                validation and test get files of their own. Default: the sample
                videos.

        Raises:
            ValueError: if a number of clips is not a positive multiple of the number
                of classes, or `interval` is not positive.
        """
        if not interval > 0:
            raise ValueError(
                f"Expected interval to be positive seconds. Received: {interval}."
            )
        return super().open(
            clips_per_epoch=clips_per_epoch,
            evaluation_clips=evaluation_clips,
            interval=interval,
            backgrounds=backgrounds,
        )

    @classmethod
    def action(cls, label):
        """What a class is made of: its `Action`, and the colour of its clothes."""
        return ACTIONS[cls.class_names[label]], None

    def draw(self, seed, label, *, subset, times, size):
        """A clip at any times, for what is not a dataset: video files, pictures.

        Args:
            seed: list of integers, not negative, that all that is random depends on.
            label: the class.
            subset: `"train"`, `"validation"` or `"test"`: whose people, viewpoints and
                backgrounds.
            times: of the frames in seconds, 0 in the middle.
            size: height and width in pixels.

        Returns:
            A `Clip`: `clip.frame(n)` is a frame, `clip.render()` are all.

        Raises:
            ValueError: if all frames together have more than `MAX_PIXELS` pixels.
        """
        if len(times) * size * size > MAX_PIXELS:
            raise ValueError(
                f"Expected clips of at most {MAX_PIXELS} pixels. "
                f"Received: {len(times)} frames of {size}x{size}."
            )
        action, colour = self.action(label)
        return draw_clip(
            seed,
            action,
            split=subset,
            footage=self.footage(subset, size),
            times=np.asarray(times, np.float64),
            size=size,
            colour=colour,
        )

    def footage(self, subset, size):
        """The backgrounds of a subset, a tuple of `Footage`, at the scale of `size`."""
        height = round(size * FOOTAGE_HEIGHT)
        if self.backgrounds is None:
            return human_backgrounds.load_samples(subset, height)
        return human_backgrounds.load_folder(str(self.backgrounds), subset, height)

    def _clip_function(self, split, key, modality, num_segments, size):
        kind = find(modality)
        times = segment_times(num_segments, self.interval, kind)
        self.footage(split, size)  # what is bad about it is known at once
        images = 3 if modality == "rgb" else 3 * times.shape[1]
        channels = kind.channels if modality == "flow" else images

        def render(drawn, label):
            seed = drawn.view(np.uint32).tolist()
            frames = self.draw(
                seed, int(label), subset=split, times=times.ravel(), size=size
            ).render()
            frames = frames.reshape(*times.shape, size, size, 3)
            if modality == "flow":
                return _flows(frames)
            # (T, K, H, W, 3) -> (T, H, W, K, 3) -> (T, H, W, 3K)
            frames = frames.transpose(0, 2, 3, 1, 4)
            return frames.reshape(num_segments, size, size, images)

        def clip(epoch, index):
            label = tf.cast(index % len(self.class_names), tf.int32)
            frames = tf.numpy_function(
                render, [key(epoch, index), label], tf.uint8, stateful=False
            )
            shape = [num_segments, size, size, channels]
            return finish(tf.ensure_shape(frames, shape), kind), label

        return clip


def segment_times(num_segments, interval, kind):
    """Seconds of the frames of each segment, `(T, K)`, 0 in the middle of the clip.

    Args:
        num_segments: segments of the clip.
        interval: seconds from segment to segment.
        kind: the `Modality`; flow takes one frame more than there are flows.
    """
    count = kind.frames_per_segment + (kind.name == "flow")
    starts = (np.arange(num_segments) - (num_segments - 1) / 2) * interval
    return starts[:, None] + (np.arange(count) - (count - 1) / 2) * FRAME


def _flows(frames):
    """Flow from frame to frame, uint8 `(T, H, W, 2 (K - 1))`: x, y, x, y ..."""
    between = estimator("dis")
    grey = np.rint(frames @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    fields = [
        np.concatenate(
            [between(*pair) for pair in zip(segment, segment[1:], strict=False)],
            axis=-1,
        )
        for segment in grey
    ]
    return quantize(np.stack(fields))
