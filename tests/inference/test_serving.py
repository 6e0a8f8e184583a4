"""The clients against servers that answer from a SavedModel, as TF Serving does."""

import concurrent.futures
import http.server
import os
import re
import socket
import threading
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import (
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from offkeras import export, models
from offkeras.inference import GrpcClient, RestClient, ServingError
from offkeras.inference.serving import predict_request
from tests.support.helpers import randomize
from tests.support.servers.serving import Served, grpc_service, rest_handler

SERVING = Path(__file__).parents[2] / "savedmodels" / "serving"


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    model = models.OFFArtifactRemover(
        2, width=4, head_convs=1, refine_convs=1, tail_convs=2
    )
    randomize(model)
    return export.saved_model(model, tmp_path_factory.mktemp("served") / "tiny")


@pytest.fixture
def served(version):
    return Served(version)


@pytest.fixture
def rest(served):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), rest_handler(served))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield lambda **options: RestClient(
        f"http://127.0.0.1:{server.server_port}", "tiny", **options
    )
    server.shutdown()
    server.server_close()


@pytest.fixture
def over_grpc(served):
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(2),
        options=[("grpc.max_receive_message_length", -1)],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        grpc_service(served), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield lambda **options: GrpcClient(f"127.0.0.1:{port}", "tiny", **options)
    server.stop(None)


@pytest.fixture(params=["rest", "over_grpc"])
def client(request):
    """Function from options to a client of a running server."""
    return request.getfixturevalue(request.param)


def frames(*shape):
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)


def test_signatures_are_those_of_the_model(client):
    signatures = client().signatures
    assert set(signatures) == {"serving_default", "encoded", "start", "step"}
    assert signatures["serving_default"].inputs == {
        "frames": tf.TensorSpec((None, 2, None, None, 3), tf.uint8, "frames")
    }
    assert signatures["encoded"].inputs["images"].dtype == tf.string
    assert set(signatures["step"].outputs) == {"restored", "state_reduced_0"}


def test_every_signature_over_the_wire(client, served):
    client = client()
    clip = frames(2, 2, 10, 12)
    jpegs = [[tf.io.encode_jpeg(frame).numpy() for frame in video] for video in clip]
    state = client.predict({"frame": clip[:, 0]}, signature="start")
    for signature, inputs in (
        ("serving_default", {"frames": clip}),
        ("encoded", {"images": jpegs}),
        ("step", {"frame": clip[:, 1], **state}),
    ):
        answer = client.predict(inputs, signature=signature)
        expected = served.answer(
            signature, {name: tf.constant(value) for name, value in inputs.items()}
        )
        assert set(answer) == set(expected)
        for name, value in expected.items():
            assert answer[name].dtype == value.dtype
            np.testing.assert_allclose(answer[name], value, rtol=1e-6)


def test_a_request_larger_than_the_default_limit_of_grpc(over_grpc):
    clip = frames(1, 2, 1000, 1000)
    assert over_grpc().predict({"frames": clip})["restored"].shape == (1, 1000, 1000, 3)


def test_requests_are_those_of_the_official_protocol(served):
    clip = frames(1, 2, 8, 8)
    request = predict_request(
        {"frames": clip}, model="tiny", signature="serving_default", version=3
    )
    decoded = predict_pb2.PredictRequest.FromString(request.SerializeToString())
    assert decoded.model_spec.name == "tiny"
    assert decoded.model_spec.version.value == 3
    array = tf.make_ndarray(decoded.inputs["frames"])
    np.testing.assert_array_equal(array, clip)
    signature = decoded.model_spec.signature_name
    answer = served.answer(signature, {"frames": tf.constant(array)})
    assert answer["restored"].shape == (1, 8, 8, 3)


@pytest.mark.parametrize(
    ("inputs", "signature", "message"),
    [
        ({"frames": frames(1, 2, 8, 8)}, "end", "`signature` must be one of"),
        ({"frame": frames(1, 8, 8)}, "step", r"\['frame', 'state_reduced_0'\].*\['fr"),
        ({"frames": frames(1, 3, 8, 8)}, "serving_default", r"shape .*\(1, 3, 8, 8, 3"),
        (
            {"frames": frames(1, 2, 8, 8).astype("float32")},
            "serving_default",
            "`frames` to be uint8. Received: float32",
        ),
        ({"images": [["a", "b"]]}, "encoded", "`images` to be string. Received: str"),
    ],
)
def test_wrong_inputs_are_not_sent(inputs, signature, message, client, served):
    client = client()
    assert client.signatures
    before = served.count
    with pytest.raises(ValueError, match=message):
        client.predict(inputs, signature=signature)
    assert served.count == before


def test_refusals_tell_the_reason(client, served):
    with pytest.raises(ServingError, match=r"(?s)(400|INVALID_ARGUMENT): .*JPEG"):
        client().predict({"images": [[b"no", b"image"]]}, signature="encoded")
    assert served.count == 2  # metadata and one attempt


def test_unknown_models_are_named(rest, over_grpc):
    for client, answer in ((rest(version=7), "404"), (over_grpc(), "NOT_FOUND")):
        client.model = "other"
        with pytest.raises(ServingError, match=f"{answer}: .*not found"):
            client.predict({"frames": frames(1, 2, 8, 8)})


def test_an_unavailable_server_is_tried_again(client, served, monkeypatch):
    pauses = []
    monkeypatch.setattr("offkeras.inference.serving.time.sleep", pauses.append)
    served.unavailable = 2
    assert client(retries=2).signatures
    assert pauses == [0.2, 0.4] or pauses == [0, 0.2, 0, 0.4, 0]
    served.unavailable = 2
    with pytest.raises(ServingError, match="tried 2 times: .*loading"):
        client(retries=1).predict({"frames": frames(1, 2, 8, 8)})


def test_a_late_answer_is_an_error(client, served):
    patient, hasty = client(), client(timeout=0.3)
    hasty.signatures = patient.signatures
    served.delay = 1
    with pytest.raises(TimeoutError, match="did not answer within 0.3 seconds"):
        hasty.predict({"frames": frames(1, 2, 8, 8)})


def test_nobody_listens():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    options = dict(retries=1, timeout=5)
    for client in (
        RestClient(f"http://127.0.0.1:{port}", "tiny", **options),
        GrpcClient(f"127.0.0.1:{port}", "tiny", **options),
    ):
        with pytest.raises(ServingError, match="not available, tried 2 times"):
            client.predict({})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(address="localhost:8501"), "begin with http://.*'localhost:8501'"),
        (dict(timeout=0), "`timeout` must be positive. Received: 0"),
        (dict(retries=-1), "`retries` must not be negative. Received: -1"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        RestClient(**dict(address="http://localhost:8501", model="tiny") | options)


def test_the_files_for_the_server():
    text = (SERVING / "models.config").read_text()
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    for model in config.model_config_list.config:
        assert model.base_path == f"/models/{model.name}"
    compose = (SERVING / "compose.yaml").read_text()
    for name in re.findall(r"/models/serving/(\S+)", compose):
        assert (SERVING / name).is_file()
    (image,) = re.findall(r"image: tensorflow/serving:(\S+)", compose)
    requirements = (SERVING.parents[1] / "requirements.txt").read_text()
    assert f"\ntensorflow=={image}\n" in requirements


@pytest.mark.skipif(
    "OFFKERAS_SERVING" not in os.environ,
    reason="OFFKERAS_SERVING names no server (HOST:PORT of REST, model camera_motion)",
)
def test_a_running_server():
    client = RestClient(f"http://{os.environ['OFFKERAS_SERVING']}", "camera_motion")
    shape = client.signatures["serving_default"].inputs["frames"].shape
    clip = np.zeros((1, *shape[1:]), np.uint8)
    probabilities = client.predict({"frames": clip})["probabilities"]
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)
