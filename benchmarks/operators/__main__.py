"""Operators of the streams of the shipped models in LiteRT, and what a GPU takes.

    python -m benchmarks.operators --out benchmarks/operators.csv

Each model is exported in float32. For `start` and `step` the table has the operators,
the axes of the largest tensor, and how often TensorFlow's analyzer says that the GPU
delegate leaves an operator to the processor. Rows of other models stay in the file.
"""

import collections
import contextlib
import io
import re
import tempfile
from pathlib import Path

import tensorflow as tf
from ai_edge_litert.tools import flatbuffer_utils

from benchmarks.support import records
from offkeras import export, inference

# What a model leaves open.
SHAPES = {
    "camera_motion": {"num_segments": 4},
    "moving_camera": {"num_segments": 4},
    "jpeg2000_q20": {"size": (144, 176)},
    "jpeg2000_q40": {"size": (144, 176)},
    "mpeg4_low": {"size": (144, 176)},
    "moving_objects": {"size": (96, 128)},
}
STREAM = ("start", "step")


def describe(path):
    """Rows of the table of a LiteRT file, one a signature of its stream."""
    content = Path(path).read_bytes()
    model = flatbuffer_utils.convert_bytearray_to_object(content)
    refused = on_processor(content)
    for signature in model.signatureDefs:
        name = signature.signatureKey.decode()
        if name not in STREAM:
            continue
        graphs = reached(model, signature.subgraphIndex)
        operators = collections.Counter()
        left = collections.Counter()
        for number in graphs:
            kinds = [
                flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex)
                for operator in model.subgraphs[number].operators
            ]
            operators.update(kinds)
            left.update(kinds[index] for index in refused.get(number, ()))
        yield {
            "signature": name,
            "largest_rank": max(
                len(tensor.shape if tensor.shape is not None else ())
                for number in graphs
                for tensor in model.subgraphs[number].tensors
            ),
            "operators": listed(operators),
            "not_on_gpu": listed(left),
        }


def reached(model, number):
    """Numbers of a graph and of those that its loops run."""
    found = [number]
    for graph in found:  # which grows
        for operator in model.subgraphs[graph].operators:
            options = operator.builtinOptions
            for part in ("condSubgraphIndex", "bodySubgraphIndex"):
                inner = getattr(options, part, None)
                if inner is not None and inner not in found:
                    found.append(inner)
    return found


def on_processor(content):
    """Which operators of each graph a GPU leaves: a dict of lists of indices."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        tf.lite.experimental.Analyzer.analyze(
            model_content=content, gpu_compatibility=True
        )
    lines = re.findall(
        r"Subgraph#(\d+) has GPU .* at nodes ([\d, ]+) on", printed.getvalue()
    )
    return {int(graph): [*map(int, nodes.split(","))] for graph, nodes in lines}


def listed(counts):
    """Counted names, most frequent first."""
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def main(arguments=None):
    """Command line."""
    parser = records.parser(__doc__)
    parser.add_argument("--models", nargs="+", choices=SHAPES, default=[*SHAPES])
    options = parser.parse_args(arguments)
    for name in options.models:
        model = inference.trained_model(name).load()
        with tempfile.TemporaryDirectory() as folder:
            path = export.litert(model, Path(folder, "x.tflite"), **SHAPES[name])
            rows = [{"model": name, **row} for row in describe(path)]
        for row in rows:
            print(row, flush=True)
        rows = [{**row, **records.environment()} for row in rows]
        records.write(options.out, rows, same=("model",))


if __name__ == "__main__":
    main()
