"""Adds the scores of tests up, with weights.

    offkeras evaluate fusion rgb.npz flow.npz --weights 1 1.5
    offkeras evaluate fusion rgb.npz:appearance rgb.npz:off_3 --weights 1 1.8
    offkeras evaluate fusion rgb.npz flow.npz --search \\
        --validation rgb_validation.npz flow_validation.npz
    offkeras evaluate fusion runs/*/scores.npz --tables

A term is a file of `offkeras evaluate actions` and one of its outputs; without an
output it is appearance + off_3, as in section 4.3. Weights are searched for on the
scores of videos that training held out, of the same runs in the same order; never on
the test split.
"""

from pathlib import Path

import numpy as np

from offkeras import inference
from offkeras.models import task
from offkeras.training import options
from offkeras.training.actions import paper_tables
from offkeras.training.actions.scores import Scores, accuracies, check_same_videos
from offkeras.training.tables import write_table

# What scores of one network, trained on one set, agree in.
NETWORK = ("dataset", "split", "modality", "variant", "motion", "spatial", "temporal")
GRID = np.arange(0.0, 3.01, 0.1)  # of a weight beside the first, which is 1


@options.bad_input()
def main(argv=None, *, prog=None):
    """Prints accuracies, or the paper's tables."""
    arguments = parse(argv, prog)
    if arguments.tables:
        print(paper_tables.markdown([Scores.load(f) for f in arguments.terms]))
    else:
        run(arguments)


def run(arguments):
    """Fuses the terms."""
    paths, outputs = zip(*map(split_term, arguments.terms), strict=True)
    files, terms = read_terms(paths, outputs)
    weights = arguments.weights or [1.0] * len(terms)
    if arguments.search:
        held_out, validation = read_terms(arguments.validation, outputs)
        check_held_out(held_out, files)
        weights = search(validation, held_out[0].labels)

    labels, class_names = files[0].labels, files[0].class_names
    for term, logits, weight in zip(arguments.terms, terms, weights, strict=True):
        show(f"{weight:5.2f} x {term}", logits, labels)
    matrix = show("fused", fuse(terms, weights), labels)
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        write_classes(arguments.out / "classes.csv", matrix, class_names)
        inference.draw_confusion_matrix(
            matrix, class_names, arguments.out / "confusion_matrix.png"
        )


def parse(argv, prog=None):
    """Command line options; an unknown one is an error."""
    parser = options.make_parser(__doc__, prog)
    parser.add_argument("terms", nargs="+", metavar="FILE[:OUTPUT]", help="scores")
    parser.add_argument("--weights", type=float, nargs="+", help="one a term")
    parser.add_argument("--search", action="store_true", help="find the weights")
    parser.add_argument(
        "--validation", nargs="+", default=[], help="files to search on"
    )
    parser.add_argument("--tables", action="store_true", help="the paper's Tables 1-5")
    parser.add_argument("--out", type=Path, help="folder of classes.csv and a picture")
    arguments = parser.parse_args(argv)
    count = len(arguments.terms)
    if arguments.weights and len(arguments.weights) != count:
        parser.error(f"--weights: expected {count}, one a term")
    if arguments.search != bool(arguments.validation):
        parser.error("--search and --validation go together")
    if arguments.search and (arguments.weights or len(arguments.validation) != count):
        parser.error(f"--search needs {count} --validation files and no --weights")
    if arguments.tables and (arguments.weights or arguments.search or arguments.out):
        parser.error("--tables takes files alone")
    return arguments


def split_term(term):
    """`FILE[:OUTPUT]` -> the file, and the output or an empty string."""
    path, _, output = term.rpartition(":")
    return (path, output) if path.endswith(".npz") else (term, "")


def read_terms(paths, outputs):
    """Files and their logits, all of the same videos.

    Args:
        paths: files of scores.
        outputs: an output of each, or an empty string for the sum of the paper.

    Returns:
        `(files, logits)`, two lists.

    Raises:
        ValueError: if an output does not exist or the videos differ.
    """
    files, logits = [], []
    for path, output in zip(paths, outputs, strict=True):
        scores = Scores.load(path)
        if output and output not in scores.outputs:
            raise ValueError(
                f"Expected an output of {path}: {', '.join(scores.outputs)}. "
                f"Received: {output!r}."
            )
        files.append(scores)
        check_same_videos(files[0], scores)
        chosen = [output] if output else task.FUSED
        logits.append(sum(scores.outputs[name] for name in chosen))
    return files, logits


def check_held_out(held_out, files):
    """Refuses to choose weights on test videos, or on those of other networks."""
    wrong = [scores.path for scores in held_out if scores.about["subset"] == "test"]
    if wrong:
        raise ValueError(
            "Weights are searched for on validation scores (--subset validation), "
            f"never on the test split. Received: {', '.join(wrong)}."
        )
    for ours, theirs in zip(held_out, files, strict=True):
        for key in NETWORK:
            if ours.about[key] != theirs.about[key]:
                raise ValueError(
                    f"{ours.path} is not of the network of {theirs.path}: {key} "
                    f"{ours.about[key]!r} and {theirs.about[key]!r}."
                )


def fuse(terms, weights):
    """Weighted sum of logits."""
    return sum(weight * term for weight, term in zip(weights, terms, strict=True))


def search(terms, labels):
    """Weights of the best class-mean accuracy, each in turn until none changes.

    Args:
        terms: list of logits `(videos, classes)`.
        labels: `(videos,)`.

    Returns:
        List of weights, the first of them 1.
    """
    weights = [1.0] * len(terms)
    best = accuracies(fuse(terms, weights), labels)[1]
    changed = True
    while changed:
        changed = False
        for index in range(1, len(terms)):
            for weight in GRID:
                trial = [*weights[:index], float(weight), *weights[index + 1 :]]
                accuracy = accuracies(fuse(terms, trial), labels)[1]
                if accuracy > best:
                    best, weights, changed = accuracy, trial, True
    print(f"class-mean accuracy {best:.1%} on {len(labels)} validation videos")
    return weights


def show(title, logits, labels):
    """Prints accuracies and returns the confusion matrix."""
    overall, class_mean, matrix = accuracies(logits, labels)
    print(f"{title:40} accuracy {overall:6.1%}  class-mean {class_mean:6.1%}")
    return matrix


def write_classes(path, matrix, class_names):
    """Accuracy of every class, and what it is most often taken for."""
    rows = []
    for label, (name, row) in enumerate(zip(class_names, matrix, strict=True)):
        errors = np.where(np.arange(len(row)) == label, 0, row)
        worst = errors.argmax()
        share = row[label] / row.sum() if row.sum() else float("nan")
        other = class_names[worst] if errors[worst] else ""
        rows.append([name, row.sum(), f"{share:.4f}", other, errors[worst]])
    columns = ("class", "videos", "accuracy", "most_common_error", "errors")
    write_table(path, rows, columns)
