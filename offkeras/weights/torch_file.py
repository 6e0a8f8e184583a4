"""Reading what `torch.save` wrote, without PyTorch and without running anything.

A `.pth` file is a program for a stack machine (a pickle) and the bytes of its
tensors. Here the program is followed, and never obeyed: it may build numbers, texts,
lists, dicts and tensors; whatever else it names becomes an `Unknown`, of which
nothing is called. Both layouts are read, the zip file and the one before it.
"""

import dataclasses
import io
import math
import pickletools
import zipfile

import numpy as np

from offkeras.weights.archives import check_zip, is_zip

MAX_BYTES = 2**32  # of a file
MAX_ELEMENTS = 2**30  # of all tensors
MAX_PROGRAM = 2**26  # bytes of the program of a zip file
LEGACY = 0x1950A86A20F9469CFC6C  # the number that the older layout begins with
# Of the storages that PyTorch names; bfloat16 is the upper half of a float32.
DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
MARK = object()


@dataclasses.dataclass(frozen=True)
class Name:
    """Something that the program names and nobody looks up."""

    module: str
    name: str


@dataclasses.dataclass(frozen=True)
class Unknown:
    """What the program would have made by calling something."""

    name: Name


@dataclasses.dataclass(frozen=True)
class Storage:
    """The numbers behind tensors: their type, their place in the file, their count."""

    dtype: str
    key: str
    count: int


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and strides are counted in elements."""

    storage: Storage
    offset: int
    shape: tuple
    strides: tuple


def read_torch(path):
    """Reads a file of `torch.save`.

    Args:
        path: path of a `.pth`, `.pt` or `.tar` file.

    Returns:
        What was saved, tensors as NumPy arrays (bfloat16 as float32) and objects
        of other libraries as `Unknown`.

    Raises:
        OSError: if the file cannot be opened.
        ValueError: if it is no such file, or holds less than its tensors take.
    """
    zipped = is_zip(path)
    if zipped:
        check_zip(path, MAX_BYTES)
    try:
        return (_read_zip if zipped else _read_legacy)(path)
    except OSError:
        raise
    except Exception as error:  # of many types: the file may hold anything
        raise ValueError(f"{path} is not a checkpoint of tensors: {error}") from error


def _read_zip(path):
    with zipfile.ZipFile(path) as archive:
        (program,) = (n for n in archive.namelist() if n.endswith("/data.pkl"))
        if archive.getinfo(program).file_size > MAX_PROGRAM:
            raise ValueError(f"{program} has more than {MAX_PROGRAM} bytes.")
        root = program.removesuffix("data.pkl")
        order = f"{root}byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise ValueError("its numbers are not little-endian.")
        content = _follow(io.BytesIO(archive.read(program)))
        arrays = {
            key: _array(storage, archive.read(f"{root}data/{key}"))
            for key, storage in _storages(content).items()
        }
    return _with_arrays(content, arrays)


def _read_legacy(path):
    with open(path, "rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if size > MAX_BYTES:
            raise ValueError(f"it has {size} bytes, more than {MAX_BYTES}.")
        if _follow(file) != LEGACY:
            raise ValueError("it begins with another number.")
        _, system, content, keys = (_follow(file) for _ in range(4))
        if not system["little_endian"]:
            raise ValueError("its numbers are not little-endian.")
        storages, arrays = _storages(content), {}
        for key in keys:
            storage = storages[key]
            count = int.from_bytes(file.read(8), "little")
            wanted = storage.count * np.dtype(storage.dtype).itemsize
            if count != storage.count or wanted > size - file.tell():
                raise ValueError(f"it holds only a part of storage {key!r:.80}.")
            arrays[key] = _array(storage, file.read(wanted))
    return _with_arrays(content, arrays)


def _array(storage, data):
    if len(data) != storage.count * np.dtype(storage.dtype).itemsize:
        raise ValueError(f"it holds only a part of storage {storage.key!r:.80}.")
    return np.frombuffer(data, storage.dtype)


def _follow(file):
    """What one program leaves on its stack."""
    machine = _Machine()
    for code, argument, _ in pickletools.genops(file):
        machine.step(code.name, argument)
    return machine.stack.pop()


class _Machine:
    """The stack and the memory of a program."""

    def __init__(self):
        self.stack, self.memory = [], {}

    def step(self, code, argument):
        """Follows one instruction."""
        if code in VALUES:
            self.stack.append(VALUES[code](argument))
        elif code in TUPLES:
            count = TUPLES[code]
            items = tuple(self.stack[len(self.stack) - count :])
            del self.stack[len(self.stack) - count :]
            self.stack.append(items)
        elif code in STEPS:
            STEPS[code](self, argument)
        elif code not in ("PROTO", "FRAME", "STOP"):
            raise ValueError(f"it has the instruction {code}.")

    def since_mark(self):
        """Takes what lies above the last mark off the stack."""
        last = len(self.stack) - 1 - self.stack[::-1].index(MARK)
        items = self.stack[last + 1 :]
        del self.stack[last:]
        return items

    def memoize(self, key):
        """Keeps the top of the stack."""
        self.memory[len(self.memory) if key is None else key] = self.stack[-1]

    def append(self, items):
        """Adds to a list or set; to anything else nothing."""
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def set(self, items):
        """Adds to a dict; to anything else nothing."""
        if isinstance(self.stack[-1], dict):
            self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def name(self):
        """A name of a module and a name in it."""
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(Name(str(module), str(name)))

    def call(self, *_):
        """A tensor or a dict; all other calls become an `Unknown`."""
        arguments, function = self.stack.pop(), self.stack.pop()
        called = (getattr(function, "module", ""), getattr(function, "name", ""))
        if called == ("collections", "OrderedDict"):
            self.stack.append(dict(arguments[0]) if arguments else {})
        elif called == ("torch._utils", "_rebuild_tensor_v2"):
            self.stack.append(Tensor(*arguments[:4]))
        elif called == ("torch._utils", "_rebuild_parameter"):
            self.stack.append(arguments[0])
        else:
            self.stack.append(Unknown(function))

    def load(self):
        """The storage that a persistent identity describes."""
        kind, storage, key, _, count = self.stack.pop()[:5]
        if kind != "storage" or storage.name not in DTYPES:
            raise ValueError(f"it holds {storage!r:.80}, whose type is not known.")
        self.stack.append(Storage(DTYPES[storage.name], str(key), int(count)))


LITERALS = """
BININT BININT1 BININT2 INT LONG LONG1 LONG4 FLOAT BINFLOAT UNICODE BINUNICODE
SHORT_BINUNICODE BINUNICODE8 STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES
BINBYTES8"""
VALUES = dict.fromkeys(LITERALS.split(), lambda argument: argument) | {
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_DICT": lambda _: {},
    "EMPTY_LIST": lambda _: [],
    "EMPTY_SET": lambda _: [],
    "EMPTY_TUPLE": lambda _: (),
    "GLOBAL": lambda argument: Name(*argument.split(" ", 1)),
}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
STEPS = {
    "MARK": lambda m, _: m.stack.append(MARK),
    "POP": lambda m, _: m.stack.pop(),
    "POP_MARK": lambda m, _: m.since_mark(),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.since_mark())),
    "LIST": lambda m, _: m.stack.append(m.since_mark()),
    "FROZENSET": lambda m, _: m.stack.append(m.since_mark()),
    "APPEND": lambda m, _: m.append([m.stack.pop()]),
    "APPENDS": lambda m, _: m.append(m.since_mark()),
    "ADDITEMS": lambda m, _: m.append(m.since_mark()),
    "SETITEM": lambda m, _: m.set([m.stack.pop(), m.stack.pop()][::-1]),
    "SETITEMS": lambda m, _: m.set(m.since_mark()),
    "STACK_GLOBAL": lambda m, _: m.name(),
    "REDUCE": lambda m, _: m.call(),
    "NEWOBJ": lambda m, _: m.call(),
    "NEWOBJ_EX": lambda m, _: (m.stack.pop(), m.call()),
    "BUILD": lambda m, _: m.stack.pop(),  # the state of an object
    "BINPERSID": lambda m, _: m.load(),
    "BINPUT": lambda m, key: m.memoize(key),
    "LONG_BINPUT": lambda m, key: m.memoize(key),
    "PUT": lambda m, key: m.memoize(key),
    "MEMOIZE": lambda m, _: m.memoize(None),
    "BINGET": lambda m, key: m.stack.append(m.memory[key]),
    "LONG_BINGET": lambda m, key: m.stack.append(m.memory[key]),
    "GET": lambda m, key: m.stack.append(m.memory[key]),
}


def _children(node):
    if isinstance(node, dict):
        return [*node.keys(), *node.values()]
    return node if isinstance(node, (list, tuple)) else ()


def _storages(content):
    """The storages of all tensors in lists, tuples and dicts, by their keys."""
    waiting, seen, elements, storages = [content], set(), 0, {}
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # shared, or a list in itself
            continue
        seen.add(id(node))
        waiting.extend(_children(node))
        if isinstance(node, Tensor):
            elements += math.prod(node.shape)
            storages[node.storage.key] = node.storage
    if elements > MAX_ELEMENTS:
        raise ValueError(f"its tensors have {elements} elements.")
    return storages


def _with_arrays(content, arrays, done=None):
    """The content with arrays for its tensors; what it shares stays shared."""
    done = {} if done is None else done
    if isinstance(content, Tensor):
        return _view(content, arrays[content.storage.key])
    if not _children(content):
        return content
    if id(content) not in done:
        done[id(content)] = None  # begun
        if isinstance(content, dict):
            made = {k: _with_arrays(v, arrays, done) for k, v in content.items()}
        else:
            made = type(content)(_with_arrays(item, arrays, done) for item in content)
        done[id(content)] = made
    if done[id(content)] is None:
        raise ValueError("a list holds itself.")
    return done[id(content)]


def _view(tensor, numbers):
    """A tensor as an array of its own."""
    shape, strides = map(tuple, (tensor.shape, tensor.strides))
    whole = (tensor.offset, *shape, *strides)
    if len(shape) != len(strides) or not all(
        isinstance(n, int) and n >= 0 for n in whole
    ):
        raise ValueError(f"it holds a tensor of shape {shape} and strides {strides}.")
    last = tensor.offset + sum(
        (n - 1) * stride for n, stride in zip(shape, strides, strict=True)
    )
    if math.prod(shape) and max(last + 1, math.prod(shape)) > len(numbers):
        raise ValueError(f"it holds only a part of a tensor of shape {shape}.")
    if not math.prod(shape):
        return np.zeros(shape, numbers.dtype)
    size = numbers.itemsize
    view = np.lib.stride_tricks.as_strided(
        numbers[tensor.offset :], shape, [stride * size for stride in strides]
    ).copy()
    if tensor.storage.dtype == DTYPES["BFloat16Storage"]:
        view = (view.astype(np.uint32) << 16).view(np.float32)
    return view
