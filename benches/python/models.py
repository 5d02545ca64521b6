"""Real models and the recipe of their library: name, how to make one, recipe."""

from collections.abc import Callable, Iterator

from torch import nn


def models(layers: int | None = None) -> Iterator[tuple[str, Callable[[], nn.Module], str]]:
    """Each model as its library makes it, with its first weights; transformers' with so many layers
    instead of their own number."""
    import timm
    import torch
    import torchvision
    import transformers as hf

    yield "torchvision resnet50", lambda: _resnet(torchvision.models.resnet50), "resnet"
    yield "timm vit_base_patch16_224", lambda: timm.create_model("vit_base_patch16_224"), "vit"
    yield "timm convnext_tiny", lambda: timm.create_model("convnext_tiny"), "convnext"

    def of(config: hf.PretrainedConfig, kind: type, dtype: torch.dtype = torch.float32):
        return lambda: kind._from_config(config, dtype=dtype)

    yield "gpt2 124M", of(hf.GPT2Config(n_layer=layers or 12), hf.GPT2LMHeadModel), "transformers"
    yield "bert-base", of(hf.BertConfig(num_hidden_layers=layers or 12), hf.BertModel), "transformers"
    t5 = hf.T5Config(d_ff=2048, num_layers=layers or 6, num_decoder_layers=layers or 6)
    yield "t5-small", of(t5, hf.T5ForConditionalGeneration), "transformers"
    llama = hf.LlamaConfig(
        vocab_size=32000, hidden_size=1024, intermediate_size=2816, num_hidden_layers=layers or 8,
        num_attention_heads=16, num_key_value_heads=4,
    )  # fmt: skip
    bf16 = torch.bfloat16
    yield "llama, bf16", of(llama, hf.LlamaForCausalLM, bf16), "transformers"


def _resnet(make: Callable[..., nn.Module]) -> nn.Module:
    return make(weights=None, zero_init_residual=True)
