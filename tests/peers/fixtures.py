"""Makes the small files of PyTorch and NumPy that the readers' tests read, each with a safetensors
file of the values expected: `PYTHON tests/peers/fixtures.py`, with torch, numpy and safetensors."""

import argparse
import os
import pickle
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

ROOT = Path(__file__).resolve().parents[2] / "crates/semilla-checkpoint/tests/fixtures"


def expect(path, tensors):
    """Writes the values under the names that a reader should give."""
    whole = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    path.with_name(path.name + ".safetensors").write_bytes(save(whole))


def dtypes():
    """A tensor of every element type, with values that use its range."""
    kinds = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32,
             torch.int16, torch.int8, torch.uint64, torch.uint32, torch.uint16, torch.uint8]
    some = torch.tensor([[0, 1, 2], [100, 101, 127]])
    state = OrderedDict((str(kind).split(".")[1], some.to(kind)) for kind in kinds)
    state["bool"] = some > 1
    return state


def views():
    """Tensors that share storage, lie strided in it, or have no elements or no dimensions."""
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    return OrderedDict(
        base=base,
        transposed=base.t(),
        columns=base[:, 1::2],
        row=base[2],
        expanded=base[1, :1].expand(3, 4),
        permuted=torch.arange(24, dtype=torch.int16).reshape(2, 3, 4).permute(2, 0, 1),
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
        tied=base,
    )


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(1, 2, 3),
            norm=nn.BatchNorm2d(2),
            act=nn.ReLU(),
            body=nn.Sequential(nn.Flatten(), nn.Linear(8, 3), nn.Linear(3, 3, bias=False)),
        )
    )


def torch_files():
    for name, state in (("dtypes", dtypes()), ("views", views())):
        torch.save(state, ROOT / f"{name}.pt")
        expect(ROOT / f"{name}.pt", state)

    path = ROOT / "legacy.pt"
    torch.save(views(), path, _use_new_zipfile_serialization=False)
    expect(path, views())

    path = ROOT / "protocol4.pt"
    torch.save(views(), path, pickle_protocol=4)
    expect(path, views())

    # The length of the name is that of the folder in the archive, and that of its list's first line.
    path = ROOT / "twenty-one-characters.pt"
    torch.save(views(), path)
    expect(path, views())

    # One dictionary under two names.
    shared = {"weight": torch.ones(2)}
    path = ROOT / "reused.pt"
    torch.save({"model": shared, "ema": shared}, path)
    expect(path, {"model.weight": shared["weight"], "ema.weight": shared["weight"]})

    # A whole module, with its source; its file has a storage that no weight lies in.
    model = network()
    model.conv.register_buffer("scratch", torch.ones(5), persistent=False)
    path = ROOT / "module-legacy.pt"
    with warnings.catch_warnings(action="ignore"):
        torch.save(model, path, _use_new_zipfile_serialization=False)
    # It names the source's place on this machine: as many letters that tell nothing.
    packages = f"{Path(nn.__file__).parents[2]}/".encode()
    path.write_bytes(path.read_bytes().replace(packages, b"packages/".rjust(len(packages), b"/")))
    expect(path, model.state_dict())
    model = network()
    path = ROOT / "module.pt"
    torch.save(model, path)
    expect(path, model.state_dict())

    # What a state_dict() leaves out, and parameters that are none or one.
    tied = nn.Module()
    tied.register_buffer("kept", torch.arange(3.0))
    tied.register_buffer("scratch", torch.ones(5), persistent=False)
    tied.register_parameter("absent", None)
    tied.plain = torch.ones(7)
    tied.first = nn.Linear(2, 3, bias=False)
    tied.second = nn.Linear(2, 3, bias=False)
    tied.second.weight = tied.first.weight
    path = ROOT / "buffers.pt"
    torch.save(tied, path)
    expect(path, tied.state_dict())

    # Element types of the newer way to rebuild tensors, and a storage of two of them.
    path = ROOT / "float8.pt"
    some = torch.tensor([[0.5, -1.0, 448.0], [0.0, 2.0, -0.125]])
    state = {
        "e4m3": some.to(torch.float8_e4m3fn),
        "e5m2": some.to(torch.float8_e5m2),
        "turned": some.to(torch.float8_e4m3fn).t(),
        "u16": torch.arange(12).to(torch.uint16)[3:9].reshape(2, 3),
        "scale": torch.tensor(0.25),
    }
    torch.save(state, path)
    expect(path, state)

    path = ROOT / "parameters.pt"
    marked = nn.Parameter(torch.arange(4.0))
    marked.note = "sharded"
    state = {"plain": nn.Parameter(torch.ones(2, 3)), "marked": marked, "buffer": nn.Buffer(torch.zeros(2)),
             7: [torch.ones(1), (torch.zeros(1), torch.ones(2))], "size": torch.Size([3, 4])}
    torch.save(state, path)
    expect(path, {"plain": state["plain"], "marked": marked, "buffer": state["buffer"], "7.0": torch.ones(1),
                  "7.1.0": torch.zeros(1), "7.1.1": torch.ones(2)})

    # The items of a state dictionary.
    path = ROOT / "pairs.pt"
    torch.save(list(model.state_dict().items()), path)
    expect(path, model.state_dict())

    path = ROOT / "wrapped.pt"
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(1, 1, 4, 4)).sum().backward()
    optimizer.step()
    saved = {
        "epoch": 3,
        "state_dict": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "best": np.float64(0.5),
        "extra": [torch.ones(2), {"deep": torch.zeros(1)}],
    }
    torch.save(saved, path)
    expected = {f"state_dict.{name}": tensor for name, tensor in saved["state_dict"].items()}
    for index, state in saved["optimizer"]["state"].items():
        expected[f"optimizer.state.{index}.momentum_buffer"] = state["momentum_buffer"]
    expected["extra.0"], expected["extra.1.deep"] = saved["extra"][0], saved["extra"][1]["deep"]
    expect(path, expected)

    # Written by other tools: compressed entries.
    with zipfile.ZipFile(ROOT / "views.pt") as stored:
        with zipfile.ZipFile(ROOT / "compressed.pt", "w", zipfile.ZIP_DEFLATED) as packed:
            for entry in stored.infolist():
                packed.writestr(zipfile.ZipInfo(entry.filename), stored.read(entry), zipfile.ZIP_DEFLATED)
    expect(ROOT / "compressed.pt", views())


class Command:
    """What an attacker would save: unpickling it runs a command."""

    def __reduce__(self):
        return os.system, ("touch semilla-was-here",)


def save_program(program, path):
    """A program of TorchScript, without the places on this machine that it was compiled from."""
    torch.jit.save(program, path)
    with zipfile.ZipFile(path) as archive:
        entries = {entry: archive.read(entry) for entry in archive.infolist() if not entry.filename.endswith(".debug_pkl")}
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in entries.items():
            archive.writestr(zipfile.ZipInfo(entry.filename), content)


def hostile_torch_files():
    torch.save({"weight": torch.ones(2), "note": Command()}, ROOT / "command.pt")
    torch.save(
        {"weight": torch.ones(2), "note": Command()},
        ROOT / "command-legacy.pt",
        _use_new_zipfile_serialization=False,
    )
    (ROOT / "command.pkl").write_bytes(pickle.dumps(Command(), 2))
    bomb = torch.ones(1)
    torch.save({str(n): bomb.expand(1 << 31) for n in range(50)}, ROOT / "expand.pt")
    torch.save({"a.b": torch.ones(1), "a": {"b": torch.zeros(1)}}, ROOT / "ambiguous.pt")
    torch.save({"ok": torch.ones(1), "s": torch.eye(3).to_sparse()}, ROOT / "sparse.pt")
    torch.save({"q": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}, ROOT / "quantized.pt")
    torch.save({"c": torch.ones(2, dtype=torch.complex64)}, ROOT / "complex.pt")
    torch.save({"m": torch.ones(2, device="meta")}, ROOT / "meta.pt")
    torch.save({"n": torch._neg_view(torch.ones(2))}, ROOT / "negated.pt")
    # What ZeRO's third stage leaves in a model's state, as deepspeed 0.19 writes it.
    state = {"module": {"fc.weight": torch.empty(0), "fc.bias": torch.empty(0)}, "buffer_names": [], "optimizer": None,
             "param_shapes": [OrderedDict({"fc.weight": torch.Size([5, 6]), "fc.bias": torch.Size([5])})],
             "shared_params": {}, "dp_world_size": 2, "mp_world_size": 1, "ds_version": "0.19.8"}
    torch.save(state, ROOT / "zero3.pt")
    torch.save({"o": argparse.Namespace(inner=torch.ones(2))}, ROOT / "object.pt")
    torch.save({("a", 1): torch.ones(2)}, ROOT / "key.pt")
    torch.save({"s": torch.ones(2).untyped_storage()}, ROOT / "storage.pt")
    torch.save(torch.ones(2), ROOT / "nameless.pt")
    program = torch.jit.script(nn.Linear(2, 2))
    save_program(program, ROOT / "script.pt")
    expect(ROOT / "script.pt", program.state_dict())
    program = torch.jit.script(network().eval())
    save_program(program, ROOT / "program.pt")
    expect(ROOT / "program.pt", program.state_dict())
    # Its inputs have a storage of the name of a weight's.
    program = torch.jit.trace(network().eval(), torch.zeros(1, 1, 4, 4))
    save_program(program, ROOT / "traced.pt")
    expect(ROOT / "traced.pt", program.state_dict())
    model = network().eval().half()
    program = torch.export.export(model, (torch.zeros(1, 1, 4, 4).half(),))
    # Where this machine keeps its packages tells nothing.
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    torch.export.save(program, ROOT / "exported.pt2")
    expect(ROOT / "exported.pt2", program.state_dict)
    # As versions until 2.6 wrote it.
    with zipfile.ZipFile(ROOT / "exported-old.pt2", "w") as archive:
        torch.save(dict(program.state_dict), ROOT / "state.pt")
        archive.writestr("serialized_exported_program.json", "{}")
        archive.writestr("serialized_state_dict.pt", (ROOT / "state.pt").read_bytes())
        (ROOT / "state.pt").unlink()
    expect(ROOT / "exported-old.pt2", program.state_dict)


def numpy_files():
    matrix = np.arange(6).reshape(2, 3)
    kinds = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1"]
    arrays = {kind: matrix.astype(kind) for kind in kinds}
    arrays |= {f"big_{kind}": matrix.astype(f">{kind}") for kind in kinds}
    arrays["fortran"] = np.asfortranarray(np.arange(24, dtype="f4").reshape(2, 3, 4))
    arrays["fortran_big"] = np.asfortranarray(matrix.astype(">i4"))
    arrays["params/dense/kernel"] = np.ones((2, 2), "f4")
    arrays["scalar"] = np.array(2.5, "f4")
    arrays["empty"] = np.zeros((0, 3), "f4")
    expected = {name: torch.from_numpy(array.astype(array.dtype.newbyteorder("="))) for name, array in arrays.items()}
    np.savez(ROOT / "stored.npz", **arrays)
    expect(ROOT / "stored.npz", expected)
    np.savez_compressed(ROOT / "compressed.npz", **arrays)
    expect(ROOT / "compressed.npz", expected)

    np.save(ROOT / "plain.npy", arrays["f4"])
    expect(ROOT / "plain.npy", {"plain": expected["f4"]})
    np.save(ROOT / "columns.npy", arrays["fortran_big"])
    expect(ROOT / "columns.npy", {"columns": expected["fortran_big"]})
    np.save(ROOT / "objects.npy", np.array([{}], dtype=object))
    np.savez(ROOT / "objects.npz", fine=matrix, odd=np.array([{}], dtype=object))
    np.savez(ROOT / "text.npz", names=np.array(["a"]))


if __name__ == "__main__":
    ROOT.mkdir(exist_ok=True)
    torch_files()
    hostile_torch_files()
    numpy_files()
