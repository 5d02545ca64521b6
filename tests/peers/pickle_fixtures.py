"""Makes the pickles of NumPy's arrays that the reader's tests read, and what they hold:
`PYTHON tests/peers/pickle_fixtures.py`, with numpy, ml_dtypes and safetensors."""

import inspect
import pickle
import struct
import sys
from pathlib import Path

import numpy as np
from safetensors import TensorSpec, serialize_file

ROOT = Path(__file__).resolve().parents[2] / "crates/semilla-checkpoint/tests/fixtures/pickles"


def arrays():
    """Every element type, both orders, no elements, and more bytes than a name has."""
    import ml_dtypes

    some = np.array([[0, 1, 2], [100, 101, 127]])
    kinds = {f"kinds.{kind}": some.astype(kind) for kind in (
        "f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", ml_dtypes.bfloat16)}
    kinds = {name.replace("<class 'ml_dtypes.", "").replace("'>", ""): array for name, array in kinds.items()}
    return kinds | {"fortran": np.asfortranarray(np.arange(6, dtype="f4").reshape(2, 3) - 3), "empty": np.zeros((0, 3), "f4"),
                    "scalar": np.array(2.5), "long": np.random.default_rng(0).standard_normal((150, 120)).astype("f4")}


def expect(name, weights):
    ROOT.mkdir(parents=True, exist_ok=True)
    raw = {key: np.ascontiguousarray(array).reshape(array.shape) for key, array in weights.items()}
    specs = {key: TensorSpec(dtype=array.dtype.name, shape=list(array.shape), data_ptr=array.ctypes.data, data_len=array.nbytes)
             for key, array in raw.items()}
    serialize_file(specs, str(ROOT / f"{name}.safetensors"))


def nested(weights):
    tree = {}
    for name, array in weights.items():
        *path, leaf = name.split(".")
        below = tree
        for part in path:
            below = below.setdefault(part, {})
        below[leaf] = array
    return tree


def of_paddle():
    """What Paddle saves: a state dictionary, and one inside of another, whose tensors are pairs. With paddlepaddle, in an
    environment of its own: `PYTHON tests/peers/pickle_fixtures.py paddle`."""
    import paddle

    paddle.seed(0)
    model = paddle.nn.Sequential(paddle.nn.Linear(3, 4), paddle.nn.BatchNorm1D(4))
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    expect("paddle.pdparams", weights)
    paddle.save(model.state_dict(), str(ROOT / "paddle.pdparams"))
    expect("wrapped.pdparams", {f"model.{name}": array for name, array in weights.items()})
    paddle.save({"model": model.state_dict(), "epoch": 3}, str(ROOT / "wrapped.pdparams"))
    # Pickles of protocols 2 and 3 have large weights in pieces: here of 32 bytes instead of a GiB.
    from paddle.framework import io_utils

    source = inspect.getsource(io_utils._unpack_saved_dict)
    assert "2**30 - 1" in source
    exec(source.replace("2**30 - 1", "32"), vars(io_utils))
    paddle.framework.io._unpack_saved_dict = io_utils._unpack_saved_dict
    for protocol in (2, 3):
        expect(f"cut{protocol}.pdparams", weights)
        paddle.save(model.state_dict(), str(ROOT / f"cut{protocol}.pdparams"), protocol=protocol)


def of_python_2(weights):
    """Protocol 2 as Python 2 has it: bytes are texts of one byte a character."""
    text = lambda text: b"U" + bytes([len(text)]) + text
    out = b"\x80\x02}("
    for name, array in weights.items():
        data = array.tobytes()
        out += text(name.encode()) + b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85" + text(b"b") + b"\x87R"
        sizes = b"".join(b"K" + bytes([size]) for size in array.shape)
        out += b"(K\x01(" + sizes + b"tcnumpy\ndtype\n" + text(array.dtype.str[1:].encode()) + b"K\0K\x01\x87R"
        out += b"(K\x03" + text(array.dtype.str[:1].encode()) + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
        out += b"\x89T" + struct.pack("<I", len(data)) + data + b"tb"
    return out + b"u."


def main():
    weights = arrays()
    small = {name: array for name, array in weights.items() if name != "long"}
    for protocol in (2, 3, 4, 5):
        name, saved = f"protocol{protocol}.pkl", weights if protocol == 2 else small
        expect(name, saved)
        (ROOT / name).write_bytes(pickle.dumps(nested(saved), protocol=protocol))
    plain = {name: array for name, array in small.items() if "bfloat16" not in name and array.ndim == 2 and name != "fortran"}
    expect("python2.pkl", plain)
    (ROOT / "python2.pkl").write_bytes(of_python_2(plain))
    odd = {"good": np.ones(2, "f4"), "turned": np.ones(2, ">f4"), "objects": np.array([None, 1]), "phase": np.ones(2, "c8"),
           "masked": np.ma.masked_equal(np.array([1.0, 2.0]), 2.0), "note": "text", "rate": 0.5, "below": {("a", 1): np.ones(2)}}
    expect("odd.pkl", {"good": odd["good"]})
    (ROOT / "odd.pkl").write_bytes(pickle.dumps(odd, protocol=4))


if __name__ == "__main__":
    of_paddle() if "paddle" in sys.argv[1:] else main()
