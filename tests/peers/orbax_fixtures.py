"""Makes the checkpoints of Orbax that the reader's tests read, and what they hold: `PYTHON tests/peers/orbax_fixtures.py`,
with orbax-checkpoint, jax, zarr and safetensors, in an environment of their own."""

import shutil
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numcodecs
import numpy as np
import orbax.checkpoint as ocp
import zarr
from flax.traverse_util import flatten_dict
from safetensors.flax import save_file

ROOT = Path(__file__).resolve().parents[2] / "crates/semilla-checkpoint/tests/fixtures/orbax"
FORMS = {"tree": dict(use_ocdbt=True), "tree3": dict(use_ocdbt=True, use_zarr3=True), "folders": dict(use_ocdbt=False),
         "folders3": dict(use_ocdbt=False, use_zarr3=True)}


def state():
    """Every element type, a scalar, a large array in several chunks, and one that the chunks do not divide."""
    some = np.array([[0, 1, 2], [100, 101, 127]])
    kinds = {str(jnp.dtype(kind)): jnp.asarray(some, kind) for kind in (
        jnp.float32, jnp.float16, jnp.bfloat16, jnp.int32, jnp.int16, jnp.int8, jnp.uint32, jnp.uint16, jnp.uint8, jnp.bool_)}
    large = jax.random.normal(jax.random.key(0), (24, 40))
    return {"params": {"Dense_0": {"kernel": large, "bias": jnp.zeros(5)}, "list": [jnp.ones(2), jnp.arange(3)],
                       "table": jax.random.normal(jax.random.key(1), (30, 20))},
            "kinds": kinds, "step": jnp.int32(7)}


def named(tree):
    numbered = {str(number): leaf for number, leaf in enumerate(tree["params"]["list"])}
    flat = flatten_dict(tree | {"params": tree["params"] | {"list": numbered}}, sep="/")
    return {name: jnp.asarray(array) for name, array in flat.items()}


def packed():
    """An array for each compression that Zarr's own library writes, the default of its second version first."""
    def add(name, array, chunks, version, packing):
        zarr.create_array(ROOT / "packed" / name, data=array, chunks=chunks, zarr_format=version, compressors=packing, fill_value=0)
        arrays[name] = jnp.asarray(array)

    some = np.random.default_rng(0).standard_normal((60, 50)).astype("f2")
    kinds = {"f2": some, "u1": (some * 9).astype("i1").view("u1"), "i4": (some * 9).astype("i4")}
    arrays = {}
    for kind, array in kinds.items():
        # Blocks and splits of Blosc: several, one, and the last shorter.
        for codec in ("lz4", "lz4hc", "blosclz", "zlib", "zstd"):
            add(f"{codec}.{kind}", array, (60, 50), 2, numcodecs.Blosc(codec, 5, 1 if codec != "zlib" else 0, blocksize=2048))
        add(f"bits.{kind}", array, (40, 33), 2, numcodecs.Blosc("lz4", 5, 2))
    array = some.astype("f4")
    add("zeros", np.zeros_like(array), (60, 50), 2, numcodecs.Blosc("blosclz"))
    add("noise", np.random.default_rng(0).integers(0, 256, (60, 50)).astype("u1"), (60, 50), 2, numcodecs.Blosc("lz4"))
    add("gzip", array, (40, 33), 2, numcodecs.GZip())
    add("zlib", array, (40, 33), 2, numcodecs.Zlib())
    add("lz4", array, (40, 33), 2, numcodecs.LZ4())
    add("blosc3", array, (40, 33), 3, zarr.codecs.BloscCodec(cname="lz4", shuffle="bitshuffle"))
    add("gzip3", array, (40, 33), 3, zarr.codecs.GzipCodec())
    (ROOT / "packed/_METADATA").write_text('{"tree_metadata": {}}')
    save_file({name.replace(".", "/"): array for name, array in arrays.items()}, ROOT / "packed.safetensors")


def trees():
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    tree = state()
    for name, options in FORMS.items():
        arguments = jax.tree.map(lambda leaf: ocp.SaveArgs(chunk_byte_size=700 if leaf.shape == (24, 40) else None), tree)
        ocp.Checkpointer(ocp.PyTreeCheckpointHandler(**options)).save(ROOT / name, tree, save_args=arguments)
        for unused in ("_sharding", "array_metadatas", "commit_success.txt"):
            path = ROOT / name / unused
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if options["use_ocdbt"]:
            # What the processes wrote before it was put together.
            for manifest in (ROOT / name).glob("ocdbt.process_*/manifest.ocdbt"):
                manifest.unlink()
    with ocp.CheckpointManager(ROOT / "steps") as manager:
        manager.save(3, args=ocp.args.StandardSave({"a": {"kernel": jnp.ones((2, 3), jnp.bfloat16)}}))
    save_file(named(tree), ROOT / "state.safetensors")
    packed()


if __name__ == "__main__":
    trees()
