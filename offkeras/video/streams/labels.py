"""What a file tells of itself and its tracks: titles, languages, chapters."""

import re

# What a program says of the file that it wrote: untrue of any other.
OWN = re.compile(
    "encoder|software|major_brand|minor_version|compatible_brands|vendor_id|rotate|"
    "(duration|bps|number_of_|_statistics_).*",
    re.IGNORECASE,
)

# Languages that QuickTime has a number for, under names of their own.
QUICKTIME = {
    **{"deu": "ger", "nld": "dut", "fre": "fra", "ell": "gre", "isl": "ice"},
    **{"zho": "chi", "swe": "sve", "cze": "ces", "rum": "ron", "slo": "slk"},
}


def copy_file_labels(source, target, start):
    """Title and the like of an open file, and its chapters.

    Args:
        source: the open container.
        target: that to write, of which nothing is written yet.
        start: seconds of the source that become 0.
    """
    target.metadata.update(_kept(source.metadata, target))
    chapters = [
        _moved(chapter, start) for chapter in source.chapters() if chapter["time_base"]
    ]
    target.set_chapters([c for c in chapters if 0 <= c["start"] < c["end"]])


def _moved(chapter, start):
    shift = round(start / chapter["time_base"])
    begin, end = max(chapter["start"] - shift, 0), chapter["end"] - shift
    return {**chapter, "start": begin, "end": end}


def copy_track_labels(track, copy, target):
    """Language, title and the like of a track, and whether it is the default one."""
    copy.metadata.update(_kept(track.metadata, target))
    copy.disposition = track.disposition.value


def _kept(metadata, target):
    kept = {key: text for key, text in metadata.items() if not OWN.fullmatch(key)}
    if "name" in kept:  # so the title of a track is called in MP4
        kept.setdefault("title", kept.pop("name"))
    if target.format.name not in ("mp4", "mov"):
        kept.pop("handler_name", None)
    if target.format.name == "mov" and "language" in kept:
        kept["language"] = QUICKTIME.get(kept["language"], kept["language"])
    return kept
