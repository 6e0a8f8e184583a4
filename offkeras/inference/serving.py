"""Clients of TF Serving, over REST and over gRPC."""

import base64
import dataclasses
import functools
import http.client
import json
import time
import urllib.error
import urllib.request

import numpy as np
import tensorflow as tf

FIRST_PAUSE = 0.2  # seconds before the first retry, doubled before each later one
HTTP_UNAVAILABLE = 503
PREDICT, METADATA = ":predict", "/metadata"


class ServingError(OSError):
    """A server that could not be reached, or that refused a request."""


class _Unavailable(Exception):
    """A server that may answer the next time."""


@dataclasses.dataclass(frozen=True)
class Signature:
    """The tensors that a served model takes and returns.

    Attributes:
        inputs: dict from the name to a `tf.TensorSpec`.
        outputs: the same for the results.
    """

    inputs: dict
    outputs: dict


class _Client:
    def __init__(self, address, model, *, version=None, timeout=30.0, retries=3):
        if timeout <= 0:
            raise ValueError(f"`timeout` must be positive. Received: {timeout}.")
        if retries < 0:
            raise ValueError(f"`retries` must not be negative. Received: {retries}.")
        self.address = address
        self.model = model
        self.version = version
        self.timeout = timeout
        self.retries = retries

    @functools.cached_property
    def signatures(self):
        """Dict from the name to the `Signature`, asked of the server once."""
        definitions = self._retry(self._metadata)
        return {
            name: Signature(
                _specifications(definition.get("inputs", {})),
                _specifications(definition.get("outputs", {})),
            )
            for name, definition in definitions.items()
            if not name.startswith("__")  # TensorFlow's own
        }

    def predict(self, inputs, *, signature="serving_default"):
        """Runs a signature of the served model.

        Args:
            inputs: dict of arrays, batch first; encoded images are bytes.
            signature: name of the signature.

        Returns:
            A dict of NumPy arrays.

        Raises:
            ValueError: if names, dtypes or shapes are not those of the signature.
            TimeoutError: if there is no answer in time.
            ServingError: if the server cannot be reached or refuses.
        """
        if signature not in self.signatures:
            raise ValueError(
                f"`signature` must be one of {sorted(self.signatures)}. "
                f"Received: {signature!r}."
            )
        inputs = _check(inputs, self.signatures[signature].inputs)
        return self._retry(lambda: self._predict(inputs, signature))

    def _retry(self, call):
        pause = FIRST_PAUSE
        for attempt in range(self.retries + 1):
            try:
                return call()
            except _Unavailable as error:
                reason = error
            if attempt < self.retries:
                time.sleep(pause)
                pause *= 2
        raise ServingError(
            f"{self.address} is not available, tried {self.retries + 1} times: {reason}"
        )

    def _timed_out(self):
        return TimeoutError(
            f"{self.address} did not answer within {self.timeout} seconds."
        )


class RestClient(_Client):
    """A model on a TF Serving server, over its REST interface.

    Frames travel as JSON, some four times as large as over gRPC; encoded images
    (`signature="encoded"`) as base64.

    Args:
        address: such as `"http://localhost:8501"`.
        model: name that the model is served under.
        version: number of the version; `None` asks for the latest.
        timeout: seconds to wait for an answer.
        retries: how often a request is repeated while the server is not
            available.

    Example:

    ```python
    client = RestClient("http://localhost:8501", "mine")
    client.predict({"frames": frames[None]})["probabilities"]
    ```
    """

    def __init__(self, address, model, **options):
        if not address.startswith(("http://", "https://")):
            raise ValueError(
                f"`address` must begin with http:// or https://. Received: {address!r}."
            )
        super().__init__(address.rstrip("/"), model, **options)

    def _metadata(self):
        metadata = self._ask(METADATA)["metadata"]
        return metadata["signature_def"]["signature_def"]

    def _predict(self, inputs, signature):
        body = {
            "signature_name": signature,
            "inputs": {name: _to_json(value) for name, value in inputs.items()},
        }
        answer = self._ask(PREDICT, json.dumps(body).encode())["outputs"]
        specifications = self.signatures[signature].outputs
        if len(specifications) == 1:  # then TF Serving leaves the name out
            answer = dict.fromkeys(specifications, answer)
        return {
            name: np.array(answer[name], spec.dtype.as_numpy_dtype)
            for name, spec in specifications.items()
        }

    def _ask(self, what, body=None):
        version = "" if self.version is None else f"/versions/{self.version}"
        url = f"{self.address}/v1/models/{self.model}{version}{what}"
        request = urllib.request.Request(
            url, data=body, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            reason = error.read().decode(errors="replace")
            if error.code == HTTP_UNAVAILABLE:
                raise _Unavailable(reason) from error
            raise ServingError(f"{url} answered {error.code}: {reason}") from error
        except TimeoutError as error:
            raise self._timed_out() from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise self._timed_out() from error
            raise _Unavailable(error.reason) from error
        except (ConnectionError, http.client.HTTPException) as error:
            raise _Unavailable(error) from error


class GrpcClient(_Client):
    """A model on a TF Serving server, over gRPC.

    Args:
        address: such as `"localhost:8500"`.
        model: see `RestClient`, as the arguments after it.

    Example:

    ```python
    client = GrpcClient("localhost:8500", "mine")
    state = client.predict({"frame": frames[:1]}, signature="start")
    ```
    """

    def __init__(self, address, model, **options):
        import grpc
        from tensorflow_serving.apis import prediction_service_pb2_grpc

        super().__init__(address, model, **options)
        # A clip is larger than the 4 MB that gRPC allows by default.
        limits = ("grpc.max_send_message_length", "grpc.max_receive_message_length")
        channel = grpc.insecure_channel(address, [(limit, -1) for limit in limits])
        self.stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def _metadata(self):
        from google.protobuf import json_format
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest()
        request.model_spec.name = self.model
        if self.version is not None:
            request.model_spec.version.value = self.version
        request.metadata_field.append("signature_def")
        answer = self._ask(self.stub.GetModelMetadata, request)
        definitions = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(definitions)
        definitions = json_format.MessageToDict(
            definitions, preserving_proto_field_name=True
        )
        return definitions["signature_def"]

    def _predict(self, inputs, signature):
        request = predict_request(
            inputs, model=self.model, signature=signature, version=self.version
        )
        answer = self._ask(self.stub.Predict, request)
        return {name: tf.make_ndarray(value) for name, value in answer.outputs.items()}

    def _ask(self, method, request):
        import grpc

        try:
            return method(request, timeout=self.timeout)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise self._timed_out() from error
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                raise _Unavailable(error.details()) from error
            raise ServingError(
                f"{self.address} answered {error.code().name}: {error.details()}"
            ) from error


def predict_request(inputs, *, model, signature, version=None):
    """A `PredictRequest` of TF Serving.

    Args:
        inputs: dict of arrays.
        model: name that the model is served under.
        signature: name of the signature.
        version: number of the version; `None` asks for the latest.

    Returns:
        The protocol buffer.
    """
    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def _specifications(tensors):
    """`tf.TensorSpec`s from the JSON form of a signature's inputs or outputs."""
    return {
        name: tf.TensorSpec(
            [
                None if int(dimension["size"]) < 0 else int(dimension["size"])
                for dimension in tensor["tensor_shape"].get("dim", ())
            ],
            tf.as_dtype(tensor["dtype"].removeprefix("DT_").lower()),
            name=name,
        )
        for name, tensor in tensors.items()
    }


def _check(inputs, specifications):
    """The inputs as arrays, if they are those of the signature."""
    if set(inputs) != set(specifications):
        raise ValueError(
            f"Expected the inputs {sorted(specifications)}. Received: {sorted(inputs)}."
        )
    arrays = {}
    for name, spec in specifications.items():
        # As `S` arrays, bytes would lose the zeros at their end.
        dtype = object if spec.dtype == tf.string else None
        arrays[name] = array = np.asarray(inputs[name], dtype)
        if not (
            all(isinstance(value, bytes) for value in array.flat)
            if spec.dtype == tf.string
            else array.dtype == spec.dtype.as_numpy_dtype
        ):
            received = "str, or no bytes" if dtype is object else array.dtype
            raise ValueError(
                f"Expected `{name}` to be {spec.dtype.name}. Received: {received}."
            )
        if not spec.shape.is_compatible_with(array.shape):
            raise ValueError(
                f"Expected `{name}` to have the shape {spec.shape}. "
                f"Received: {array.shape}."
            )
    return arrays


def _to_json(array):
    """Nested lists; bytes as TF Serving wants them."""
    if array.dtype != object:
        return array.tolist()
    if array.ndim:
        return [_to_json(np.asarray(item, object)) for item in array]
    return {"b64": base64.b64encode(array.item()).decode()}
