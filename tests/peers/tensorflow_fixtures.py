"""Makes the checkpoints of TensorFlow that the reader's tests read, and what they hold:
`PYTHON tests/peers/tensorflow_fixtures.py`, with tensorflow and safetensors, in an environment of their own."""

import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf
from safetensors.numpy import save_file

ROOT = Path(__file__).resolve().parents[2] / "crates/semilla-checkpoint/tests/fixtures/tensorflow"
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


def expect(stem, weights):
    whole = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in weights.items()}
    save_file(whole, f"{stem}.index.safetensors")


def objects():
    """TensorFlow 2: objects with variables of every type, and an optimizer."""
    kinds = {name: tf.Variable(tf.cast([[0, 1, 2], [100, 101, 127]], name)) for name in (
        "float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8")}
    dense = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2, name="head")])
    dense.compile(tf.keras.optimizers.Adam(), "mse")
    dense.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    tree = tf.train.Checkpoint(model=dense, kinds=tf.train.Checkpoint(**kinds), flag=tf.Variable(True), empty=tf.Variable(tf.zeros((0, 3))))
    stem = tree.save(str(ROOT / "objects"))
    reader = tf.train.load_checkpoint(stem)
    keys = [key for key in reader.get_variable_to_shape_map() if key.endswith(VALUE)]
    # Keras 3 calls a model's weights by the way through its optimizer.
    of_training = lambda key: "save_counter" in key or "/optimizer/" in key and "_trainable_variables" not in key
    expect(stem, {key.removesuffix(VALUE): reader.get_tensor(key) for key in keys if not of_training(key)})


def saver():
    """TensorFlow 1: names of variables, with Adam's moments."""
    tf.compat.v1.disable_eager_execution()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        make = lambda name, *shape: tf.compat.v1.get_variable(name, initializer=tf.random.stateless_normal(shape, (1, len(name))))
        weights = [make("bert/embeddings/word_embeddings", 7, 3), make("bert/pooler/dense/kernel", 3, 3), make("bert/pooler/dense/bias", 3)]
        loss = tf.add_n([tf.reduce_sum(weight) for weight in weights])
        tf.compat.v1.train.get_or_create_global_step()
        tf.compat.v1.train.AdamOptimizer().minimize(loss)
        session.run(tf.compat.v1.global_variables_initializer())
        stem = tf.compat.v1.train.Saver().save(session, str(ROOT / "bert.ckpt"))
        expect(stem, {weight.op.name: session.run(weight) for weight in weights})


def partitioned():
    """TensorFlow 1: variables in slices, along one axis and, by TensorFlow's own writer, in a grid of boxes."""
    tf.compat.v1.disable_eager_execution()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        values = np.random.default_rng(0).standard_normal((300, 5)).astype("f4")
        make = lambda name, shape, dtype, parts, axis: tf.compat.v1.get_variable(
            name, shape, dtype, tf.compat.v1.random_normal_initializer(), partitioner=tf.compat.v1.fixed_size_partitioner(parts, axis))
        weights = {"table": make("table", (300, 5), tf.float32, 4, 0), "half": make("half", (7, 5), tf.float16, 3, 1),
                   "whole": make("whole", (5,), tf.float32, 1, 0)}
        session.run(tf.compat.v1.global_variables_initializer())
        stem = tf.compat.v1.train.Saver().save(session, str(ROOT / "partitioned.ckpt"))
        expect(stem, {name: session.run(tf.convert_to_tensor(weight)) for name, weight in weights.items()})
        boxes = [(0, 0, 130, 2), (0, 2, 130, 3), (130, 0, 170, 5)]
        slices = [f"300 5 {row},{rows}:{column},{columns}" if columns < 5 else f"300 5 {row},{rows}:-" for row, column, rows, columns in boxes]
        tensors = [values[row:row + rows, column:column + columns] for row, column, rows, columns in boxes]
        stem = str(ROOT / "boxes.ckpt")
        session.run(tf.raw_ops.SaveV2(prefix=stem, tensor_names=["grid"] * 3, shape_and_slices=slices, tensors=tensors))
        expect(stem, {"grid": values})


if __name__ == "__main__":
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    objects()
    saver()
    partitioned()
    for unused in [*ROOT.glob("*.meta"), ROOT / "checkpoint"]:
        unused.unlink(missing_ok=True)
