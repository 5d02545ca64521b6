"""Tensors that do not fit, made to fit by Semilla and by the libraries that people use for it: the same values to 1e-6."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from command import semilla, write_manifest
from safetensors.torch import load_file, save_file
from timm.layers import resample_abs_pos_embed, resample_patch_embed
from timm.layers.pos_embed_rel import resize_rel_pos_bias_table_simple
from timm.models import adapt_input_conv
from torch import nn
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model, GPTNeoXConfig, GPTNeoXModel, LlamaConfig, LlamaModel
from transformers import Phi3Config, Phi3Model

TOLERANCE = dict(rtol=1e-6, atol=1e-6)


def adapted(folder, tensors, shapes, *options, recipe=None):
    """The tensors of a model of these shapes, initialized from these."""
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "from.safetensors")
    write_manifest(folder / "model.json", shapes)
    if recipe:
        (folder / "recipe.toml").write_text('name = "test"\ndefaults = true\nunmatched = "zeros"\nunused_rules = "allow"\n' + recipe)
        options += ("--recipe", folder / "recipe.toml")
    out = folder / "out.safetensors"
    semilla("init", folder / "model.json", "--from", folder / "from.safetensors", "-o", out, *options)
    return load_file(out)


def one(folder, tensor, shape, operation, name="x.weight"):
    return adapted(folder, {name: tensor}, {name: shape}, "--adapt", f"{name}={operation}")[name]


def close(found, expected, **tolerance):
    torch.testing.assert_close(found, expected, **(tolerance or TOLERANCE))


@pytest.mark.parametrize("channels", [1, 2, 4, 6, 7])
def test_input_channels_as_timm(channels, tmp_path):
    weight = torch.randn(8, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    found = one(tmp_path, weight, (8, channels, 5, 5), "channels:timm", "conv1.weight")
    close(found, adapt_input_conv(channels, weight))


def test_input_channels_of_a_space_to_depth_stem_as_timm(tmp_path):
    weight = torch.randn(8, 12, 3, 3)
    close(one(tmp_path, weight, (8, 4, 3, 3), "channels:timm", "conv1.weight"), adapt_input_conv(1, weight))


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_preserved_channels_answer_gray_images_as_before(channels, tmp_path):
    weight = torch.randn(8, 3, 5, 5)
    found = one(tmp_path, weight, (8, channels, 5, 5), "channels:preserve", "conv1.weight")
    gray = torch.randn(2, 1, 16, 16)
    close(F.conv2d(gray.expand(-1, channels, -1, -1), found), F.conv2d(gray.expand(-1, 3, -1, -1), weight), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("old", "new"), [((16, 16), (14, 14)), ((14, 14), (16, 16)), ((8, 6), (12, 9)), ((16, 16), (32, 32))])
def test_patch_kernels_as_timm(old, new, tmp_path):
    weight = torch.randn(6, 3, *old) * 0.02
    found = one(tmp_path, weight, (6, 3, *new), "patch", "patch_embed.proj.weight")
    # timm inverts the whole matrix in single precision; the factor of each side in double is nearer to the exact one.
    close(found, resample_patch_embed(weight, list(new)), rtol=1e-4, atol=1e-6)
    exact = resample_patch_embed_in_double(weight, new)
    close(found, exact)


def resample_patch_embed_in_double(weight, new):
    old = weight.shape[-2:]
    basis = torch.eye(old[0] * old[1], dtype=torch.float64).reshape(-1, 1, *old)
    matrix = F.interpolate(basis, size=new, mode="bicubic", antialias=True).squeeze(1).permute(1, 2, 0).reshape(-1, old[0] * old[1])
    resized = weight.double().reshape(-1, old[0] * old[1]) @ torch.linalg.pinv(matrix)
    return resized.reshape(*weight.shape[:2], *new).float()


@pytest.mark.parametrize(("old", "new"), [((14, 14), (16, 16)), ((14, 14), (7, 7)), ((6, 8), (9, 5))])
@pytest.mark.parametrize("filter", ["bicubic", "bilinear"])
@pytest.mark.parametrize("antialias", [True, False])
def test_positions_as_timm(old, new, filter, antialias, tmp_path):
    table = torch.randn(1, 1 + old[0] * old[1], 12)
    name = filter if antialias else f"{filter}_point"
    operation = f"positions:prefix=1,from={list(old)},grid={list(new)},filter={name}"
    found = one(tmp_path, table, (1, 1 + new[0] * new[1], 12), operation, "pos_embed")
    # timm interpolates in single precision; in double precision the same function agrees to 1e-6.
    close(found, resample_abs_pos_embed(table, list(new), list(old), 1, interpolation=filter, antialias=antialias), rtol=1e-5, atol=5e-6)
    close(found[:, 1:], resized(table[:, 1:], old, new, mode=filter, antialias=antialias))


def resized(table, old, new, **how):
    """Rows of a grid, interpolated by PyTorch in double precision."""
    grid = table.double().reshape(1, *old, -1).permute(0, 3, 1, 2)
    return F.interpolate(grid, size=new, **how).permute(0, 2, 3, 1).reshape(1, new[0] * new[1], -1).float()


def test_relative_positions_as_timm(tmp_path):
    table = torch.randn(13 * 13 + 3, 4)
    found = one(tmp_path, table, (23 * 23 + 3, 4), "bias_table:extra=3", "attn.relative_position_bias_table")
    close(found, resize_rel_pos_bias_table_simple(table, (12, 12), (23 * 23 + 3, 4)), rtol=1e-5, atol=5e-6)
    close(found[:-3], resized(table[:-3], (13, 13), (23, 23), mode="bicubic")[0])


def test_relative_positions_at_geometric_distances_as_timm(tmp_path):
    """timm's own interpolation (the one that BEiT took from SciPy is gone from there), at the distances of BEiT."""
    table = torch.randn(13 * 13, 4)
    found = one(tmp_path, table, (23 * 23, 4), "bias_table:filter=geometric", "attn.relative_position_bias_table")
    from timm.layers import pos_embed_rel
    before, pos_embed_rel._USE_SCIPY = pos_embed_rel._USE_SCIPY, False
    try:
        expected = pos_embed_rel.resize_rel_pos_bias_table(table, (12, 12), (23 * 23, 4))
    finally:
        pos_embed_rel._USE_SCIPY = before
    # The ratio of the distances is found by bisection to 1e-6 on both sides.
    close(found, expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("spread", [0.0, 1e-9, 1.0])
def test_new_rows_have_the_law_that_is_stated(spread, tmp_path):
    """transformers' resize_token_embeddings promises the old mean and covariance and takes 1e-9 of the covariance (D7)."""
    generator = torch.Generator().manual_seed(1)
    mix = torch.randn(16, 16, generator=generator)
    table = torch.randn(500, 16, generator=generator) @ mix + 3
    operation = {0.0: "new=mean", 1e-9: "new={scaled_covariance=1e-9}", 1.0: "new=covariance"}[spread]
    found = one(tmp_path, table, (4500, 16), f"rows:{operation}", "embed.weight")
    assert torch.equal(found[:500], table)
    new = found[500:].double()
    mean, covariance = table.double().mean(0), torch.cov(table.double().T, correction=0)
    if spread == 0:
        close(new, mean.expand_as(new), rtol=1e-6, atol=1e-6)
        return
    # Standard errors of 4000 draws: every deviation within 5.
    error = (spread * covariance.diagonal() / 4000).sqrt() + 1e-7
    assert ((new.mean(0) - mean).abs() < 5 * error).all()
    deviation = torch.cov(new.T) / spread - covariance
    scale = torch.sqrt((torch.outer(covariance.diagonal(), covariance.diagonal()) + covariance**2) / 4000)
    if spread == 1:
        assert (deviation.abs() < 5 * scale).all()
    else:  # f32 rounding is of the size of the deviation itself
        assert new.std(0).max() < 1e-3


def test_classes_go_by_their_names(tmp_path):
    weight, bias = torch.randn(3, 4), torch.randn(3)
    (tmp_path / "old.json").write_text(json.dumps({"id2label": {"0": "cat", "1": "dog", "2": "fox"}}))
    (tmp_path / "new.txt").write_text("fox\nowl\ncat\n")
    operation = f"rows:from={tmp_path}/old.json,to={tmp_path}/new.txt,new=zero"
    found = adapted(tmp_path, {"head.weight": weight, "head.bias": bias}, {"head.weight": (3, 4), "head.bias": (3,)},
                    "--adapt", f"head.*={operation}")
    assert torch.equal(found["head.weight"], torch.stack([weight[2], torch.zeros(4), weight[0]]))
    assert torch.equal(found["head.bias"], torch.stack([bias[2], torch.zeros(()), bias[0]]))


def test_inflated_kernels_answer_constant_clips_as_before(tmp_path):
    weight = torch.randn(4, 3, 3, 3)
    image = torch.randn(1, 3, 9, 9)
    clip = image[:, :, None].expand(-1, -1, 5, -1, -1)
    for how in ["mean", "center"]:
        kernel = one(tmp_path, weight, (4, 3, 5, 3, 3), f"inflate:{how}", "conv.weight")
        close(F.conv3d(clip, kernel)[:, :, 0], F.conv2d(image, weight), rtol=1e-5, atol=1e-5)
        flat = adapted(tmp_path, {"conv.weight": kernel}, {"conv.weight": (4, 3, 3, 3)}, "--adapt", "conv.weight=deflate")
        close(flat["conv.weight"], weight)


def test_rotary_rows_as_transformers(tmp_path):
    """Meta's order to transformers': what convert_llama_weights_to_hf's `permute` does."""
    heads, width, inputs = 4, 8, 6
    weight = torch.randn(heads * width, inputs)
    expected = weight.view(heads, width // 2, 2, inputs).transpose(1, 2).reshape(heads * width, inputs)
    name = "layers.0.self_attn.q_proj.weight"
    found = one(tmp_path, weight, weight.shape, f"rotary:heads={heads},to=halves", name)
    assert torch.equal(found, expected)
    assert torch.equal(one(tmp_path, found, weight.shape, f"rotary:heads={heads},to=pairs", name), weight)


def test_fused_projections_of_timm_become_those_of_transformers(tmp_path):
    """timm's blocks.N.attn.qkv [3d, d] split into query, key and value, and fused again."""
    qkv, bias = torch.randn(24, 8), torch.randn(24)
    names = ["query", "key", "value"]
    recipe = """
[[pretrained]]
split = [{ source = '(.*)\\.qkv\\.(weight|bias)', parts = ['$1.query.$2', '$1.key.$2', '$1.value.$2'] }]
"""
    shapes = {f"blocks.0.attn.{n}.{leaf}": shape for n in names for leaf, shape in [("weight", (8, 8)), ("bias", (8,))]}
    found = adapted(tmp_path, {"blocks.0.attn.qkv.weight": qkv, "blocks.0.attn.qkv.bias": bias}, shapes, recipe=recipe)
    for n, weight, vector in zip(names, qkv.chunk(3), bias.chunk(3)):
        assert torch.equal(found[f"blocks.0.attn.{n}.weight"], weight)
        assert torch.equal(found[f"blocks.0.attn.{n}.bias"], vector)
    recipe = """
[[pretrained]]
fuse = [{ target = '(.*)\\.qkv\\.(weight|bias)', parts = ['$1.query.$2', '$1.key.$2', '$1.value.$2'] }]
"""
    again = adapted(tmp_path, found, {"blocks.0.attn.qkv.weight": (24, 8), "blocks.0.attn.qkv.bias": (24,)}, recipe=recipe)
    assert torch.equal(again["blocks.0.attn.qkv.weight"], qkv) and torch.equal(again["blocks.0.attn.qkv.bias"], bias)


def state(model):
    return {name: tensor for name, tensor in model.state_dict().items() if tensor.is_floating_point()}


def transferred(folder, old, new, *options):
    """`new` with weights that Semilla makes of `old`'s; nothing may be missing."""
    tensors = adapted(folder, state(old), {name: tuple(t.shape) for name, t in state(new).items()}, *options)
    missing, unexpected = new.load_state_dict(tensors, strict=False)
    assert not unexpected and not [name for name in missing if new.state_dict()[name].is_floating_point()]
    return new.eval()


def bert(width, heads, hidden, layers=2):
    torch.manual_seed(width)
    config = BertConfig(vocab_size=50, hidden_size=width, num_attention_heads=heads, intermediate_size=hidden, num_hidden_layers=layers)
    model = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # nothing symmetric, nothing zero
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def outputs(model, **kwargs):
    with torch.no_grad():
        return model(torch.arange(12).view(2, 6), **kwargs).last_hidden_state


def test_bert_grows_to_the_same_function(tmp_path):
    """FPI at a multiple of the normalized width; more heads and a wider feed-forward part by any number."""
    old = bert(16, 2, 24)
    new = transferred(tmp_path, old, bert(32, 4, 56), "--adapt", "*=grow:heads=[2,4]")
    close(outputs(new), outputs(old).repeat(1, 1, 2), rtol=1e-4, atol=1e-5)
    new = transferred(tmp_path, old, bert(16, 2, 37), "--adapt", "*=grow:repeat=random,seed=4")
    close(outputs(new), outputs(old), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shares", ["even", "uneven"])
def test_uneven_shares_let_training_tell_copies_apart(shares, tmp_path):
    """Equal shares give copies equal gradients; uneven ones compute the same, and Adam separates the copies."""
    old = bert(16, 2, 24)
    new = transferred(tmp_path, old, bert(16, 2, 48), "--adapt", f"*=grow:shares={shares}")
    close(outputs(new), outputs(old), rtol=1e-4, atol=1e-5)
    optimizer = torch.optim.Adam(new.parameters(), 1e-2)
    torch.manual_seed(0)
    wanted = torch.randn(2, 6, 16)
    for _ in range(5):
        optimizer.zero_grad()
        F.mse_loss(new(torch.arange(12).view(2, 6)).last_hidden_state, wanted).backward()
        optimizer.step()
    rows = new.encoder.layer[0].intermediate.dense.weight.detach()
    apart = ((rows[:24] - rows[24:]).norm() / rows.norm()).item()
    assert apart < 1e-4 if shares == "even" else apart > 1e-3


def test_an_uneven_width_under_layer_norm_is_told_to_change_the_function(tmp_path):
    old, new = bert(16, 2, 24), bert(24, 3, 24)
    write_manifest(tmp_path / "m.json", {n: tuple(t.shape) for n, t in state(new).items()})
    save_file(state(old), tmp_path / "old.safetensors")
    plan = json.loads(semilla("plan", tmp_path / "m.json", "--from", tmp_path / "old.safetensors", "--adapt", "*=grow:heads=[2,3]", "--json"))
    line = next(line for line in plan["tensors"] if line["name"] == "embeddings.LayerNorm.weight")
    assert "the function changes" in line["reason"]


def test_new_units_from_the_next_layer(tmp_path):
    """bert2BERT's AKI: rows of the widened feed-forward part come from the layer above."""
    old = bert(16, 2, 24)
    new = transferred(tmp_path, old, bert(16, 2, 36), "--adapt", "*=grow:next=true")
    own = {n: t for n, t in new.state_dict().items()}
    before = state(old)
    first = own["encoder.layer.0.intermediate.dense.weight"]
    assert torch.equal(first[:24], before["encoder.layer.0.intermediate.dense.weight"])
    assert torch.equal(first[24:], before["encoder.layer.1.intermediate.dense.weight"][:12])
    assert torch.equal(own["encoder.layer.0.intermediate.dense.bias"][24:], before["encoder.layer.1.intermediate.dense.bias"][:12])
    last = own["encoder.layer.1.intermediate.dense.weight"]
    assert torch.equal(last[24:], before["encoder.layer.1.intermediate.dense.weight"][:12])


def llama(layers, width=16, heads=4, kv=2, hidden=24):
    torch.manual_seed(layers)
    config = LlamaConfig(vocab_size=50, hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv, head_dim=4,
                         intermediate_size=hidden, num_hidden_layers=layers)
    return LlamaModel(config).eval()


@pytest.mark.parametrize("map", ["stack", "interlace"])
def test_llama_gets_deeper_with_the_same_function(map, tmp_path):
    """Pre-norm: a new layer whose branches end in zero passes the residual stream on."""
    old = llama(2)
    new = transferred(tmp_path, old, llama(4), "--depth", f"layers={map}:zero")
    close(outputs(new, use_cache=False), outputs(old, use_cache=False))


def test_llama_gets_wider_with_the_same_function(tmp_path):
    old = llama(2)
    new = transferred(tmp_path, old, llama(2, 32, 8, 4, 60), "--adapt", "*=grow:heads=[4,8],kv_heads=[2,4]")
    close(outputs(new, use_cache=False), outputs(old, use_cache=False).repeat(1, 1, 2), rtol=1e-4, atol=1e-5)


def test_gpt2_with_fused_projections_gets_wider_with_the_same_function(tmp_path):
    """Conv1D stores [in, 3 d]: query, key and value are widened each for itself."""
    def gpt2(width, heads):
        torch.manual_seed(width)
        return GPT2Model(GPT2Config(vocab_size=50, n_positions=16, n_embd=width, n_head=heads, n_layer=2)).eval()
    old = gpt2(16, 2)
    new = transferred(tmp_path, old, gpt2(32, 4), "--adapt", "*=grow:heads=[2,4]")
    close(outputs(new), outputs(old).repeat(1, 1, 2), rtol=1e-4, atol=1e-5)


def test_heads_in_turns_get_wider_with_the_same_function(tmp_path):
    """GPT-NeoX stores query, key and value head by head, under a name that others use for blocks."""
    def neox(width, heads):
        torch.manual_seed(width)
        config = GPTNeoXConfig(vocab_size=50, hidden_size=width, num_attention_heads=heads, num_hidden_layers=2,
                               intermediate_size=2 * width, layer_norm_eps=1e-12)
        return GPTNeoXModel(config).eval()
    old = neox(16, 2)
    new = transferred(tmp_path, old, neox(32, 4), "--adapt", "*=grow:heads=[2,4],qkv=heads")
    close(outputs(new), outputs(old).repeat(1, 1, 2), rtol=1e-4, atol=1e-5)


def test_fused_projections_of_fewer_keys_get_wider_with_the_same_function(tmp_path):
    """Phi-3 stores all queries, then fewer keys and values."""
    def phi(width, heads, kv):
        torch.manual_seed(width)
        config = Phi3Config(vocab_size=50, hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv, rms_norm_eps=1e-12,
                            num_hidden_layers=2, intermediate_size=2 * width, pad_token_id=0)
        return Phi3Model(config).eval()
    old = phi(16, 4, 2)
    new = transferred(tmp_path, old, phi(32, 8, 4), "--adapt", "*=grow:heads=[4,8],kv_heads=[2,4]")
    close(outputs(new, use_cache=False), outputs(old, use_cache=False).repeat(1, 1, 2), rtol=1e-4, atol=1e-5)


def convnet(width, head_in):
    torch.manual_seed(width)
    model = nn.Sequential()
    model.add_module("conv1", nn.Conv2d(3, width, 3))
    model.add_module("bn1", nn.BatchNorm2d(width))
    model.add_module("relu", nn.ReLU())
    model.add_module("conv2", nn.Conv2d(width, 2 * width, 3))
    model.add_module("bn2", nn.BatchNorm2d(2 * width))
    model.add_module("flatten", nn.Flatten())
    model.add_module("head", nn.Linear(head_in, 5))
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                tensor.add_(0.1 * torch.rand_like(tensor))
    return model.eval()


def test_a_convolutional_network_grows_by_net2wider(tmp_path):
    """Batch normalization is copied: exact for any widths. PyTorch flattens channels first, so each channel is a block of 4
    inputs that stay together: the map of the head is given row by row."""
    old, new = convnet(4, 8 * 4), convnet(6, 12 * 4)
    options = ["--adapt", "conv*=grow", "--adapt", "bn*=grow", "--adapt", "head.weight=grow:in_units=4"]
    new = transferred(tmp_path, old, new, *options)
    image = torch.randn(2, 3, 6, 6)
    close(new(image), old(image), rtol=1e-4, atol=1e-5)


def test_a_recurrent_network_grows_gate_by_gate(tmp_path):
    torch.manual_seed(0)
    old, new = nn.LSTM(5, 6, 2), nn.LSTM(5, 10, 2)
    new = transferred(tmp_path, old, new, "--adapt", "*=grow:repeat=random")
    sequence = torch.randn(7, 1, 5)
    with torch.no_grad():
        close(new(sequence)[0][..., :6], old(sequence)[0], rtol=1e-4, atol=1e-5)


def test_selection_without_heads_is_weight_selection(tmp_path):
    """Uniform selection as Xu et al. (2024) define it, on tensors without roles."""
    weight = torch.randn(12, 20)
    rows = np.round(np.linspace(0, 11, 5)).astype(int)
    columns = np.arange(4) * 5
    found = one(tmp_path, weight, (5, 4), "select", "net.fc1.weight")
    assert torch.equal(found, weight[rows][:, columns])
