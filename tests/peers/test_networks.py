"""Built-in networks against the libraries whose models they are: tensors, and what they compute.

The example `run` of `crates/semilla-signal` runs a network with the weights of the library's model.
"""

import json

import numpy as np
import pytest
import timm
import torch
import torchvision
import transformers
from command import semilla
from safetensors.numpy import save_file
from test_signal import close, run_with

VISION = dict(weights=None)
GPT2 = dict(vocab_size=97, n_positions=80, n_embd=32, n_layer=2, n_head=4)
LLAMA = dict(vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2)
BERT = dict(vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=80)
T5 = dict(vocab_size=97, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4)
VIT = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=32,
           patch_size=8)


def timm_vit(**options):
    return timm.create_model("vit_tiny_patch16_224", **options)


# A line, the model whose tensors it has, and the shape of an input where the values are compared.
LIBRARIES = [
    ("resnet:18:pixels=64", lambda: torchvision.models.resnet18(**VISION), (3, 64, 64)),
    ("resnet:34", lambda: torchvision.models.resnet34(**VISION), None),
    ("resnet:50", lambda: torchvision.models.resnet50(**VISION), (3, 64, 64)),
    ("resnet:152", lambda: torchvision.models.resnet152(**VISION), None),
    ("vgg:11:pixels=224", lambda: torchvision.models.vgg11(**VISION), None),
    ("vgg:16:norm=true:pixels=224", lambda: torchvision.models.vgg16_bn(**VISION), None),
    ("convnext:tiny", lambda: torchvision.models.convnext_tiny(**VISION), (3, 64, 64)),
    ("convnext:base", lambda: torchvision.models.convnext_base(**VISION), None),
    ("vit:tiny:pixels=32", lambda: timm_vit(img_size=32), (3, 32, 32)),
    ("vit:base", lambda: timm.create_model("vit_base_patch16_224"), None),
    ("mixer:small:pixels=64", lambda: timm.create_model("mixer_s16_224", img_size=64), (3, 64, 64)),
    ("gpt2:small", lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config()), None),
]

# A class of transformers, its configuration, and the length of the text, or the image's shape.
CONFIGS = [
    ("GPT2LMHeadModel", GPT2, 64),
    ("GPT2Model", GPT2 | dict(activation_function="relu"), 64),
    ("LlamaForCausalLM", LLAMA, 64),
    ("LlamaModel", LLAMA | dict(tie_word_embeddings=True, attention_bias=True, head_dim=12), 64),
    ("MistralForCausalLM", LLAMA, 64),
    ("Qwen2ForCausalLM", LLAMA | dict(tie_word_embeddings=True), 64),
    ("Qwen3ForCausalLM", LLAMA | dict(head_dim=10), 64),
    ("GemmaForCausalLM", LLAMA | dict(head_dim=12), 64),
    ("Olmo2ForCausalLM", LLAMA, 64),
    ("BertForMaskedLM", BERT, 64),
    ("BertModel", BERT, 64),
    ("BertForSequenceClassification", BERT, 64),
    ("RobertaForMaskedLM", BERT, 64),
    ("RobertaForTokenClassification", BERT, 64),
    ("ElectraForMaskedLM", BERT | dict(embedding_size=24), 64),
    ("T5ForConditionalGeneration", T5, 64),
    ("T5EncoderModel", T5 | dict(feed_forward_proj="gated-gelu"), 64),
    ("ViTForImageClassification", VIT | dict(num_labels=5), (3, 32, 32)),
    ("ViTModel", VIT | dict(qkv_bias=False), (3, 32, 32)),
    ("DeiTForImageClassification", VIT | dict(num_labels=5), (3, 32, 32)),
    ("MambaForCausalLM", dict(vocab_size=97, hidden_size=32, num_hidden_layers=2, state_size=8), 32),
]


def tensors(model):
    plan = json.loads(semilla("plan", model, "--json", "--recipe", "pytorch"))
    return {line["name"]: tuple(line["shape"]) for line in plan["tensors"]}


def stored(model):
    """The tensors of a module, those that share their values once."""
    seen, found = {}, {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        if seen.setdefault(id(tensor), name) == name:
            found[name] = tensor.detach()
    return found


def shaken(model):
    """The model with weights and buffers that show: no zeros, no ones."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                tensor += 0.02 * torch.rand(tensor.shape, generator=generator)
    return model.eval()


def computed(line, model, given, folder):
    weights = folder / "weights.safetensors"
    save_file({name: np.ascontiguousarray(tensor.numpy()) for name, tensor in stored(model).items()}, weights)
    return run_with(line, given, folder, weights)["y"]


@pytest.mark.parametrize("line, make, shape", LIBRARIES, ids=[line for line, *_ in LIBRARIES])
def test_networks_are_those_of_the_libraries(line, make, shape, tmp_path):
    model = make()
    assert tensors(line) == {name: tuple(tensor.shape) for name, tensor in stored(model).items()}
    if shape is not None:
        image = torch.randn(2, *shape, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            expected = shaken(model)(image)
        close(computed(line, model, {"image": image.numpy()}, tmp_path), expected.numpy(), 1e-4, line)


@pytest.mark.parametrize("kind, fields, shape", CONFIGS, ids=[kind for kind, *_ in CONFIGS])
def test_configurations_run(kind, fields, shape, tmp_path):
    model_class = getattr(transformers, kind)
    config = model_class.config_class(**fields)
    config.architectures = [kind]
    config._attn_implementation = "eager"
    model = shaken(model_class(config))
    # Files have the names of earlier versions.
    model.save_pretrained(tmp_path)
    generator = torch.Generator().manual_seed(1)
    if isinstance(shape, tuple):
        image = torch.randn(2, *shape, generator=generator)
        given, arguments = {"image": image}, dict(pixel_values=image)
    else:
        # Words from 2 on: RoBERTa counts positions without its padding, 1.
        first = torch.randint(2, 97, (2, shape), generator=generator)
        given, arguments = {"tokens": first}, dict(input_ids=first)
        if kind == "T5ForConditionalGeneration":
            second = torch.randint(2, 97, (2, 32), generator=generator)
            given["decoder_tokens"] = arguments["decoder_input_ids"] = second
    with torch.no_grad():
        out = model(**arguments)
    expected = out.get("logits", out.get("pooler_output", out.get("last_hidden_state")))
    line = str(tmp_path / "config.json")
    given = {name: tensor.numpy() for name, tensor in given.items()}
    made = run_with(line, given, tmp_path, tmp_path / "model.safetensors")
    close(made["y"], expected.numpy(), 1e-4, kind)


def test_options_that_change_the_computation_are_refused(tmp_path):
    for kind, fields, reason in [
        ("GPT2LMHeadModel", GPT2 | dict(scale_attn_weights=False), "scores are not scaled"),
        ("LlamaForCausalLM", LLAMA | dict(rope_parameters=dict(rope_type="linear", factor=2.0, rope_theta=1e4)),
         "rescaled"),
        ("AlbertModel", BERT, "export the model to ONNX"),
    ]:
        config = getattr(transformers, kind).config_class(**fields)
        config.architectures = [kind]
        config.save_pretrained(tmp_path)
        with pytest.raises(AssertionError, match=reason):
            semilla("check", tmp_path / "config.json")
