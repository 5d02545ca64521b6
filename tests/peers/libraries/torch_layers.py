"""Every layer of torch.nn that has parameters."""

import torch
from torch import nn
from torch.nn.utils import parametrizations

D, H, OUT = 24, 40, 36

LAYERS = {
    "linear": lambda: nn.Linear(D, OUT),
    "linear_without": lambda: nn.Linear(D, OUT, bias=False),
    "bilinear": lambda: nn.Bilinear(6, 10, OUT),
    "conv1d": lambda: nn.Conv1d(D, OUT, 5),
    "conv2d": lambda: nn.Conv2d(12, OUT, (3, 5)),
    "conv3d": lambda: nn.Conv3d(8, 20, 3),
    "conv_grouped": lambda: nn.Conv2d(D, OUT, 3, groups=4),
    "conv_depthwise": lambda: nn.Conv2d(D, D, 3, groups=D),
    "conv_transpose1d": lambda: nn.ConvTranspose1d(D, OUT, 4, stride=2),
    "conv_transpose2d": lambda: nn.ConvTranspose2d(D, 12, 3),
    "conv_transpose3d": lambda: nn.ConvTranspose3d(8, 20, 2),
    "conv_transpose_grouped": lambda: nn.ConvTranspose2d(D, OUT, 3, groups=4),
    "embedding": lambda: nn.Embedding(60, 30),
    "padded_embedding": lambda: nn.Embedding(60, 30, padding_idx=0),
    "embedding_bag": lambda: nn.EmbeddingBag(60, 30),
    "rnn": lambda: nn.RNN(D, H),
    "rnn_relu_bidirectional": lambda: nn.RNN(D, H, nonlinearity="relu", bidirectional=True),
    "lstm": lambda: nn.LSTM(D, H, num_layers=2),
    "lstm_bidirectional": lambda: nn.LSTM(D, H, bidirectional=True),
    "lstm_proj": lambda: nn.LSTM(D, H, num_layers=2, proj_size=12),
    "lstm_without": lambda: nn.LSTM(D, H, bias=False),
    "gru": lambda: nn.GRU(D, H, num_layers=2, bidirectional=True),
    "rnn_cell": lambda: nn.RNNCell(D, H),
    "lstm_cell": lambda: nn.LSTMCell(D, H),
    "gru_cell": lambda: nn.GRUCell(D, H),
    "attention": lambda: nn.MultiheadAttention(32, 4),
    "attention_apart": lambda: nn.MultiheadAttention(32, 4, kdim=20, vdim=12),
    "attention_bias_kv": lambda: nn.MultiheadAttention(32, 4, add_bias_kv=True),
    "attention_without": lambda: nn.MultiheadAttention(32, 4, bias=False),
    "transformer_encoder_layer": lambda: nn.TransformerEncoderLayer(32, 4, 48),
    "transformer_decoder_layer": lambda: nn.TransformerDecoderLayer(32, 4, 48),
    "transformer_encoder": lambda: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(32, 4, 48), 2, norm=nn.LayerNorm(32)
    ),
    "transformer_decoder": lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(32, 4, 48), 2),
    "transformer": lambda: nn.Transformer(32, 4, 2, 2, 48),
    "batch_norm1d": lambda: nn.BatchNorm1d(OUT),
    "batch_norm2d": lambda: nn.BatchNorm2d(OUT),
    "batch_norm3d": lambda: nn.BatchNorm3d(OUT),
    "sync_batch_norm": lambda: nn.SyncBatchNorm(OUT),
    "instance_norm1d": lambda: nn.InstanceNorm1d(OUT, affine=True),
    "instance_norm2d": lambda: nn.InstanceNorm2d(OUT, affine=True, track_running_stats=True),
    "instance_norm3d": lambda: nn.InstanceNorm3d(OUT, affine=True),
    "group_norm": lambda: nn.GroupNorm(4, OUT),
    "layer_norm": lambda: nn.LayerNorm(OUT),
    "wide_layer_norm": lambda: nn.LayerNorm([6, OUT]),
    "rms_norm": lambda: nn.RMSNorm(OUT),
    "prelu": lambda: nn.PReLU(),
    "channel_prelu": lambda: nn.PReLU(OUT),
    "adaptive_softmax": lambda: nn.AdaptiveLogSoftmaxWithLoss(D, 200, [40, 100]),
    "with_g_and_v": lambda: parametrizations.weight_norm(nn.Linear(D, OUT)),
    "conv_with_g_and_v": lambda: parametrizations.weight_norm(nn.Conv2d(D, OUT, 3)),
    "limited": lambda: parametrizations.spectral_norm(nn.Linear(D, OUT)),
}


def state(module, prefix=""):
    """A module's tensors by name, as they are stored."""
    named = module.state_dict().items()
    return {prefix + name: tensor.detach().numpy().copy() for name, tensor in named}


def build(make, prefix):
    def of(seed):
        torch.manual_seed(seed)
        return state(make(), prefix)

    return of
