"""Slices of tensor parallelism as torch itself cuts them, in the files that Llama and Megatron-LM save."""

import tempfile
from argparse import Namespace

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

WIDTH, HIDDEN, WORDS, LAYERS = 16, 24, 40, 2


def modules(**parts):
    """Modules below each other, as dots in the names say."""
    root = nn.Module()
    for path, module in parts.items():
        *above, name = path.split("__")
        place = root
        for part in above:
            if part not in place._modules:
                place.add_module(part, nn.Module())
            place = place._modules[part]
        place.add_module(name, module)
    return root


def llama(table):
    """Meta's names; the table of words is cut along its width, or, since version 3, its words."""
    linear = lambda inputs, outputs: nn.Linear(inputs, outputs, bias=False)
    parts = {"tok_embeddings": nn.Embedding(WORDS, WIDTH), "norm": nn.RMSNorm(WIDTH), "output": linear(WIDTH, WORDS)}
    plan = {"tok_embeddings": table, "output": ColwiseParallel()}
    for layer in range(LAYERS):
        start = f"layers__{layer}__"
        parts |= {f"{start}attention__{name}": linear(WIDTH, WIDTH) for name in ("wq", "wo")}
        parts |= {f"{start}attention__{name}": linear(WIDTH, WIDTH // 2) for name in ("wk", "wv")}
        parts |= {f"{start}feed_forward__{name}": linear(WIDTH, HIDDEN) for name in ("w1", "w3")}
        parts |= {f"{start}feed_forward__w2": linear(HIDDEN, WIDTH)}
        parts |= {f"{start}{name}": nn.RMSNorm(WIDTH) for name in ("attention_norm", "ffn_norm")}
    plan |= {f"layers.*.attention.{name}": ColwiseParallel() for name in ("wq", "wk", "wv")}
    plan |= {f"layers.*.feed_forward.{name}": ColwiseParallel() for name in ("w1", "w3")}
    plan |= {"layers.*.attention.wo": RowwiseParallel(), "layers.*.feed_forward.w2": RowwiseParallel()}
    return modules(**parts), plan


def megatron():
    """Megatron-core's names without a gate, whose matrix would be two layers."""
    parts = {"embedding__word_embeddings": nn.Embedding(WORDS, WIDTH), "embedding__position_embeddings": nn.Embedding(12, WIDTH),
             "decoder__final_layernorm": nn.LayerNorm(WIDTH), "output_layer": nn.Linear(WIDTH, WORDS, bias=False)}
    plan = {"embedding.word_embeddings": RowwiseParallel(), "output_layer": ColwiseParallel()}
    for layer in range(LAYERS):
        start = f"decoder__layers__{layer}__"
        parts |= {f"{start}self_attention__linear_qkv": nn.Linear(WIDTH, 3 * WIDTH),
                  f"{start}self_attention__linear_proj": nn.Linear(WIDTH, WIDTH),
                  f"{start}mlp__linear_fc1": nn.Linear(WIDTH, HIDDEN), f"{start}mlp__linear_fc2": nn.Linear(HIDDEN, WIDTH),
                  f"{start}input_layernorm": nn.LayerNorm(WIDTH)}
    plan |= {f"decoder.layers.*.{name}": ColwiseParallel() for name in ("self_attention.linear_qkv", "mlp.linear_fc1")}
    plan |= {f"decoder.layers.*.{name}": RowwiseParallel() for name in ("self_attention.linear_proj", "mlp.linear_fc2")}
    return modules(**parts), plan


def gated(state, mesh):
    """Puts a gate above each layer into an MLP: a process has its slices of both in one matrix."""
    whole, own = {}, {}
    for name in [name for name in state if name.endswith("linear_fc1.weight")]:
        torch.manual_seed(len(name))
        both = torch.randn(2 * HIDDEN, WIDTH)
        whole[name] = both
        own[name] = torch.cat([distribute_tensor(half, mesh, [Shard(0)]).to_local() for half in both.chunk(2)])
    return whole, own


def process(rank, root, meeting, kinds, count):
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=count)
    mesh = init_device_mesh("cpu", (count,))
    for kind in kinds:
        save(rank, root / kind, kind, mesh)
    dist.destroy_process_group()


def save(rank, folder, kind, mesh):
    """Saves what a process has of a model, and the first the whole, too."""
    torch.manual_seed(5)
    table = RowwiseParallel() if kind == "llama3" else ColwiseParallel()
    model, plan = llama(table) if kind.startswith("llama") else megatron()
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    parallelize_module(model, mesh, plan)
    state = model.state_dict()
    whole = {name: tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor for name, tensor in state.items()}
    own = {name: tensor.to_local() if hasattr(tensor, "to_local") else tensor for name, tensor in state.items()}
    own = {name: tensor.detach().clone() for name, tensor in own.items()}
    if kind == "gated":
        without_bias = lambda state: {name: tensor for name, tensor in state.items() if not name.endswith("linear_fc1.bias")}
        more, slices = gated(state, mesh)
        whole, own = without_bias(whole) | more, without_bias(own) | slices
    folder.mkdir(exist_ok=True)
    if kind.startswith("llama"):
        torch.save(own, folder / f"consolidated.{rank:02}.pth")
    else:
        of_rank = folder / f"mp_rank_{rank:02}"
        of_rank.mkdir()
        arguments = Namespace(tensor_model_parallel_size=mesh.size(), pipeline_model_parallel_size=1, padded_vocab_size=WORDS)
        torch.save({"args": arguments, "checkpoint_version": 3.0, "iteration": 7, "model": own}, of_rank / "model_optim_rng.pt")
    if rank == 0:
        save_file({name: tensor.detach().clone().contiguous() for name, tensor in whole.items()}, f"{folder}.safetensors")


def make(root, kinds, count):
    """Writes a folder for each kind with the slices of `count` processes, and beside it the whole in safetensors."""
    with tempfile.TemporaryDirectory() as meeting:
        torch.multiprocessing.spawn(process, (root, f"{meeting}/at", kinds, count), nprocs=count)
