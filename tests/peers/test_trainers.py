"""Files that trainers and libraries write whole, read by Semilla: the model's own weights, and nothing beside them."""

import copy
import subprocess

import flax.linen
import flax.serialization
import gguf
import jax
import numpy as np
import peft
import pytest
import pytorch_lightning as pl
import torch
from command import SEMILLA, semilla, write_manifest
from safetensors.torch import load_file, save_file
from timm.utils import CheckpointSaver, ModelEmaV3
from torch import nn
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM


def network():
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))


def weights(model):
    return {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}


def read(expected, path, folder, *options):
    """What a model of the expected tensors gets from a file."""
    save_file(expected, folder / "model.safetensors")
    semilla("init", folder / "model.safetensors", "--from", path, "-o", folder / "out.safetensors", *options)
    return load_file(folder / "out.safetensors")


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        assert torch.equal(found[name], weight), name


class Lit(pl.LightningModule):
    def __init__(self, net):
        super().__init__()
        self.save_hyperparameters({"rate": 0.1, "prior": torch.ones(3)})
        self.net = net

    def training_step(self, batch, _):
        return self.net(batch[0]).square().mean()

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters())
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "compiled"])
def test_lightning(wrapped, tmp_path):
    net = network()
    if wrapped:
        # Compiled when it first computes; its names are wrapped at once.
        net = torch.compile(net, backend="eager")
    lit = Lit(net)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(8, 6)), batch_size=4)
    quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
    trainer = pl.Trainer(max_epochs=1, accelerator="cpu", default_root_dir=tmp_path, **quiet)
    trainer.fit(lit, data)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    expected = weights(net._orig_mod if wrapped else net)
    assert_same(read(expected, tmp_path / "last.ckpt", tmp_path), expected)


def test_timm(tmp_path):
    """Its trainer keeps an average beside the model: which of them is asked for."""
    net = network()
    average = ModelEmaV3(net, decay=0.5)
    optimizer = torch.optim.AdamW(net.parameters())
    net(torch.randn(4, 6)).square().mean().backward()
    optimizer.step()
    average.update(net)
    saver = CheckpointSaver(net, optimizer, model_ema=average, checkpoint_dir=str(tmp_path), recovery_dir=str(tmp_path))
    saver.save_checkpoint(epoch=1, metric=0.5)
    file = tmp_path / "last.pth.tar"
    with pytest.raises(AssertionError, match="state_dict_ema"):
        read(weights(net), file, tmp_path)
    assert_same(read(weights(net), file, tmp_path, "--strip", "state_dict."), weights(net))
    found = read(weights(average.module), file, tmp_path, "--strip", "state_dict_ema.")
    assert_same(found, weights(average.module))


@pytest.mark.parametrize("key", ["net", "generator", "model"])
def test_the_key_of_a_state_dictionary_is_no_module(key, tmp_path):
    """As research code saves models: an adapter of the file has the names that peft knows."""
    net = network()
    torch.save({key: net.state_dict(), "epoch": 3, "args": {"rate": 0.1}}, tmp_path / "net.pth")
    semilla("lora", tmp_path / "net.pth", "-r", 2, "--target", "0", "--target", "3", "-o", tmp_path / "adapter")
    adapted = peft.PeftModel.from_pretrained(net, tmp_path / "adapter")
    assert sum("lora_A" in name for name, _ in adapted.named_parameters()) == 2


def test_other_forms_of_torch_save(tmp_path):
    net = network().eval()
    torch.save(list(net.state_dict().items()), tmp_path / "items.pt")
    torch.jit.save(torch.jit.trace(net, torch.zeros(1, 6)), tmp_path / "traced.pt")
    for name in ["items.pt", "traced.pt"]:
        assert_same(read(weights(net), tmp_path / name, tmp_path), weights(net))


def test_the_latest_of_a_trainers_steps(tmp_path):
    for step in (500, 1000):
        model = llama()
        torch.nn.init.constant_(model.lm_head.weight, step)
        model.save_pretrained(tmp_path / f"run/checkpoint-{step}")
        torch.save({"state": {0: {"exp_avg": torch.ones(2)}}}, tmp_path / f"run/checkpoint-{step}/optimizer.pt")
    assert_same(read(weights(model), tmp_path / "run", tmp_path), weights(model))
    old = read(weights(model), tmp_path / "run/checkpoint-500", tmp_path)
    assert old["lm_head.weight"].unique().tolist() == [500]


def test_an_adapter_in_a_models_own_file_is_not_dropped(tmp_path):
    model = llama()
    plain = weights(model)
    adapted = peft.get_peft_model(model, peft.LoraConfig(target_modules=["q_proj", "v_proj"]))
    torch.save(adapted.state_dict(), tmp_path / "adapted.pt")
    with pytest.raises(AssertionError, match="merge_and_unload"):
        read(plain, tmp_path / "adapted.pt", tmp_path)
    without = ["--exclude", "*lora_*", "--rename", r"base_layer\.="]
    assert_same(read(plain, tmp_path / "adapted.pt", tmp_path, *without), plain)
    torch.save(adapted.merge_and_unload().state_dict(), tmp_path / "merged.pt")
    assert_same(read(plain, tmp_path / "merged.pt", tmp_path), plain)


def llama(**options):
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                                        num_attention_heads=4, num_key_value_heads=2, **options))


def test_transformers_shards(tmp_path):
    model = llama()
    model.save_pretrained(tmp_path / "saved", max_shard_size="100KB")
    assert len(list((tmp_path / "saved").glob("*.safetensors"))) > 2
    assert_same(read(weights(model), tmp_path / "saved", tmp_path), weights(model))


BITS = {
    "nf4": dict(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.float32),
    "int8": dict(load_in_8bit=True),
}


@pytest.mark.parametrize("form", BITS)
def test_bitsandbytes(form, tmp_path):
    """A model that transformers quantizes and saves: the weights that its dequantize() gives."""
    plain = llama()
    plain.save_pretrained(tmp_path / "plain")
    load = dict(quantization_config=BitsAndBytesConfig(**BITS[form]), device_map="cpu", dtype=torch.float32)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "plain", **load)
    model.save_pretrained(tmp_path / "saved")
    expected = weights(copy.deepcopy(model).dequantize(torch.float32))
    found = read(weights(plain), tmp_path / "saved", tmp_path)
    changed = 0
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight.float(), rtol=1e-6, atol=0)
        changed += not torch.equal(found[name], plain.state_dict()[name])
    assert changed > 5


class Encoder(flax.linen.Module):
    @flax.linen.compact
    def __call__(self, x):
        x = flax.linen.Embed(10, 8)(x)
        x = flax.linen.MultiHeadDotProductAttention(num_heads=2)(x, x)
        return flax.linen.Dense(3)(flax.linen.LayerNorm()(x))


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "train-state"])
def test_flax(wrapped, tmp_path):
    parameters = Encoder().init(jax.random.key(0), np.zeros((1, 4), "i4"))
    state = {"params": parameters["params"], "opt_state": {"mu": parameters["params"]}, "step": 3} if wrapped else parameters
    (tmp_path / "model.msgpack").write_bytes(flax.serialization.to_bytes(state))
    arrays = {f"params/{name}": np.asarray(array) for name, array in flax.traverse_util.flatten_dict(parameters["params"], sep="/").items()}
    expected = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    assert_same(read(expected, tmp_path / "model.msgpack", tmp_path), expected)
    assert ("optimizer's state" in semilla("inspect", tmp_path / "model.msgpack")) == wrapped


def test_gguf_in_parts(tmp_path):
    """Files that gguf-py splits are one model; what its dequantize() gives."""
    quantization = gguf.GGMLQuantizationType.Q4_0
    arrays = {f"blk.{i}.ffn_up.weight": np.random.default_rng(i).standard_normal((4, 64), "f4") for i in range(5)}
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama", split_max_tensors=2)
    for name, array in arrays.items():
        writer.add_tensor(name, gguf.quants.quantize(array, quantization), raw_dtype=quantization)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    parts = sorted(tmp_path.glob("*.gguf"))
    assert len(parts) == 3
    write_manifest(tmp_path / "model.json", {name: array.shape for name, array in arrays.items()})
    semilla("init", tmp_path / "model.json", "--from", parts[0], "-o", tmp_path / "out.safetensors")
    found = load_file(tmp_path / "out.safetensors")
    for name, array in arrays.items():
        wanted = gguf.quants.dequantize(gguf.quants.quantize(array, quantization), quantization)
        np.testing.assert_array_equal(found[name].numpy(), wanted.astype("f4"), err_msg=name)
    parts[1].unlink()
    done = subprocess.run([SEMILLA, "inspect", parts[0]], capture_output=True, text=True)
    assert done.returncode == 2 and parts[1].name in done.stderr
