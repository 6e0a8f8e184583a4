"""The notebook of the documentation runs from its first cell to its last.

It trains for one epoch here, which is enough for every line of it.
"""

from pathlib import Path

import pytest

SIX_EPOCHS, ONE_EPOCH = "epochs, batch_size = 6, 32", "epochs, batch_size = 1, 32"
NOTEBOOK = Path(__file__).parents[1] / "docs" / "first_model.ipynb"


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    import nbclient
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    (cell,) = (cell for cell in notebook.cells if SIX_EPOCHS in cell.source)
    cell.source = cell.source.replace(SIX_EPOCHS, ONE_EPOCH)
    client = nbclient.NotebookClient(
        notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    *_, last = (cell for cell in notebook.cells if cell.cell_type == "code")
    assert "it is" in last.outputs[-1].text
