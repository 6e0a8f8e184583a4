"""Writes a rendered detection set as the options of a command say."""

from offkeras.data.synthetic.snippet_files import write_snippets
from offkeras.inference.progress import progress_bar


def write(snippets, o):
    """Writes the splits of a set, and says where they are.

    Args:
        snippets: the `SnippetSet`.
        o: options `out`, `seed`, those of `PrepareOptions`, and the number of snippets
            of each split by its name.
    """
    splits = {
        split: (getattr(o, split), num_frames)
        for split, (_, num_frames) in snippets.splits.items()
    }
    counts = [count for count, _ in splits.values()]
    write_snippets(
        snippets,
        o.out,
        splits=splits,
        seed=o.seed,
        workers=o.workers,
        done=progress_bar(sum(counts), unit="snippets"),
        for_each=o.for_each(),
    )
    print(f"{o.out}: {' + '.join(map(str, counts))} snippets")
