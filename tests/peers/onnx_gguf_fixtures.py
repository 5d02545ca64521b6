"""Makes the ONNX and GGUF files that the readers of semilla-checkpoint are tested with.

Beside every file NAME lies NAME.safetensors with the values that the packages `onnx` and `gguf` read from it, under
the names and with the layouts that the reader should give (the latter in the metadata).

    pip install onnx gguf numpy ml_dtypes
    python tests/peers/onnx_gguf_fixtures.py
"""

import json
import struct
from pathlib import Path

import gguf
import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FIXTURES = Path(__file__).parents[2] / "crates/semilla-checkpoint/tests/fixtures"
RNG = np.random.default_rng(20261123)

SAFETENSORS = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2", "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8", "uint64": "U64",
    "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL",
}


def write_expected(path, arrays, layouts=()):
    header, data = {"__metadata__": dict(layouts)}, b""
    for name, array in arrays.items():
        values = np.ascontiguousarray(array).tobytes()
        header[name] = {
            "dtype": SAFETENSORS[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(values)],
        }
        data += values
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


# ONNX


def save_onnx(name, graph, expected, layouts=(), external=None):
    """`expected` maps the reader's names to tensors of the model."""
    folder = FIXTURES / "onnx"
    folder.mkdir(parents=True, exist_ok=True)
    model = helper.make_model(graph, producer_name="semilla", opset_imports=[helper.make_opsetid("", 17)])
    model.metadata_props.add(key="author", value="nobody")
    if external:
        onnx.save(model, folder / name, save_as_external_data=True, location=external, size_threshold=64)
        onnx.load_external_data_for_model(model, str(folder))
    else:
        onnx.save(model, folder / name)
    arrays = {key: numpy_helper.to_array(tensor) for key, tensor in expected.items()}
    write_expected(folder / f"{name}.safetensors", arrays, layouts)


def raw(name, array):
    return numpy_helper.from_array(array, name)


def graph_of(nodes, initializers, name="main"):
    return helper.make_graph(nodes, name, [], [], initializers)


def roles():
    """Names and layouts that only the nodes tell."""
    node = helper.make_node
    tensors = {
        "conv.weight": raw("stem.kernel", floats(4, 3, 2, 2)),
        "conv.bias": raw("onnx::Conv_7", floats(4)),
        "depthwise": raw("12", floats(4, 1, 3)),
        "up": raw("up.weight", floats(4, 2, 2, 2)),
        "oi": raw("head.weight", floats(3, 4)),
        "io": raw("Const_3:0", floats(4, 3)),
        "bias": raw("Const_4:0", floats(3)),
        "matmul": raw("onnx::MatMul_636", floats(4, 5)),
        "transposed": raw("tied.weight", floats(6, 4)),
        "left": raw("left", floats(4, 5)),
        "experts": raw("experts", floats(2, 4, 5)),
        "embedding": raw("onnx::Gather_1", floats(6, 4)),
        "w": raw("onnx::LSTM_1", floats(1, 8, 4)),
        "r": raw("onnx::LSTM_2", floats(1, 8, 2)),
        "b": raw("onnx::LSTM_3", floats(1, 16)),
        "mean": raw("onnx::BatchNormalization_4", floats(4)),
        "var": raw("onnx::BatchNormalization_5", floats(4)),
        "scale": raw("bn.scale", floats(4)),
        "shift": raw("bn.shift", floats(4)),
        "gamma": raw("layer_scale", floats(1)),
        "quantized": raw("onnx::MatMul_9", RNG.integers(-9, 9, (4, 5)).astype(np.int8)),
        "twice": raw("twice", floats(4, 4)),
    }
    shape = raw("onnx::Reshape_2", np.array([1, -1], np.int64))
    epsilon = raw("onnx::Add_3", np.array(1e-5, np.float32))
    nodes = [
        node("Conv", ["x", "stem.kernel", "onnx::Conv_7"], ["c1"], name="/stem/conv/Conv"),
        node("Conv", ["c1", "12"], ["c2"], name="/body/0/depthwise/Conv", group=4),
        node("ConvTranspose", ["c2", "up.weight"], ["c3"], strides=[2, 3]),
        node("Gemm", ["c3", "head.weight"], ["g1"], transB=1),
        node("Gemm", ["g1", "Const_3:0", "Const_4:0"], ["18"]),
        node("MatMul", ["18", "onnx::MatMul_636"], ["/enc/layer.0/query/MatMul_output_0"]),
        node("Transpose", ["tied.weight"], ["t"], perm=[1, 0]),
        node("MatMul", ["18", "t"], ["m2"]),
        node("MatMul", ["left", "18"], ["m3"]),
        node("MatMul", ["18", "experts"], ["m4"]),
        node("Cast", ["onnx::Gather_1"], ["cast"], to=TensorProto.FLOAT),
        node("Gather", ["cast", "ids"], ["e"], name="/emb/Gather"),
        node("LSTM", ["e", "onnx::LSTM_1", "onnx::LSTM_2", "onnx::LSTM_3"], ["l"], name="/rnn/LSTM", hidden_size=2),
        node("BatchNormalization", ["l", "bn.scale", "bn.shift", "onnx::BatchNormalization_4",
                                    "onnx::BatchNormalization_5"], ["b"], name="/bn/BatchNormalization"),
        node("Mul", ["b", "layer_scale"], ["s"]),
        node("Add", ["s", "onnx::Add_3"], ["a"]),
        node("Reshape", ["a", "onnx::Reshape_2"], ["r"]),
        node("DequantizeLinear", ["onnx::MatMul_9", "s0"], ["dq"]),
        node("MatMul", ["r", "dq"], ["m5"], name="/enc/layer.0/query/MatMul_1"),
        node("MatMul", ["r", "twice"], ["m6"]),
        node("Gemm", ["r", "twice"], ["m7"], transB=1),
    ]
    names = {
        "conv.weight": "stem.kernel", "conv.bias": "stem.conv.bias", "depthwise": "body.0.depthwise.weight",
        "up": "up.weight", "oi": "head.weight", "io": "Gemm_18.weight", "bias": "Gemm_18.bias",
        "matmul": "enc.layer.0.query.weight", "transposed": "tied.weight", "left": "left", "experts": "experts",
        "embedding": "emb.weight", "w": "rnn.weight_ih", "r": "rnn.weight_hh", "b": "rnn.bias",
        "mean": "bn.running_mean", "var": "bn.running_var", "scale": "bn.scale", "shift": "bn.shift",
        "gamma": "layer_scale", "quantized": "enc.layer.0.query.weight_2", "twice": "twice",
    }
    layouts = {
        "conv.weight": "OIHW", "depthwise": "OIW/4", "up": "IOHW^T:6", "oi": "OI", "io": "IO", "matmul": "IO",
        "transposed": "OI", "left": "OI", "experts": "EIO", "embedding": "VO", "w": "EOI", "r": "EOI",
        "quantized": "IO",
    }
    save_onnx(
        "roles.onnx", graph_of(nodes, [*tensors.values(), shape, epsilon]),
        {names[key]: tensor for key, tensor in tensors.items()},
        {names[key]: layout for key, layout in layouts.items()},
    )


def types():
    """Every type, as raw bytes and as numbers."""
    kinds = ["FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "BOOL", "FLOAT16", "DOUBLE", "UINT32",
             "UINT64", "BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E5M2"]
    tensors = {}
    for kind in kinds:
        number = getattr(TensorProto, kind)
        dtype = helper.tensor_dtype_to_np_dtype(number)
        bits = RNG.integers(0, 256, 18 * dtype.itemsize, np.uint8)
        if kind == "BOOL":
            bits &= 1
        array = bits.view(dtype).reshape(3, 6)
        if "FLOAT" in kind or kind == "DOUBLE":
            array = RNG.standard_normal((3, 6)).astype(dtype)
        tensors[f"raw.{kind}"] = raw(f"raw.{kind}", array)
        values = array.flatten().tolist()
        typed = helper.make_tensor(f"typed.{kind}", number, (3, 6), values)
        assert not typed.raw_data
        tensors[f"typed.{kind}"] = typed
    constants = {
        "floats": helper.make_node("Constant", [], ["floats"], value_floats=[1.5, -2.0, 0.25]),
        "ints": helper.make_node("Constant", [], ["ints"], value_ints=list(range(-9, 9))),
        "short": helper.make_node("Constant", [], ["short"], value_ints=[1, 2]),
        "number": helper.make_node("Constant", [], ["number"], value_float=1.0),
    }
    expected = {
        "floats": raw("", np.array([1.5, -2.0, 0.25], np.float32)),
        "ints": raw("", np.arange(-9, 9, dtype=np.int64)),
        **tensors,
        "empty": raw("empty", np.zeros((0, 3), np.float32)),
        "scalar": raw("scalar", np.array(2.5, np.float32)),
    }
    text = helper.make_tensor("text", TensorProto.STRING, (1,), [b"x"])
    initializers = [*tensors.values(), expected["empty"], expected["scalar"], text]
    save_onnx("types.onnx", graph_of(list(constants.values()), initializers), expected)


def branches():
    """Weights in branches and a loop's body, which also take those of the graph around them."""
    node = helper.make_node

    def branch(scale):
        weight = raw("query.weight", scale * floats(4, 5))
        junk = raw("", scale * floats(5, 3))
        nodes = [
            node("Constant", [], [f"c{scale}"], value=weight),
            node("MatMul", ["x", f"c{scale}"], ["h"]),
            node("Constant", [], [f"/out/Constant_{scale}_output_0"], value=junk),
            node("MatMul", ["h", f"/out/Constant_{scale}_output_0"], [f"o{scale}"], name="/out/MatMul"),
            node("MatMul", [f"o{scale}", "shared"], [f"p{scale}"]),
        ]
        return weight, junk, graph_of(nodes, [], f"branch{scale}")

    weight1, junk1, then_branch = branch(1)
    weight2, junk2, else_branch = branch(2)
    step = raw("step.weight", floats(4, 4))
    body = graph_of([node("MatMul", ["y", "step.weight"], ["z"])], [step], "body")
    shared, top = raw("shared", floats(3, 2)), raw("query.weight", floats(2, 2))
    nodes = [
        node("If", ["condition"], ["i"], name="/model/If", then_branch=then_branch, else_branch=else_branch),
        node("Loop", ["n", "condition", "i"], ["j"], body=body),
        node("Gemm", ["j", "query.weight"], ["k"]),
    ]
    expected = {
        "shared": shared, "query.weight": top,
        "model.If.else_branch.query.weight": weight2, "model.If.else_branch.out.weight": junk2,
        "model.If.then_branch.query.weight": weight1, "model.If.then_branch.out.weight": junk1,
        "step.weight": step,
    }
    layouts = {name: "IO" for name in expected}
    save_onnx("branches.onnx", graph_of(nodes, [shared, top]), expected, layouts)


def external():
    tensors = {name: raw(name, floats(*shape)) for name, shape in {"a": (5, 5), "b": (7, 9), "inside": (2,)}.items()}
    (FIXTURES / "onnx/external.bin").unlink(missing_ok=True)
    save_onnx("external.onnx", graph_of([], list(tensors.values())), tensors, external="external.bin")


def numbered(*shape):
    """Values that leave the generator alone."""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def graph():
    """All that a graph has beside weights: types, all outputs, attributes of every kind, notes, functions."""
    node, info, FLOAT = helper.make_node, helper.make_tensor_value_info, TensorProto.FLOAT
    kernel, up = raw("stem.weight", numbered(4, 3, 5, 3)), raw("up.weight", numbered(2, 3, 2, 2))
    scale, recurrent = raw("bn.scale", numbered(4)), raw("rnn.weight", numbered(1, 8, 4))
    state = raw("rnn.state", numbered(1, 8, 2))
    shape = raw("onnx::Reshape_1", np.array([0, -1, np.iinfo(np.int64).max], np.int64))
    half = raw("onnx::Mul_2", np.array(0.5, np.float32))
    indices = raw("", np.array([1], np.int64))
    sparse = helper.make_sparse_tensor(raw("mask", np.array([1.0], np.float32)), indices, [2])
    conv = node("Conv", ["x", "stem.weight"], ["c"], name="/stem/Conv", strides=[2, 1], dilations=[1, 2],
                auto_pad="SAME_UPPER")
    conv.metadata_props.add(key="namespace", value=": Net/stem: torch.nn.modules.conv.Conv2d")
    conv.metadata_props.add(key="pkg.torch.onnx.stack_trace", value="line " * 1000)
    branches = {}
    for name, operator in [("then_branch", "Relu"), ("else_branch", "Neg")]:
        inner = [node("Constant", [], ["k"], value_float=2.0), node(operator, ["first"], ["r"]),
                 node("Mul", ["r", "k"], [name])]
        branches[name] = helper.make_graph(inner, name, [], [info(name, FLOAT, None)])
    nodes = [
        conv,
        node("Split", ["c"], ["first", "second"], axis=1),
        node("ConvTranspose", ["first", "up.weight"], ["u"], strides=[2, 3], group=2),
        node("BatchNormalization", ["c", "bn.scale", "bn.scale", "bn.scale", "bn.scale"], ["b"], epsilon=0.5),
        node("Reshape", ["b", "onnx::Reshape_1"], ["s"]),
        node("LSTM", ["s", "rnn.weight", "rnn.state"], ["", "h", ""], name="/rnn/LSTM", hidden_size=2,
             activations=["Tanh", "Sigmoid", "Tanh"], activation_alpha=[0.25, 0.5]),
        node("If", ["flag"], ["i"], name="/If", **branches),
        node("ConstantOfShape", ["onnx::Reshape_1"], ["z"],
             value=helper.make_tensor("", FLOAT, [1], [1.5])),
        node("Halve", ["i"], ["y"], domain="semilla.test", by=2.0),
        node("Scan", ["z"], ["w"], num_scan_inputs=1, body=helper.make_graph([], "scan", [], [])),
    ]
    nodes[8].attribute.append(helper.make_attribute("none", [], attr_type=onnx.AttributeProto.INTS))
    inputs = [info("x", FLOAT, ["batch", 3, None, 8]), info("flag", TensorProto.BOOL, []),
              info("bn.scale", FLOAT, [4]), info("words", TensorProto.STRING, None)]
    outputs = [info("y", FLOAT, None), info("h", TensorProto.FLOAT16, [1, "batch", 2])]
    between = info("c", FLOAT, ["batch", 4, None, None])
    between.metadata_props.add(key="kind", value="activation")
    main = helper.make_graph(nodes, "main", inputs, outputs, value_info=[between],
                             initializer=[kernel, up, scale, recurrent, state, shape, half],
                             sparse_initializer=[sparse])
    calls = [node("Mul", ["a", "a"], ["b"]), node("Elu", ["b"], ["c"])]
    reference = calls[1].attribute.add()
    reference.name, reference.ref_attr_name, reference.type = "alpha", "by", onnx.AttributeProto.FLOAT
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("semilla.test", 3)]
    function = helper.make_function("semilla.test", "Halve", ["a"], ["c"], calls, imports[:1], ["by"])
    names = ["stem.weight", "up.weight", "bn.scale", "rnn.weight", "rnn.state"]
    model = helper.make_model(main, producer_name="semilla", opset_imports=imports, functions=[function])
    onnx.save(model, FIXTURES / "onnx/graph.onnx")
    layouts = {"stem.weight": "OIHW", "up.weight": "IOHW/2^T:6", "rnn.weight": "EOI", "rnn.state": "EOI"}
    arrays = dict(zip(names, map(numpy_helper.to_array, [kernel, up, scale, recurrent, state])))
    write_expected(FIXTURES / "onnx/graph.onnx.safetensors", arrays, layouts)


# GGUF


def gguf_writer(name):
    folder = FIXTURES / "gguf"
    folder.mkdir(parents=True, exist_ok=True)
    return gguf.GGUFWriter(folder / name, "llama")


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def plain():
    writer = gguf_writer("plain.gguf")
    writer.add_string("general.name", "a name")
    writer.add_uint8("u8", 200)
    writer.add_int8("i8", -7)
    writer.add_uint16("u16", 60000)
    writer.add_int16("i16", -30000)
    writer.add_uint32("u32", 1 << 31)
    writer.add_int32("i32", -5)
    writer.add_float32("f32", 0.5)
    writer.add_bool("bool", True)
    writer.add_array("strings", ["a", "bc", ""])
    writer.add_array("numbers", [1, 2, 3])
    writer.add_uint64("u64", 1 << 63)
    writer.add_int64("i64", -(1 << 40))
    writer.add_float64("f64", 0.1)
    arrays = {
        "blk.0.attn_q.weight": floats(4, 6),
        "blk.0.attn_k.weight": floats(2, 6).astype(np.float16),
        "bf16": floats(3, 5).astype(ml_dtypes.bfloat16),
        "f64": RNG.standard_normal((2, 3, 4)),
        "scalars": floats(1),
    }
    for dtype in [np.int8, np.int16, np.int32, np.int64]:
        arrays[dtype.__name__] = RNG.integers(-100, 100, (3, 7)).astype(dtype)
    for name, array in arrays.items():
        if array.dtype == ml_dtypes.bfloat16:
            writer.add_tensor(name, array.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
        else:
            writer.add_tensor(name, array)
    finish(writer)
    write_expected(FIXTURES / "gguf/plain.gguf.safetensors", arrays)


# Where the f16 scales of a block are.
SCALES = {"Q2_K": (80, 82), "Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}


def random_blocks(kind, rows, blocks):
    """Blocks of any content, but for scales that are numbers."""
    _, size = gguf.GGML_QUANT_SIZES[kind]
    data = RNG.integers(0, 256, (rows, blocks, size), np.uint8)
    for at in SCALES[kind.name]:
        data[..., at : at + 2] = RNG.standard_normal((rows, blocks, 1)).astype(np.float16).view(np.uint8)
    return data.reshape(rows, blocks * size)


def quantized():
    writer = gguf_writer("quantized.gguf")
    writer.add_custom_alignment(64)
    arrays = {}
    for name in ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]:
        kind = gguf.GGMLQuantizationType[name]
        blocks = gguf.quants.quantize(floats(3, 96), kind)
        writer.add_tensor(name, blocks, raw_dtype=kind)
        arrays[name] = gguf.quants.dequantize(blocks, kind)
    for name in SCALES:
        kind = gguf.GGMLQuantizationType[name]
        blocks = random_blocks(kind, 2, 1)
        writer.add_tensor(name, blocks, raw_dtype=kind)
        arrays[name] = gguf.quants.dequantize(blocks, kind)
    finish(writer)
    write_expected(FIXTURES / "gguf/quantized.gguf.safetensors", arrays)


def newer():
    """Tables, ternary numbers and four-bit floats."""
    writer = gguf_writer("newer.gguf")
    random = np.random.default_rng(1)
    arrays = {}
    for name, scales in [("IQ4_NL", (0,)), ("IQ4_XS", (0,)), ("TQ1_0", (52,)), ("TQ2_0", (64,)), ("MXFP4", ()), ("NVFP4", ())]:
        kind = gguf.GGMLQuantizationType[name]
        _, size = gguf.GGML_QUANT_SIZES[kind]
        data = random.integers(0, 256, (2, 2, size), np.uint8)
        for at in scales:
            data[..., at : at + 2] = random.standard_normal((2, 2, 1)).astype(np.float16).view(np.uint8)
        if name == "TQ1_0":
            # Any other byte is no number to base three.
            exact = gguf.quants.quantize(random.integers(-1, 2, (2, 512)).astype(np.float32), kind).reshape(2, 2, size)
            data[..., :52] = exact[..., :52]
        if name == "NVFP4":
            data[..., :4] %= 128
        if name == "MXFP4":
            data[..., 0] = [[0, 1], [120, 240]]
        blocks = data.reshape(2, 2 * size)
        writer.add_tensor(name, blocks, raw_dtype=kind)
        arrays[name] = gguf.quants.dequantize(blocks, kind)
    finish(writer)
    write_expected(FIXTURES / "gguf/newer.gguf.safetensors", arrays)


def grids():
    """IQ1 to IQ3, and the grids themselves, which the reader has as the package packs them."""
    kinds = ["IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ1_S"]
    packed = [bytes.fromhex(getattr(gguf.quants, kind).grid_hex.decode()) for kind in kinds]
    (FIXTURES.parents[1] / "src/formats/gguf/grids.bin").write_bytes(b"".join(packed))
    writer = gguf_writer("grids.gguf")
    random = np.random.default_rng(2)
    arrays = {}
    for name in [*kinds, "IQ1_M"]:
        kind = gguf.GGMLQuantizationType[name]
        _, size = gguf.GGML_QUANT_SIZES[kind]
        data = random.integers(0, 256, (2, 2, size), np.uint8)
        if name == "IQ1_M":
            # The scale lies in the highest bits of four words: 1, 1.5, 2, 2.5.
            for block, high in zip(data.reshape(4, size), (0x3C, 0x3E, 0x40, 0x41)):
                for part, bits in zip(range(49, 56, 2), (0, 0, high & 15, high >> 4)):
                    block[part] = block[part] & 15 | bits << 4
        else:
            data[..., :2] = random.standard_normal((2, 2, 1)).astype(np.float16).view(np.uint8)
        blocks = data.reshape(2, 2 * size)
        writer.add_tensor(name, blocks, raw_dtype=kind)
        arrays[name] = gguf.quants.dequantize(blocks, kind)
    finish(writer)
    write_expected(FIXTURES / "gguf/grids.gguf.safetensors", arrays)


if __name__ == "__main__":
    roles()
    types()
    branches()
    external()
    graph()
    plain()
    quantized()
    newer()
    grids()
