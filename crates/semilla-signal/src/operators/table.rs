//! Which operator is where.

use super::{
    activation, arithmetic, attention, compare, convolution, einsum, gather, matmul, named,
    normalization, pad, pool, recurrent, reduce, resize, sequence, shape, softmax, sort, whole,
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
    let Some(operator) = call.node.standard().or_else(|| contributed(call)) else {
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
        single,
    ];
    for kind in kinds {
        if let Some(made) = kind(operator, call)? {
            return Ok(made);
        }
    }
    Err(Problem::UnknownOperator)
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
        _ => return Ok(None),
    };
    made.map(Some)
}

/// Operators of ONNX Runtime that work as ONNX's own of the same name.
fn contributed<'a, T: Real>(call: &Call<'a, T>) -> Option<&'a str> {
    let known = [
        "Gelu",
        "FastGelu",
        "QuickGelu",
        "SimplifiedLayerNormalization",
    ];
    call.node
        .contributed()
        .filter(|operator| known.contains(operator))
}
