"""Servers that answer from a SavedModel by the protocol of TF Serving."""

import base64
import http.server
import json
import time

import grpc
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)


class Served:
    """A SavedModel as TF Serving sees it, and how it behaves."""

    def __init__(self, version):
        self.model = tf.saved_model.load(str(version))
        proto = saved_model_pb2.SavedModel.FromString(
            (version / "saved_model.pb").read_bytes()
        )
        self.definitions = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in proto.meta_graphs[0].signature_def.items():
            self.definitions.signature_def[name].CopyFrom(definition)
        self.unavailable = 0  # requests to turn away
        self.delay = 0  # seconds
        self.count = 0

    def metadata(self):
        return self.definitions

    def answer(self, name, inputs):
        outputs = self.model.signatures[name](**inputs)
        return {key: value.numpy() for key, value in outputs.items()}

    def arrive(self):
        """Whether this request is turned away."""
        self.count += 1
        time.sleep(self.delay)
        if self.unavailable:
            self.unavailable -= 1
            return True
        return False


def rest_handler(served):
    """Handler class of an HTTP server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path != "/v1/models/tiny/metadata":
                return self.reply(404, {"error": f"Servable not found: {self.path}"})
            if served.arrive():
                return self.reply(503, {"error": "loading"})
            message = json_format.MessageToDict(
                served.metadata(), preserving_proto_field_name=True
            )
            self.reply(200, {"metadata": {"signature_def": message}})

        def do_POST(self):
            assert self.path == "/v1/models/tiny:predict"
            if served.arrive():
                return self.reply(503, {"error": "busy"})
            length = int(self.headers["Content-Length"])
            request = json.loads(self.rfile.read(length))
            name = request["signature_name"]
            _, specs = served.model.signatures[name].structured_input_signature
            inputs = {
                key: tf.constant(plain(value), specs[key].dtype)
                for key, value in request["inputs"].items()
            }
            try:
                outputs = served.answer(name, inputs)
            except tf.errors.InvalidArgumentError as error:
                return self.reply(400, {"error": str(error)})
            outputs = {key: value.tolist() for key, value in outputs.items()}
            if len(outputs) == 1:
                (outputs,) = outputs.values()
            self.reply(200, {"outputs": outputs})

        def reply(self, code, message):
            body = json.dumps(message).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


def grpc_service(served):
    """Servicer of a gRPC server."""

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def GetModelMetadata(self, request, context):
            if request.model_spec.name != "tiny":
                context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found")
            if served.arrive():
                context.abort(grpc.StatusCode.UNAVAILABLE, "loading")
            response = get_model_metadata_pb2.GetModelMetadataResponse()
            response.metadata["signature_def"].Pack(served.metadata())
            return response

        def Predict(self, request, context):
            if served.arrive():
                context.abort(grpc.StatusCode.UNAVAILABLE, "busy")
            inputs = {
                key: tf.constant(tf.make_ndarray(value))
                for key, value in request.inputs.items()
            }
            try:
                outputs = served.answer(request.model_spec.signature_name, inputs)
            except tf.errors.InvalidArgumentError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            response = predict_pb2.PredictResponse()
            for key, value in outputs.items():
                response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
            return response

    return Service()


def plain(value):
    """JSON as TF Serving reads it: {"b64": ...} stands for bytes."""
    if isinstance(value, dict):
        assert set(value) == {"b64"}
        return base64.b64decode(value["b64"])
    return [plain(v) for v in value] if isinstance(value, list) else value
