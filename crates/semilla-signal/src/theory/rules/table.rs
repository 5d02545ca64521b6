//! Which rule is for which operator.

use std::sync::Arc;

use super::super::node::{Node, Origin};
use super::super::signal::Signal;
use super::super::state::{Gap, Known, Step, Theory, axes_of};
use super::super::weights::WeightMoments;
use super::sequence::sequence;
use super::{arithmetic, convolution, normalization, pool, product, shape, softmax, upsample};

/// What a node makes.
///
/// # Errors
/// There is no rule for it, or its rule does not hold here.
pub(crate) fn apply(
    theory: &mut Theory,
    step: &Step<'_>,
    visible: Option<&[f64]>,
) -> Result<Vec<Known>, Gap> {
    let operator = &*step.node.operator;
    let one = |known: Known| vec![known];
    if let "Split" = operator {
        return shape::split(theory, step);
    }
    if let Some(made) = sequence(theory, step) {
        return made.map(one);
    }
    let made = match operator {
        "CastLike" => cast_like(step),
        "Identity" | "Dropout" | "Cast" => step.given(0).cloned(),
        "Shape" | "Size" => shape::shape(theory, step),
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" => {
            shape::rearranged(theory, step)
        }
        "Expand" | "Tile" => shape::expand(theory, step),
        "Slice" => shape::slice(theory, step),
        "Concat" => shape::concat(theory, step),
        "Gather" => shape::gather(theory, step),
        // Such as the state that a recurrent layer starts from.
        "MatMul" if matches!(step.input(0), Some(Known::Constant(_))) => {
            product::matmul(theory, step)
        }
        _ if step
            .inputs
            .iter()
            .flatten()
            .all(|known| !matches!(known, Known::Signal(_))) =>
        {
            of_weights(theory, step, visible)
        }
        "MatMul" => product::matmul(theory, step),
        "Gemm" => product::gemm(theory, step),
        "Conv" => convolution::convolution(theory, step),
        "ConvTranspose" => convolution::transposed(theory, step),
        "LayerNormalization" => normalization::rows(theory, step, true),
        "RMSNormalization" | "SimplifiedLayerNormalization" => {
            normalization::rows(theory, step, false)
        }
        "BatchNormalization" | "InstanceNormalization" | "GroupNormalization" => {
            normalization::channels(theory, step)
        }
        "Softmax" => softmax::softmax(theory, step, visible),
        "ReduceMean" | "ReduceSum" | "GlobalAveragePool" => pool::reduce(theory, step),
        "ReduceL2" | "ReduceSumSquare" => pool::squares(theory, step),
        "AveragePool" => pool::average(theory, step),
        "MaxPool" | "GlobalMaxPool" => pool::greatest(theory, step),
        "Resize" | "Upsample" => upsample::resize(theory, step),
        "DepthToSpace" => upsample::depth_to_space(theory, step),
        "PRelu" => parametric(theory, step),
        _ => elementwise(theory, step, operator),
    };
    made.map(one)
}

/// A value of the kind of another.
fn cast_like(step: &Step<'_>) -> Result<Known, Gap> {
    Ok(match (step.given(0)?, step.given(1)?) {
        (Known::Whole(array), Known::Signal(_) | Known::Weight(_) | Known::Constant(_)) => {
            Known::Constant(Arc::new(array.map(|x| x as f32)))
        }
        (known, _) => known.clone(),
    })
}

fn elementwise(theory: &mut Theory, step: &Step<'_>, operator: &str) -> Result<Known, Gap> {
    if let Some(known) = arithmetic::function(theory, step)? {
        return Ok(known);
    }
    match operator {
        "Add" | "Sub" | "Mul" | "Div" => arithmetic::binary(theory, step, operator),
        "Sum" if step.inputs.len() == 2 => arithmetic::binary(theory, step, "Add"),
        _ => Gap::new("theory has no rule for this operator"),
    }
}

/// A PReLU whose slopes are all the same at first.
fn parametric(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let found = arithmetic::function(theory, step)?;
    found.ok_or_else(|| Gap("its slopes differ".to_owned()))
}

/// A computation on weights only: what it makes is taken for independent elements.
fn of_weights(theory: &mut Theory, step: &Step<'_>, visible: Option<&[f64]>) -> Result<Known, Gap> {
    let mut inputs = Vec::new();
    for known in step.inputs {
        inputs.push(match known {
            Some(Known::Weight(weight)) => {
                let axes = axes_of(&weight.shape)?;
                let WeightMoments { mean, square, .. } = weight.independent()?;
                let signal = Signal::independent(axes, mean, square);
                let all = signal.axes.all();
                Some(Known::Signal(theory.push(Node::normal(
                    signal,
                    all,
                    Origin::Fresh(None),
                ))))
            }
            other => other.clone(),
        });
    }
    if !inputs
        .iter()
        .flatten()
        .any(|known| matches!(known, Known::Signal(_)))
    {
        return Gap::new("theory has no rule for this operator");
    }
    let step = Step {
        inputs: &inputs,
        ..*step
    };
    let mut made = apply(theory, &step, visible)?;
    made.pop().ok_or_else(|| Gap("it makes nothing".to_owned()))
}
