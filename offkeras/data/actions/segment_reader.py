"""From a video file to the images of its segments, in two steps: decode, then make."""

import dataclasses

import numpy as np

from offkeras.data.augment import evaluation_size
from offkeras.modalities import Modality
from offkeras.video import optical_flow, read_frames
from offkeras.video.vectors.reading import read_fields


@dataclasses.dataclass(frozen=True)
class SegmentReader:
    """Reads segments of one modality.

    Attributes:
        kind: the `Modality`.
        size: of the crops that follow; frames are scaled for it.
        flow: method of optical flow, see `optical_flow.estimator`.
        vectors: where frames without motion vectors take them from, see
            `vectors.fields.FieldStream`.
    """

    kind: Modality
    size: int
    flow: str = "dis"
    vectors: str = "previous"

    def decode(self, video, chosen):
        """What the file gives of the chosen images.

        Args:
            video: the `VideoInfo`.
            chosen: numbers of the images of every segment, `(T, K)`.

        Returns:
            Dict of scaled frames, or of motion fields, by number.
        """
        wanted = np.unique(chosen)
        if "codec_x" in self.kind.images:
            fields = read_fields(
                video,
                (wanted + 1).tolist(),
                rule=self.vectors,
                transform=lambda field: field,
            )
            return dict(zip(wanted.tolist(), fields, strict=True))
        if self.kind.images != ("rgb",):
            wanted = np.unique(np.append(chosen, chosen + 1))
        frames = read_frames(video, wanted.tolist(), transform=self._scaled)
        return dict(zip(wanted.tolist(), frames, strict=True))

    def make(self, decoded, chosen):
        """The segments of what `decode` returned, uint8 `(T, H, W, K * channels)`."""
        if "codec_x" in self.kind.images:
            # The motion vectors from each chosen frame to the next.
            decoded = {i: self._scaled(f.image()) for i, f in decoded.items()}
        elif self.kind.images != ("rgb",):
            decoded = self._flows(decoded, chosen)
        return np.stack(
            [
                np.concatenate([decoded[i] for i in row], axis=-1)
                for row in chosen.tolist()
            ]
        )

    def _flows(self, frames, chosen):
        """The flow from each chosen frame to the next, quantised as in shards."""
        import cv2

        cv2.setNumThreads(1)  # the result of DIS depends on their number
        between = optical_flow.estimator(self.flow)
        grey = {i: cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for i, f in frames.items()}
        return {
            i: optical_flow.quantize(between(grey[i], grey[i + 1]))
            for i in np.unique(chosen).tolist()
        }

    def _scaled(self, image):
        """Its shorter side scaled as `center_crop` does it."""
        return evaluation_size(image, self.size)[0].numpy()
