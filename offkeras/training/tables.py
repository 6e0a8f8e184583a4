"""Results of a training or of a test as CSV files."""

import csv

from offkeras.storage.writing import written_whole


def write_table(path, rows, columns=None):
    """Writes a table; the file appears whole or not at all.

    Args:
        path: the file.
        rows: lists of cells, or dicts with the columns as keys.
        columns: names of the columns. Default: the keys of the first row.
    """
    rows = list(rows)
    columns = list(columns or rows[0])
    rows = [row.values() if isinstance(row, dict) else row for row in rows]
    with (
        written_whole(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        csv.writer(file).writerows([columns, *rows])
