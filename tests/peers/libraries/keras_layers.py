"""Every layer of keras.layers that has weights."""

import keras
from keras import layers

SLASH = True

# Name: (the layer, the shapes of its inputs).
LAYERS = {
    "dense": lambda: (layers.Dense(36), (24,)),
    "einsum_dense": lambda: (layers.EinsumDense("abc,cde->abde", (None, 4, 8), bias_axes="de"), (5, 24)),
    "einsum_out": lambda: (layers.EinsumDense("abcd,cde->abe", (None, 32), bias_axes="e"), (5, 4, 8)),
    "embedding": lambda: (layers.Embedding(60, 30), (5,)),
    "reversible_embedding": lambda: (layers.ReversibleEmbedding(60, 30), (5,)),
    "reversible_untied": lambda: (layers.ReversibleEmbedding(60, 30, tie_weights=False), (5,)),
    "conv1d": lambda: (layers.Conv1D(36, 5), (9, 24)),
    "conv2d": lambda: (layers.Conv2D(36, (3, 5)), (9, 9, 12)),
    "conv3d": lambda: (layers.Conv3D(20, 3), (5, 5, 5, 8)),
    "conv_grouped": lambda: (layers.Conv2D(36, 3, groups=4), (9, 9, 24)),
    "conv1d_transpose": lambda: (layers.Conv1DTranspose(36, 4), (9, 24)),
    "conv2d_transpose": lambda: (layers.Conv2DTranspose(12, 3), (9, 9, 24)),
    "conv3d_transpose": lambda: (layers.Conv3DTranspose(20, 2), (5, 5, 5, 8)),
    "depthwise_conv1d": lambda: (layers.DepthwiseConv1D(5, depth_multiplier=2), (9, 24)),
    "depthwise_conv2d": lambda: (layers.DepthwiseConv2D(3), (9, 9, 24)),
    "separable_conv1d": lambda: (layers.SeparableConv1D(36, 5), (9, 24)),
    "separable_conv2d": lambda: (layers.SeparableConv2D(36, 3), (9, 9, 24)),
    "simple_rnn": lambda: (layers.SimpleRNN(40), (5, 24)),
    "lstm": lambda: (layers.LSTM(40), (5, 24)),
    "lstm_closed": lambda: (layers.LSTM(40, unit_forget_bias=True, use_bias=True), (5, 24)),
    "gru": lambda: (layers.GRU(40), (5, 24)),
    "gru_before": lambda: (layers.GRU(40, reset_after=False), (5, 24)),
    "bidirectional": lambda: (layers.Bidirectional(layers.LSTM(20)), (5, 24)),
    "bidirectional_gru": lambda: (layers.Bidirectional(layers.GRU(20)), (5, 24)),
    "rnn_of_cell": lambda: (layers.RNN(layers.LSTMCell(20)), (5, 24)),
    "rnn_of_cells": lambda: (layers.RNN([layers.LSTMCell(20), layers.GRUCell(16)]), (5, 24)),
    "conv_lstm1d": lambda: (layers.ConvLSTM1D(8, 3), (3, 9, 4)),
    "conv_lstm2d": lambda: (layers.ConvLSTM2D(8, 3), (3, 9, 9, 4)),
    "conv_lstm3d": lambda: (layers.ConvLSTM3D(4, 2), (3, 5, 5, 5, 4)),
    "time_distributed": lambda: (layers.TimeDistributed(layers.Dense(36)), (5, 24)),
    "multi_head_attention": lambda: (layers.MultiHeadAttention(4, 8), [(5, 32), (5, 32)]),
    "grouped_query_attention": lambda: (layers.GroupQueryAttention(8, 4, 2), [(5, 32), (5, 32)]),
    "attention": lambda: (layers.Attention(use_scale=True), [[(5, 32), (5, 32)]]),
    "additive_attention": lambda: (layers.AdditiveAttention(), [[(5, 32), (5, 32)]]),
    "batch_normalization": lambda: (layers.BatchNormalization(), (5, 36)),
    "layer_normalization": lambda: (layers.LayerNormalization(), (5, 36)),
    "layer_normalization_2d": lambda: (layers.LayerNormalization(axis=[1, 2]), (5, 36)),
    "group_normalization": lambda: (layers.GroupNormalization(4), (5, 36)),
    "rms_normalization": lambda: (layers.RMSNormalization(), (5, 36)),
    "spectral_normalization": lambda: (layers.SpectralNormalization(layers.Dense(36)), (24,)),
    "normalization": lambda: (layers.Normalization(), (36,)),
    "p_re_lu": lambda: (layers.PReLU(), (36,)),
    "p_re_lu_shared": lambda: (layers.PReLU(shared_axes=[1, 2]), (5, 5, 36)),
}


def build(make, prefix):
    # Keras numbers the layers that it names itself: the first module's names are every one's.
    names = []

    def of(seed):
        if not names:
            keras.utils.clear_session(free_memory=False)
        keras.utils.set_random_seed(seed)
        layer, shapes = make()
        layer.name = prefix.rstrip("/")
        inputs = shapes if isinstance(shapes, list) else [shapes]
        layer(*[_input(shape) for shape in inputs])
        kept = [each for each in layer.variables if "seed_generator" not in each.path]
        if not names:
            names.extend(each.path for each in kept)
        values = [keras.ops.convert_to_numpy(each.value) for each in kept]
        return dict(zip(names, values, strict=True))

    return of


def _input(shape):
    return [keras.Input(part) for part in shape] if isinstance(shape, list) else keras.Input(shape)
