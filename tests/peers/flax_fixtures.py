"""Makes the files of Flax that the reader's tests read: `PYTHON tests/peers/flax_fixtures.py`, with
flax, jax, msgpack and safetensors."""

from pathlib import Path

import flax.serialization
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict
from safetensors.flax import save_file

ROOT = Path(__file__).resolve().parents[2] / "crates/semilla-checkpoint/tests/fixtures/flax"


def write(name, state):
    (ROOT / name).write_bytes(flax.serialization.msgpack_serialize(state))
    arrays = {name: jnp.asarray(array) for name, array in flatten_dict(state, sep="/").items()
              if isinstance(array, np.ndarray) and array.dtype.kind != "c"}
    save_file(arrays, ROOT / f"{name}.safetensors")


if __name__ == "__main__":
    ROOT.mkdir(parents=True, exist_ok=True)
    some = np.array([[0, 1, 2], [100, 101, 127]])
    kinds = {str(jnp.dtype(kind)): np.asarray(jnp.asarray(some, kind)) for kind in (
        jnp.float32, jnp.float16, jnp.bfloat16, jnp.int32, jnp.int16, jnp.int8, jnp.uint32, jnp.uint16, jnp.uint8)}
    write("state.msgpack", {
        "params": {"Dense_0": {"kernel": np.arange(6, dtype="f4").reshape(2, 3), "bias": np.zeros(3, "f4")}},
        "kinds": kinds, "flag": np.array(True), "empty": np.zeros((0, 3), "f4"), "phase": np.ones(2, "c8"),
        "step": 7, "note": "text", "rate": 0.5})
    flax.serialization.MAX_CHUNK_SIZE = 40
    write("chunks.msgpack", {"table": np.arange(35, dtype="f4").reshape(5, 7), "bias": np.ones(4, "f2")})
