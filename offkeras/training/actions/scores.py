"""Scores of a test in one file, and what they amount to."""

import dataclasses
import json

import numpy as np

from offkeras import metrics
from offkeras.models.motion import OFF_ITSELF
from offkeras.storage.writing import written_whole


@dataclasses.dataclass(frozen=True)
class Scores:
    """Logits of every output of a recognizer for the videos of a split.

    Attributes:
        names: tuple of video names.
        labels: int64 `(videos,)`.
        class_names: tuple of names; a label is a position in it.
        outputs: dict of float32 `(videos, classes)` by output: `appearance`,
            `off_1`, `off_2`, `off_3`.
        about: dict of how they came about: dataset, split, subset, modality,
            variant, spatial, temporal, crops, frames per second ...
        path: the file they were read from.
    """

    names: tuple
    labels: np.ndarray
    class_names: tuple
    outputs: dict
    about: dict
    path: str = ""

    def save(self, path):
        """Writes an `.npz` file that needs no pickle."""
        with written_whole(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(
                file,
                names=np.array(self.names),
                labels=self.labels,
                class_names=np.array(self.class_names),
                about=np.array(json.dumps(self.about)),
                **{f"scores/{name}": value for name, value in self.outputs.items()},
            )

    @classmethod
    def load(cls, path):
        """Reads what `save` has written.

        Raises:
            ValueError: if the file holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                outputs = {
                    key.removeprefix("scores/"): file[key]
                    for key in file.files
                    if key.startswith("scores/")
                }
                about = json.loads(str(file["about"]))
                return cls(
                    names=tuple(file["names"].tolist()),
                    labels=file["labels"],
                    class_names=tuple(file["class_names"].tolist()),
                    outputs=outputs,
                    # Older files are all of OFF and do not say so.
                    about={"motion": OFF_ITSELF, **about},
                    path=str(path),
                )
        except (ValueError, KeyError, EOFError, AttributeError) as error:
            raise ValueError(
                f"{path} is not a file of scores: expected what "
                f"`offkeras evaluate actions` writes. Received: {error}"
            ) from error


def check_same_videos(first, second):
    """Refuses scores of different videos, classes or subsets.

    Raises:
        ValueError: naming both files and the first difference.
    """

    def differ(what, ours, theirs):
        raise ValueError(
            f"{first.path} and {second.path} are not of the same videos: {what} "
            f"{ours!r} and {theirs!r}."
        )

    for key in ("dataset", "split", "subset"):
        if first.about[key] != second.about[key]:
            differ(key, first.about[key], second.about[key])
    if first.class_names != second.class_names:
        differ("classes", first.class_names[:3], second.class_names[:3])
    for index, pair in enumerate(zip(first.names, second.names, strict=False)):
        if pair[0] != pair[1]:
            differ(f"video {index} is", *pair)
    if len(first.names) != len(second.names):
        differ("numbers of videos are", len(first.names), len(second.names))
    wrong = np.flatnonzero(first.labels != second.labels)
    if len(wrong):
        index = wrong[0]
        names = [scores.class_names[scores.labels[index]] for scores in (first, second)]
        differ(f"the label of {first.names[index]} is", *names)


def accuracies(scores, labels):
    """Overall and class-mean accuracy.

    Args:
        scores: `(videos, classes)`.
        labels: `(videos,)`.

    Returns:
        `(overall, class_mean, matrix)`, the latter a confusion matrix.
    """
    matrix = metrics.confusion_matrix(
        labels, metrics.predicted_classes(scores), scores.shape[-1]
    )
    return matrix.trace() / matrix.sum(), metrics.class_mean(matrix), matrix
