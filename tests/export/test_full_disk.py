"""A file system that takes no more: a sentence that names the file, and no rest."""

import re
import resource

import pytest

from offkeras import export
from tests.export import tiny_models

WRITERS = {
    "saved_model": (export.saved_model, "mine/1"),
    "compact": (export.compact, "model.keras"),
    "litert": (export.litert, "model.tflite"),
}


@pytest.fixture
def no_room():
    """No file may grow beyond some bytes, as at the end of a quota."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", WRITERS)
def test_one_sentence(name, tmp_path, no_room):
    write, file = WRITERS[name]
    path = tmp_path / file
    options = {} if name == "compact" else {"size": (24, 32)}
    place = path.parent if name == "saved_model" else path
    message = f"[Errno 27] File too large: '{path}'"
    with pytest.raises(OSError, match=f"^{re.escape(message)}$"):
        write(tiny_models.model("restorer"), place, **options)
    assert not list(tmp_path.iterdir())
