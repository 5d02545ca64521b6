"""Models of the libraries that recipes are named after, small: by recipe, then by name."""

import math
from functools import partial

import timm
import torchvision
import transformers
from timm.models.convnext import ConvNeXt
from torch import nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from torchvision.ops import FrozenBatchNorm2d

from . import diffusion
from .torch_layers import build

__all__ = ["MODELS", "build"]


def vit(**choices):
    small = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3}
    return timm.models.vision_transformer.VisionTransformer(num_classes=20, **small, **choices)


def moco():
    """timm's `moco` mode, and the patches of the authors' code."""
    model = vit(weight_init="moco")
    patches = model.patch_embed.proj
    bound = math.sqrt(6 / (3 * math.prod(patches.kernel_size) + model.embed_dim))
    nn.init.uniform_(patches.weight, -bound, bound)
    nn.init.zeros_(patches.bias)
    return model


def hugging_face(name, model, **choices):
    config = getattr(transformers, f"{name}Config")
    return lambda: getattr(transformers, model)(config(**choices))


SMALL = {"vocab_size": 90, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
ENCODER = SMALL | {"intermediate_size": 48, "max_position_embeddings": 40}
DECODER = ENCODER | {"num_key_value_heads": 2, "head_dim": 8}
T5 = {"vocab_size": 90, "d_model": 32, "d_kv": 64, "d_ff": 48, "num_layers": 2, "num_heads": 2}


def pyramid():
    backbone = torchvision.models.resnet18(norm_layer=FrozenBatchNorm2d)
    return _resnet_fpn_extractor(backbone, 5)


MODELS = {
    "vit": {"timm's vit": vit, "timm's vit with layer scale": partial(vit, init_values=1e-5)},
    "vit-jax": {"timm's vit": partial(vit, weight_init="jax")},
    "vit-moco": {"moco's vit": moco},
    "resnet": {
        "resnet of basic blocks": lambda: ResNet(
            BasicBlock, [1, 1, 1, 1], num_classes=100, zero_init_residual=True
        ),
        "resnet of bottlenecks": lambda: ResNet(
            Bottleneck, [1, 1, 1, 1], num_classes=100, zero_init_residual=True
        ),
    },
    "bert-hf": {
        "bert": hugging_face("Bert", "BertModel", **ENCODER),
        "bert for classes": hugging_face("Bert", "BertForSequenceClassification", **ENCODER),
        "electra": hugging_face("Electra", "ElectraModel", embedding_size=32, **ENCODER),
    },
    "roberta": {
        "roberta": hugging_face("Roberta", "RobertaModel", **ENCODER),
        "roberta for classes": hugging_face("Roberta", "RobertaForSequenceClassification", **ENCODER),
        "xlm-roberta": hugging_face("XLMRoberta", "XLMRobertaModel", **ENCODER),
    },
    "llama-hf": {
        "llama": hugging_face("Llama", "LlamaForCausalLM", **DECODER),
        "mistral": hugging_face("Mistral", "MistralForCausalLM", **DECODER),
        "qwen2": hugging_face("Qwen2", "Qwen2ForCausalLM", **DECODER),
        "qwen3": hugging_face("Qwen3", "Qwen3ForCausalLM", **DECODER),
    },
    "gpt2": {
        "gpt2": hugging_face(
            "GPT2", "GPT2LMHeadModel", vocab_size=90, n_positions=40, n_embd=32, n_layer=3, n_head=4
        ),
    },
    "gemma": {
        "gemma": hugging_face("Gemma", "GemmaForCausalLM", **DECODER),
        "gemma2": hugging_face("Gemma2", "Gemma2ForCausalLM", **DECODER),
        "gemma3": hugging_face("Gemma3Text", "Gemma3ForCausalLM", **DECODER),
    },
    "t5": {
        "t5": hugging_face("T5", "T5ForConditionalGeneration", **T5),
        "t5 v1.1": hugging_face(
            "T5", "T5ForConditionalGeneration", feed_forward_proj="gated-gelu",
            tie_word_embeddings=False, **T5
        ),
        "t5 encoder": hugging_face("T5", "T5EncoderModel", **T5),
    },
    "convnext": {
        "timm's convnext": lambda: ConvNeXt(depths=(1, 1, 2, 1), dims=(16, 24, 32, 40), num_classes=20),
        "torchvision's convnext": lambda: torchvision.models.convnext.ConvNeXt(
            [
                torchvision.models.convnext.CNBlockConfig(16, 24, 1),
                torchvision.models.convnext.CNBlockConfig(24, 32, 2),
                torchvision.models.convnext.CNBlockConfig(32, None, 1),
            ],
            num_classes=20,
        ),
        "timm's convnext v2": lambda: ConvNeXt(
            depths=(1, 1, 1, 1), dims=(16, 24, 32, 40), num_classes=20, use_grn=True,
            ls_init_value=None,
        ),
    },
    "mamba": {
        "mamba": hugging_face(
            "Mamba", "MambaForCausalLM", vocab_size=90, hidden_size=32, num_hidden_layers=2, state_size=16
        ),
    },
    "detection": {
        "retinanet": lambda: RetinaNet(pyramid(), num_classes=5),
        "fcos": lambda: FCOS(pyramid(), num_classes=5),
        "faster r-cnn": lambda: FasterRCNN(pyramid(), num_classes=5),
    },
    "diffusion": {"dit": diffusion.DiT, "unet": diffusion.UNet},
}
