//! Which operator is where.

use super::{
    activation, arithmetic, attention, col2im, compare, contributed, convolution, einsum, gather,
    grid_sample, matmul, named, normalization, pad, pool, quantize, recurrent, reduce, resize,
    rotary, sequence, shape, softmax, sort, whole,
};
use crate::executor::{Call, Made, Problem};
use crate::real::Real;

/// What a node comes to.
///
/// # Errors
/// [`Problem::UnknownOperator`], or what is wrong with its inputs and attributes.
pub(crate) fn lower<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    if let ("semilla", "Activation") = (&*call.node.domain, &*call.node.operator) {
        return named::lower(call);
    }
    if let Some(operator) = call.node.contributed()
        && let Some(made) = contributed::lower(operator, call)?
    {
        return Ok(made);
    }
    let Some(operator) = call.node.standard().or_else(|| as_standard(call)) else {
        return Err(Problem::UnknownOperator);
    };
    let kinds = [
        whole::lower,
        shape::lower,
        activation::lower,
        arithmetic::lower,
        arithmetic::several,
        matmul::lower,
        normalization::lower,
        pool::lower,
        softmax::lower,
        reduce::lower,
        gather::lower,
        compare::lower,
        sort::lower,
        sequence::lower,
        recurrent::lower,
        quantize::lower,
        refused,
        single,
    ];
    for kind in kinds {
        if let Some(made) = kind(operator, call)? {
            return Ok(made);
        }
    }
    Err(Problem::UnknownOperator)
}

/// Operators that are known and not run, with the reason.
fn refused<T: Real>(operator: &str, _: &Call<'_, T>) -> Result<Option<Made<T>>, Problem> {
    let reason = match operator {
        "RegexFullMatch" | "StringConcat" | "StringNormalizer" | "StringSplit"
        | "TfIdfVectorizer" => "work on text, through which no gradient flows",
        "ImageDecoder" => "the decoding of an image's file",
        "Bernoulli" | "Multinomial" | "RandomNormal" | "RandomNormalLike" | "RandomUniform"
        | "RandomUniformLike" => "a draw of random numbers, which makes each run another",
        "NonMaxSuppression" | "MaxRoiPool" | "RoiAlign" | "DeformConv" => {
            "a choice of regions; check the part before it, which makes the features"
        }
        "DFT" | "STFT" | "MelWeightMatrix" | "HannWindow" | "HammingWindow" | "BlackmanWindow" => {
            "a spectrum; give the model the spectrum itself"
        }
        "SoftmaxCrossEntropyLoss" | "NegativeLogLikelihoodLoss" => {
            "a loss within the model; give the model without it"
        }
        _ => return Ok(None),
    };
    Err(Problem::Unsupported(reason.to_owned()))
}

/// Operators with a file of their own.
fn single<T: Real>(operator: &str, call: &Call<'_, T>) -> Result<Option<Made<T>>, Problem> {
    let made = match operator {
        "Conv" => convolution::convolution(call),
        "ConvTranspose" => convolution::transposed(call),
        "Einsum" => einsum::lower(call),
        "Pad" => pad::lower(call),
        "Resize" | "Upsample" => resize::lower(operator, call),
        "Attention" => attention::lower(call),
        "RotaryEmbedding" => rotary::lower(call),
        "Col2Im" => col2im::lower(call),
        "GridSample" => grid_sample::lower(call),
        _ => return Ok(None),
    };
    made.map(Some)
}

/// Operators of ONNX Runtime that work as ONNX's own of the same name.
fn as_standard<'a, T: Real>(call: &Call<'a, T>) -> Option<&'a str> {
    let known = [
        "Gelu",
        "FastGelu",
        "QuickGelu",
        "LayerNormalization",
        "SimplifiedLayerNormalization",
        "QuantizeLinear",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "MatMulInteger",
        "ConvInteger",
        "QLinearConv",
        "QLinearMatMul",
        "Pad",
        "GridSample",
    ];
    call.node
        .contributed()
        .filter(|operator| known.contains(operator))
}
