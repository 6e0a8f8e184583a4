import pytest

from tests.support import training_miniatures as miniatures


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """What the miniatures are trained on."""
    root = tmp_path_factory.mktemp("miniatures")
    miniatures.write_data(root)
    return root


@pytest.fixture(
    params=[
        "restoration",
        pytest.param("detection", marks=[pytest.mark.slow, pytest.mark.exhaustive]),
        pytest.param("action", marks=[pytest.mark.slow, pytest.mark.exhaustive]),
    ]
)
def task(request):
    """Each task, restoration alone where time is short."""
    return request.param
