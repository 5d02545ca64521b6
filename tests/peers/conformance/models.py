"""The models of the suite: each a name and a function that builds it, on no device where that works."""

import importlib
import os

TORCHVISION = """
alexnet convnext_tiny deeplabv3_mobilenet_v3_large deeplabv3_resnet50 densenet121 efficientnet_b0 efficientnet_v2_s
fasterrcnn_mobilenet_v3_large_fpn fasterrcnn_resnet50_fpn_v2 fcn_resnet50 fcos_resnet50_fpn googlenet inception_v3
keypointrcnn_resnet50_fpn lraspp_mobilenet_v3_large maskrcnn_resnet50_fpn maxvit_t mc3_18 mnasnet0_5 mobilenet_v2
mobilenet_v3_small mvit_v2_s r2plus1d_18 raft_small regnet_x_400mf regnet_y_400mf resnet18 resnet50 resnext50_32x4d
retinanet_resnet50_fpn s3d shufflenet_v2_x0_5 squeezenet1_1 ssd300_vgg16 ssdlite320_mobilenet_v3_large swin3d_t swin_t
swin_v2_t vgg11_bn vit_b_16 wide_resnet50_2
""".split()

TIMM = """
beit_base_patch16_224 botnet26t_256 caformer_s18 cait_xxs24_224 coat_tiny coatnet_0_224 convit_tiny convmixer_768_32
convnext_atto convnextv2_atto crossvit_tiny_240 cs3darknet_m davit_tiny deit3_small_patch16_224 dla34 dm_nfnet_f0 dpn68
edgenext_x_small efficientformer_l1 efficientformerv2_s0 efficientvit_b0 efficientvit_m0 eva02_tiny_patch14_224 fastvit_t8
focalnet_tiny_srf gcvit_xxtiny ghostnet_100 gmlp_s16_224 hiera_tiny_224 hrnet_w18_small inception_next_atto legacy_xception
levit_128 mambaout_femto maxvit_nano_rw_256 mixer_s16_224 mixnet_s mobilenetv4_conv_small mobilevit_xxs mobilevitv2_050
mvitv2_tiny nest_tiny nextvit_small nf_resnet26 pit_ti_224 poolformer_s12 pvt_v2_b0 rdnet_tiny regnetz_c16 repvit_m0_9
res2net50_26w_4s resmlp_12_224 resnest14d resnetv2_50 rexnet_100 seresnext26d_32x4d sequencer2d_s skresnet18
swinv2_tiny_window8_256 tiny_vit_5m_224 tnt_s_patch16_224 twins_svt_small vit_base_patch32_clip_224
vit_relpos_small_patch16_224 vit_tiny_patch16_224 volo_d1_224 xcit_nano_12_p16_224
""".split()

# The type of a configuration and the class of the model.
TRANSFORMERS = """
albert/AlbertForMaskedLM bart/BartForConditionalGeneration beit/BeitForImageClassification bert/BertForMaskedLM
bloom/BloomForCausalLM clip/CLIPModel convnext/ConvNextForImageClassification deberta-v2/DebertaV2ForMaskedLM
deepseek_v3/DeepseekV3ForCausalLM deit/DeiTForImageClassification detr/DetrForObjectDetection
dinov2/Dinov2ForImageClassification distilbert/DistilBertForMaskedLM electra/ElectraForPreTraining
falcon/FalconForCausalLM falcon_mamba/FalconMambaForCausalLM gemma/GemmaForCausalLM gemma2/Gemma2ForCausalLM
gemma3_text/Gemma3ForCausalLM gpt2/GPT2LMHeadModel gpt_neo/GPTNeoForCausalLM gpt_neox/GPTNeoXForCausalLM
gpt_oss/GptOssForCausalLM gptj/GPTJForCausalLM granitemoe/GraniteMoeForCausalLM hubert/HubertForCTC
jamba/JambaForCausalLM llama/LlamaForCausalLM longformer/LongformerForMaskedLM mamba/MambaForCausalLM
mamba2/Mamba2ForCausalLM maskformer/MaskFormerForInstanceSegmentation mistral/MistralForCausalLM
mixtral/MixtralForCausalLM modernbert/ModernBertForMaskedLM mpt/MptForCausalLM mt5/MT5ForConditionalGeneration
olmo/OlmoForCausalLM olmo2/Olmo2ForCausalLM olmoe/OlmoeForCausalLM opt/OPTForCausalLM phi/PhiForCausalLM
phi3/Phi3ForCausalLM pvt/PvtForImageClassification qwen2/Qwen2ForCausalLM qwen2_moe/Qwen2MoeForCausalLM
qwen3/Qwen3ForCausalLM qwen3_moe/Qwen3MoeForCausalLM qwen3_next/Qwen3NextForCausalLM roberta/RobertaForMaskedLM
roberta/RobertaModel sam/SamModel segformer/SegformerForSemanticSegmentation siglip/SiglipModel
speech_to_text/Speech2TextForConditionalGeneration stablelm/StableLmForCausalLM swin/SwinForImageClassification
swinv2/Swinv2ForImageClassification t5/T5ForConditionalGeneration vit/ViTForImageClassification
vit_mae/ViTMAEForPreTraining wav2vec2/Wav2Vec2ForCTC wavlm/WavLMForCTC whisper/WhisperForConditionalGeneration
xlm-roberta/XLMRobertaForMaskedLM yolos/YolosForObjectDetection
""".split()

KERAS = "ConvNeXtTiny DenseNet121 EfficientNetB0 MobileNetV2 ResNet50V2 Xception".split()

# Models that an ONNX file is exported of, and the sizes of their input.
ONNX = {
    "torchvision": {name: (1, 3, 64, 64) for name in (
        "convnext_tiny", "densenet121", "mobilenet_v3_small", "regnet_x_400mf", "resnet18", "shufflenet_v2_x0_5",
        "squeezenet1_1",
    )},
    "timm": {"edgenext_xx_small": (1, 3, 64, 64), "mixer_s32_224": (1, 3, 224, 224), "vit_tiny_patch16_224": (1, 3, 224, 224)},
    "plain": {"transposed": (1, 16, 8, 8), "grouped": (1, 16, 8, 8), "recurrent": (4, 2, 8), "slopes": (2, 8)},
}

# Few layers say as much as many.
LAYERS = (
    "num_hidden_layers", "encoder_layers", "decoder_layers", "n_layer", "n_layers", "num_layers", "num_decoder_layers",
)
LAYER_TYPES = ("layer_types", "mlp_layer_types", "layers_block_type")
KEPT_LAYERS = 4


def torchvision_model(name):
    import torchvision

    builder = torchvision.models.get_model_builder(name)
    is_on_backbone = any(kind in builder.__module__ for kind in ("segmentation", "detection"))
    return builder(weights=None, **({"weights_backbone": None} if is_on_backbone else {}))


def timm_model(name):
    import timm

    return timm.create_model(name)


def transformers_model(name):
    import transformers

    kind, architecture = name.split("/")
    configuration = transformers.AutoConfig.for_model(kind)
    shrink(configuration)
    return getattr(transformers, architecture)(configuration)


def shrink(configuration):
    """Leaves few layers, in the models within a model too."""
    for key, value in list(vars(configuration).items()):
        if hasattr(value, "to_dict"):
            shrink(value)
        elif key in LAYERS and isinstance(value, int) and value > KEPT_LAYERS:
            setattr(configuration, key, KEPT_LAYERS)
        elif key in LAYER_TYPES and isinstance(value, list):
            setattr(configuration, key, value[:KEPT_LAYERS])


def plain_models():
    """Networks of torch.nn's own layers."""
    from torch import nn
    from torch.nn.utils.parametrizations import weight_norm

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.LSTM(8, 16, num_layers=2, bidirectional=True)
            self.gru = nn.GRU(32, 16)
            self.out = nn.Linear(16, 5)

        def forward(self, x):
            return self.out(self.gru(self.rnn(x)[0])[0])

    class Tables(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(100, 16, padding_idx=0)
            self.bag_embedding = nn.EmbeddingBag(50, 16)
            self.bilinear = nn.Bilinear(16, 12, 4)

    def sequence(*layers):
        return nn.Sequential(*layers)

    return {
        "perceptron": lambda: sequence(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 4)),
        "slopes": lambda: sequence(nn.Linear(8, 32), nn.PReLU(), nn.Linear(32, 32), nn.PReLU(32), nn.Linear(32, 4)),
        "grey": lambda: sequence(
            nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 10),
        ),
        "grouped": lambda: sequence(
            nn.Conv2d(16, 32, 1), nn.GroupNorm(4, 32), nn.ReLU(), nn.Conv2d(32, 32, 3, groups=8), nn.ReLU(),
            nn.Conv2d(32, 32, 3, groups=32), nn.Conv2d(32, 64, 1),
        ),
        "transposed": lambda: sequence(
            nn.ConvTranspose2d(16, 64, 4, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.ConvTranspose2d(32, 3, 4, 2, 1),
        ),
        "discriminator": lambda: sequence(
            nn.Conv2d(3, 32, 4, 2, 1, bias=False), nn.LeakyReLU(0.2), nn.Conv2d(32, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64), nn.LeakyReLU(0.2), nn.Conv2d(64, 1, 4, bias=False),
        ),
        "normalized": lambda: sequence(weight_norm(nn.Linear(8, 32)), nn.ReLU(), weight_norm(nn.Conv1d(32, 8, 3))),
        "transformer": lambda: nn.Transformer(32, 4, 2, 2, 64),
        "recurrent": Recurrent,
        "tables": Tables,
    }


def keras_model(name):
    keras = importlib.import_module("keras")
    with keras.device("meta"):
        return getattr(keras.applications, name)(weights=None)


def keras_plain():
    """Layers of Keras that no application has."""
    from keras import Sequential, layers

    return Sequential([
        layers.Input((12,)),
        layers.Embedding(30, 16),
        layers.LSTM(8, return_sequences=True),
        layers.GRU(8, return_sequences=True),
        layers.Conv1DTranspose(6, 4, strides=2),
        layers.LayerNormalization(),
        layers.Dense(4),
        layers.PReLU(),
    ])


def use_no_accelerator():
    os.environ.setdefault("KERAS_BACKEND", "torch")
