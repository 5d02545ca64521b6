"""Whole models: the distributions that their library gives, by its recipe."""

import json
import sys
from pathlib import Path

import pytest
import torch
from scipy import stats

import semilla.torch as st
from semilla.torch import library

sys.path.insert(0, str(Path(__file__).parents[2] / "benches" / "python"))
from models import models  # noqa: E402

#: Elements compared of a tensor.
SAMPLE = 20_000


def unlike(model, plan, theirs):
    """The tensors whose values are of other distributions than these, or other constants."""
    wrong = []
    for key, tensor in model.state_dict().items():
        own, other = (values.double().flatten()[:SAMPLE] for values in (tensor, theirs[key]))
        if not torch.isfinite(own).all():
            wrong.append(f"{key}: not finite")
        elif other.unique().numel() == 1 or not tensor.is_floating_point():
            if not torch.equal(own, other):
                wrong.append(f"{key}: {plan[key]}, theirs {other[:3].tolist()}")
        # A false alarm in a million tensors.
        elif stats.ks_2samp(own.numpy(), other.numpy()).pvalue < 1e-6:
            wrong.append(f"{key}: {plan[key]}, their std {other.std():.4g}")
    return "\n".join(wrong[:20])


@pytest.mark.parametrize(("name", "make", "recipe"), models(layers=1), ids=lambda value: value if isinstance(value, str) else "")
def test_distributions_are_the_librarys(name, make, recipe):
    torch.manual_seed(0)
    model = make()
    theirs = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    plan = st.init_(model, recipe, seed=1)
    assert all(line.role != "unknown" for line in plan.lines)
    assert not unlike(model, plan, theirs)


#: Sizes that change no start of a normalization.
SMALL = {
    "num_hidden_layers": 1, "num_layers": 1, "n_layer": 1, "encoder_layers": 1, "decoder_layers": 1, "vocab_size": 64,
    "intermediate_size": 64, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "pad_token_id": 1, "bos_token_id": 1,
    "eos_token_id": 1,
}  # fmt: skip
#: Normalizations that multiply by w, that multiply by 1 + w, and that the library names as it likes.
FAMILIES = (
    "gemma2 gemma3_text olmo2 phi bloom gpt_neox opt bert electra xlnet reformer t5 bart vit beit dinov2 convnextv2 "
    "segformer levit siglip clip whisper wav2vec2"
).split()

#: Those whose configuration the command knows under the names of today.
DESCRIBED = "gemma2 gemma3_text olmo2 phi bert electra t5 bart siglip clip whisper wav2vec2".split()
#: Of other kinds: what is drawn besides weights, embeddings and normalizations.
OTHERS = "distilbert resnet falcon mixtral perceiver swin pvt rt_detr d_fine ibert".split()
#: Tables that their code computes.
COMPUTED = ("sampling_offsets.bias",)


def small(config):
    for name, size in SMALL.items():
        if isinstance(getattr(config, name, None), int):
            setattr(config, name, size)
    if isinstance(getattr(config, "layer_types", None), list):
        config.layer_types = config.layer_types[:1]
    for part in vars(config).values():
        if hasattr(part, "model_type"):
            small(part)
    return config


@pytest.mark.parametrize("family", FAMILIES)
def test_normalizations_start_as_the_librarys(family):
    transformers = pytest.importorskip("transformers")
    model = transformers.AutoModel.from_config(small(transformers.CONFIG_MAPPING[family]()))
    theirs = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    plan = st.init_(model)
    # The last one of a branch has a start of its own.
    normalizing = [line.name for line in plan.lines if line.role in ("norm_weight", "norm_bias", "offset_norm_weight")]
    wrong = [name for name in normalizing if not torch.equal(model.state_dict()[name], theirs[name])]
    assert normalizing and not wrong, [f"{name}: {plan[name]}" for name in wrong]


@pytest.mark.parametrize("family", [*FAMILIES, *OTHERS])
def test_recipe_transformers_gives_what_their_code_does(family, monkeypatch):
    """Of models whose configuration is described, and of others."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = small(transformers.CONFIG_MAPPING[family]())
    if hasattr(config, "use_timm_backbone"):
        config.use_timm_backbone = False
    model = transformers.AutoModel.from_config(config)
    theirs = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    flags = {name: vars(tensor).copy() for name, tensor in model.state_dict(keep_vars=True).items()}
    planned = st.plan(model, "transformers")
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in model.state_dict().items())
    assert flags == {name: vars(tensor) for name, tensor in model.state_dict(keep_vars=True).items()}
    kept = [line.name for line in planned.lines if line.disposition == "kept"]
    # Nothing that is drawn is left as it was.
    drawn = [name for name in kept if theirs[name].is_floating_point() and theirs[name].std() > 0]
    assert not [name for name in drawn if not name.endswith(COMPUTED)]
    plan = st.init_(model, "transformers", seed=3)
    assert not unlike(model, plan, theirs)
    # The command, which has the configuration alone, makes the same.
    monkeypatch.setattr(library, "starts", lambda *_: {})
    if family not in DESCRIBED:
        return
    described = st.plan(model, "transformers", seed=3)
    fills = [[(line["name"], line["fill"]) for line in json.loads(made.to_json())["tensors"]] for made in (plan, described)]
    assert fills[0] == fills[1]


def test_auto_takes_what_the_library_asks_where_nothing_else_is_known():
    transformers = pytest.importorskip("transformers")
    config = transformers.NystromformerConfig(num_hidden_layers=1, hidden_size=16, num_attention_heads=2, vocab_size=31)
    model = transformers.NystromformerModel(config)
    model.own = torch.nn.Parameter(torch.empty(4, 3))
    initialize = model._init_weights

    def own(layer):
        initialize(layer)
        if layer is model:
            torch.nn.init.xavier_uniform_(layer.own, gain=2.0)

    model._init_weights = own
    line = st.plan(model)["own"]
    assert (line.role, line.reason) == ("unknown", "as the model's own library starts it")
    st.init_(model)
    bound = 2.0 * (6 / 7) ** 0.5
    assert 0.5 * bound < model.own.abs().max() <= bound
    model.other = torch.nn.Parameter(torch.zeros(4, 3))
    assert st.plan(model)["other"].disposition == "kept"


def test_rows_of_tables_that_stand_for_no_token():
    """Those of PyTorch's own layer, which fills them with 0; another row is no such one."""
    transformers = pytest.importorskip("transformers")
    config = transformers.NystromformerConfig(num_hidden_layers=1, hidden_size=16, num_attention_heads=2, vocab_size=31)
    model, name = transformers.NystromformerModel(config), "embeddings.word_embeddings.weight"
    table = model.get_parameter(name)
    model._init_weights = lambda layer: None
    st.init_(model, "transformers")
    assert not table[config.pad_token_id].any() and table[config.pad_token_id + 1].any()

    def another(layer):
        if getattr(layer, "weight", None) is table:
            torch.nn.init.zeros_(table[config.pad_token_id + 2])

    model._init_weights = another
    with pytest.raises(ValueError, match=name):
        st.plan(model, "transformers")


def test_models_of_transformers_are_run_on_shapes():
    """Their code decides by sizes, at which symbolic tracing stops."""
    transformers = pytest.importorskip("transformers")
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8], depths=[2, 2], layer_type="basic", num_labels=3
    )
    model = transformers.ResNetForImageClassification(config)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    hooked = []
    for part in model.modules():
        part.register_forward_pre_hook(lambda part, given: hooked.append(part))
    attributes = {path: dict(vars(part)) for path, part in model.named_modules()}
    numbers = torch.get_rng_state()
    plan = st.plan(model)
    assert plan.untraced is None and not hooked
    ends = [line.name for line in plan.lines if line.role == "last_norm_weight"]
    assert ends == [
        f"resnet.encoder.stages.{stage}.layers.{layer}.layer.1.normalization.weight" for stage in (0, 1) for layer in (0, 1)
    ]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert attributes == {path: vars(part) for path, part in model.named_modules()}
    assert torch.equal(torch.get_rng_state(), numbers)
    with torch.device("meta"):
        bare = transformers.ResNetForImageClassification(config)
    assert st.plan(bare).to_json() == plan.to_json()


def test_activations_of_models_of_transformers():
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    assert st.plan(transformers.ViTModel(config)).untraced is None
    config = small(transformers.SegformerConfig(hidden_act="relu"))
    plan = st.plan(transformers.SegformerModel(config))
    assert "before relu, as the graph shows" in plan["stages.0.blocks.0.mlp.dwconv.dwconv.weight"].reason
    # The recipe of the library asks for no graph.
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(n_layer=1, n_embd=16, n_head=2, vocab_size=31))
    assert "asks for no graph" in st.plan(model, "transformers").untraced
