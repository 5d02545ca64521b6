"""Makes the small Keras and HDF5 files that `crates/semilla-checkpoint/tests/keras.rs` reads:

    KERAS_BACKEND=jax python tests/peers/keras_fixtures.py

Beside each file lies a `.json` with every tensor's name, dtype, shape and bytes, taken from the model or array itself.
Needs keras 3 with a backend, h5py and ml_dtypes."""

import json
import shutil
import warnings
import zipfile
from pathlib import Path

import h5py
import keras
import ml_dtypes
import numpy as np
from keras import layers

FOLDER = Path(__file__).resolve().parents[2] / "crates/semilla-checkpoint/tests/fixtures/keras"
NAMES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "bool": "BOOL"}


def describe(array):
    array = np.asarray(array)
    dtype = NAMES.get(array.dtype.name) or f"{array.dtype.kind.upper()}{8 * array.dtype.itemsize}"
    values = array.astype(array.dtype.newbyteorder("<")) if array.dtype.kind in "fiu" else array
    return {"dtype": dtype, "shape": list(array.shape), "bytes": values.tobytes().hex()}


def expect(file, tensors):
    lines = {name: describe(array) for name, array in tensors.items()}
    (FOLDER / f"{file}.json").write_text(json.dumps(lines, indent=1) + "\n")
    print(f"{file}: {(FOLDER / file).stat().st_size} bytes, {len(lines)} tensors")


def randomize(model):
    """Values that differ everywhere, so that a swap shows."""
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if variable.dtype.startswith(("float", "bfloat")):
            variable.assign(rng.uniform(0.1, 1, variable.shape))


def weights(model):
    """The weights by Keras's own names, below the model's."""
    own = f"{model.name}/"
    return {weight.path.removeprefix(own): np.asarray(weight) for weight in model.weights}


def trained():
    """Renamed layers, and the state of an optimizer."""
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Conv2D(2, 3, name="stem"),
            layers.BatchNormalization(name="stem_bn"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(2, use_bias=False, name="head"),
        ],
        name="renamed",
    )
    model.compile(keras.optimizers.SGD(momentum=0.5), "mse", metrics=["mae"])
    model.train_on_batch(np.zeros((1, 4, 4, 1)), np.zeros((1, 2)))
    randomize(model)
    return model


def every_kind():
    """A layer of every other kind whose variables have names."""
    inputs = keras.Input((6, 4))
    x = layers.Conv1D(2, 2, name="one")(inputs)
    x = layers.SeparableConv1D(3, 2, name="split")(x)
    x = layers.Conv1DTranspose(2, 2, name="up")(x)
    x = layers.DepthwiseConv1D(2, name="mix")(x)
    x = layers.LayerNormalization(name="ln")(x)
    x = layers.RMSNormalization(name="rms")(x)
    x = layers.BatchNormalization(scale=False, center=False, name="plain")(x)
    x = layers.PReLU(name="bent")(x)
    return keras.Model(inputs, layers.Conv1D(2, 2, use_bias=False, name="last")(x), name="kinds")


def nested():
    """Two models whose layers have the same name, attention, recurrence, an embedding."""

    def tower(name):
        inputs = keras.Input((4,))
        return keras.Model(inputs, layers.Dense(2, name="project")(inputs), name=name)

    tokens = keras.Input((5,), dtype="int32", name="tokens")
    x = layers.Embedding(7, 4, name="table")(tokens)
    x = layers.MultiHeadAttention(2, 3, dropout=0.1, name="attention")(x, x)
    x = layers.Bidirectional(layers.GRU(2, reset_after=False), name="both")(x)
    x = layers.Concatenate()([tower("left")(x), tower("right")(x)])
    x = layers.BatchNormalization(scale=False, name="unscaled")(x)
    return keras.Model(tokens, layers.Dense(1, name="score")(x), name="twins")


def chain(*names):
    """Dense layers of one shape, which only their names tell apart."""
    outputs = inputs = keras.Input((3,))
    for name in names:
        outputs = layers.Dense(3, name=name)(outputs)
    return keras.Model(inputs, outputs, name="chain")


def halves():
    """Weights that are not f32."""
    inputs = keras.Input((3,))
    x = layers.Dense(2, dtype="float16", name="half")(inputs)
    x = layers.Dense(2, dtype="bfloat16", name="brain")(x)
    return keras.Model(inputs, layers.Dense(1, dtype="float64", name="double")(x), name="halves")


def keras_2(file, place):
    """As Keras 2.0.5 wrote: fixed-length text, doubled names, `:0`, the lists at the root or below it."""
    rng = np.random.default_rng(2)
    tensors = {}
    with h5py.File(FOLDER / file, "w") as f:
        f.attrs["keras_version"] = b"2.0.5"
        f.attrs["backend"] = b"tensorflow"
        group = f.require_group(place)

        def layer(name, weights, **arrays):
            """Weights by the names in the file; arrays by those that a reader should give."""
            of_layer = group.create_group(name)
            of_layer.attrs["weight_names"] = [weight.encode() for weight in weights]
            for weight, (key, shape) in zip(weights, arrays.items(), strict=True):
                value = rng.uniform(size=shape).astype("float32")
                of_layer[weight] = value
                tensors[key.replace("__", "/")] = value

        names = ["conv2d_1", "activation_1", "conv2d_2", "inner", "shared"]
        # Keras cuts a long list in parts.
        group.attrs["layer_names0"] = [name.encode() for name in names[:2]]
        group.attrs["layer_names1"] = [name.encode() for name in names[2:]]
        layer(
            "conv2d_1",
            ["conv2d_1_1/kernel:0", "conv2d_1_1/bias:0"],
            conv2d_1__kernel=(1, 1, 1, 2),
            conv2d_1__bias=2,
        )
        layer("activation_1", [])
        layer("conv2d_2", ["conv2d_2/kernel:0"], conv2d_2__kernel=(1, 1, 2, 1))
        layer("inner", ["dense_3/kernel:0"], inner__dense_3__kernel=(2, 2))
        layer(
            "shared",
            ["shared_1/kernel:0", "shared_2/kernel:0"],
            shared__shared_1__kernel=(2, 1),
            shared__shared_2__kernel=(2, 1),
        )
        if place == "/":
            layer("top_level_model_weights", ["token:0"], token=3)
            f["unlisted"] = np.float32(1)
        else:
            f["optimizer_weights/Variable:0"] = np.float32(1)
    expect(file, tensors)


def keras_2_13(file):
    """As Keras 2.13 wrote the format of Keras 3: under another list, without names, with random generators."""
    rng = np.random.default_rng(4)
    kernel, bias, filters = rng.random((2, 3)), rng.random(3), rng.random((1, 1, 1, 2))
    with h5py.File(FOLDER / file, "w") as f:
        layers = f.create_group("_layer_checkpoint_dependencies")
        layers["dense/vars/0"] = kernel
        layers["dense/vars/1"] = bias
        layers["conv2d_1/vars/0"] = filters
        layers["dropout/seed_generator/vars/0"] = np.zeros(2, "u4")
        f["layers/conv2d_1/vars/0"] = filters
        f.create_group("layers/dense/vars")
        f["vars/0"] = bias
    names = ["layers/dense/kernel", "layers/dense/bias", "layers/conv2d_1/kernel", "vars/0"]
    expect(file, dict(zip(names, [kernel, bias, filters, bias], strict=True)))


def plain(file):
    """Datasets that no Keras wrote, in every type and layout that is read, behind a user block."""
    rng = np.random.default_rng(3)
    tensors = {}
    with h5py.File(FOLDER / file, "w", userblock_size=512) as f:

        def put(name, value, **how):
            f.create_dataset(name, data=value, **how)
            tensors[name] = value

        big = rng.integers(-9, 9, (8, 6))
        put("block_2/packed", big.astype("f4"), chunks=(3, 4), compression="gzip", shuffle=True)
        put("block_2/sums", big.astype("i4"), chunks=(8, 2), fletcher32=True)
        put("block_10/half", big.astype("f2"), chunks=(8, 6), compression="gzip")
        put("block_10/reversed", big.astype(">f8"))
        put("bool", big > 0)
        for kind in ["i1", "i2", "i8", "u1", "u2", "u4", "u8"]:
            put(f"integers/{kind}", np.abs(big[0]).astype(kind))
        put("empty", np.zeros((0, 3), "f4"))
        put("scalar", np.float32(3))
        # What HDF5 itself calls bfloat16, where Keras writes two nameless bytes.
        brain = h5py.h5t.IEEE_F16LE.copy()
        brain.set_fields(15, 7, 8, 0, 7)
        brain.set_ebias(127)
        tensors["brain"] = big[0].astype(ml_dtypes.bfloat16)
        space = h5py.h5s.create_simple((6,))
        raw = h5py.h5d.create(f.id, b"brain", brain, space)
        raw.write(h5py.h5s.ALL, h5py.h5s.ALL, tensors["brain"].view("u2"), mtype=brain)
        f.create_dataset("unwritten", (2, 2), "f4", fillvalue=1.5)
        tensors["unwritten"] = np.full((2, 2), 1.5, "f4")
        f["alias"] = h5py.SoftLink("/scalar")
        tensors["alias"] = np.float32(3)
        f["nowhere"] = h5py.SoftLink("/absent")
    expect(file, tensors)


def hostile():
    """Files that must be refused."""
    with h5py.File(FOLDER / "bomb.h5", "w") as f:
        f.create_dataset("huge", (1 << 50,), "f4", chunks=(1 << 10,))
    with h5py.File(FOLDER / "padded.h5", "w") as f:
        f.create_dataset("thin", (9, 1), "f4", maxshape=(9, None), chunks=(1, 1 << 28))
    with h5py.File(FOLDER / "link.h5", "w") as f:
        f["weights"] = h5py.ExternalLink("other.h5", "/secret")
    with h5py.File(FOLDER / "indirect.h5", "w", libver="latest") as f:
        f["outside"] = h5py.ExternalLink("other.h5", "/")
        f["weights"] = h5py.SoftLink("/outside/secret")
    with h5py.File(FOLDER / "storage.h5", "w") as f:
        f.create_dataset("weights", (4,), "u1", external=[("other.bin", 0, 4)])
    with h5py.File(FOLDER / "virtual.h5", "w", libver="latest") as f:
        layout = h5py.VirtualLayout((4,), "f4")
        layout[:] = h5py.VirtualSource("other.h5", "secret", (4,))
        f.create_virtual_dataset("weights", layout)
    with h5py.File(FOLDER / "cycle.h5", "w") as f:
        f.create_group("a")["b"] = f
    with h5py.File(FOLDER / "odd.h5", "w") as f:
        odd = h5py.h5t.IEEE_F32LE.copy()
        odd.set_ebias(100)
        h5py.h5d.create(f.id, b"weights", odd, h5py.h5s.create_simple((1,)))
    with h5py.File(FOLDER / "text.h5", "w") as f:
        f["words"] = ["one", "two"]
    pack("bomb.keras", {"model.weights.h5": bytes(20_000_000)})
    files = ["torn_00000.weights.h5", "torn_00001.weights.h5"]
    for number, file in enumerate(files):
        with h5py.File(FOLDER / file, "w") as f:
            f[f"layers/dense/vars/{number}"] = np.zeros(1, "f4")
            f["layers/dense/vars"].attrs["name"] = f"name_{number}"
    index = {"metadata": {"total_size": 8.0}, "weight_map": {"/layers/dense/vars": files}}
    (FOLDER / "torn.weights.json").write_text(json.dumps(index, indent=4))


def pack(file, entries):
    """A compressed archive, the same at any time."""
    with zipfile.ZipFile(FOLDER / file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def shards(model, name, limit):
    """Weights in shards of so many bytes, and their index."""
    model.save_weights(FOLDER / f"{name}.weights.json", max_shard_size=limit / 1024**3)
    expect(f"{name}.weights.json", weights(model))


def deflate(source, file):
    """The archive as other tools write it, and smaller."""
    with zipfile.ZipFile(FOLDER / source) as archive:
        pack(file, {name: archive.read(name) for name in archive.namelist()})


def main():
    warnings.simplefilter("ignore")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    keras.utils.set_random_seed(1)

    model = trained()
    expected = weights(model)
    model.save_weights(FOLDER / "trained.weights.h5")
    model.save(FOLDER / "trained.keras")
    model.save(FOLDER / "trained.h5")
    deflate("trained.keras", "deflated.keras")
    for file in ["trained.weights.h5", "trained.keras", "trained.h5", "deflated.keras"]:
        expect(file, expected)
    # The stem's kernel fills the first: its bias, and the names of other layers, lie apart from the rest of them.
    shards(model, "shards", 76)

    model = chain("enc", "mid")
    randomize(model)
    model.save_weights(FOLDER / "chain.weights.h5")
    expect("chain.weights.h5", weights(model))
    # A layer each.
    shards(model, "whole", 48)

    model = halves()
    randomize(model)
    model.save_weights(FOLDER / "halves.weights.h5")
    expect("halves.weights.h5", weights(model))

    for model in [every_kind(), nested()]:
        randomize(model)
        file = f"{model.name}.keras"
        model.save(FOLDER / "stored.keras")
        deflate("stored.keras", file)
        (FOLDER / "stored.keras").unlink()
        expected = weights(model)
        if model.name == "twins":
            # Keras calls both layers `project`; one of the three variables of `unscaled` is untold.
            for name in [name for name in expected if name.startswith(("project", "unscaled"))]:
                del expected[name]
            for tower in ["left", "right"]:
                for weight in model.get_layer(tower).weights:
                    expected[f"{tower}/{weight.path}"] = np.asarray(weight)
            for number, weight in enumerate(model.get_layer("unscaled").weights):
                expected[f"unscaled/{number}"] = np.asarray(weight)
        expect(file, expected)

    keras_2("keras_2.hdf5", "model_weights")
    keras_2("keras_2_weights.h5", "/")
    keras_2_13("keras_2_13.weights.h5")
    plain("plain.h5")
    hostile()


if __name__ == "__main__":
    main()
