//! Activations by Semilla's names: a node `Activation` of the domain `semilla`.

use semilla::activation::Activation;
use semilla::graph::Node;

use super::activation;
use super::unary::Unary;
use crate::executor::{Call, Made, Problem};
use crate::real::Real;

/// The activation that the attribute `function` names.
pub(crate) fn lower<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let text = call.text("function", "")?;
    let function: Activation = text.parse().map_err(|_| Problem::Attribute {
        name: "function",
        value: text.chars().take(80).collect(),
    })?;
    if let Activation::LeakyRelu { slope } | Activation::Prelu { slope } = function {
        return activation::leaky(T::of(slope))(call);
    }
    if let Some(operator) = operator(function) {
        let node = Node::new(operator, &["x"], &["y"]);
        let same = Call {
            node: &node,
            inputs: call.inputs.clone(),
            ..*call
        };
        if let Some(made) = activation::lower(operator, &same)? {
            return Ok(made);
        }
    }
    let unary = Unary {
        value: move |x: T| T::of(function.value(x.f64())),
        slope: move |x: T, _| T::of(function.derivative(x.f64())),
    };
    Made::step(unary, [call.float(0)?])
}

/// The operator of ONNX that is the same without attributes: its loops over elements are fast, the
/// function's own value is exact.
fn operator(function: Activation) -> Option<&'static str> {
    Some(match function {
        Activation::Relu => "Relu",
        Activation::Elu { alpha: 1.0 } => "Elu",
        Activation::Gelu => "Gelu",
        Activation::GeluTanh => "FastGelu",
        Activation::QuickGelu => "QuickGelu",
        Activation::Silu => "Swish",
        Activation::Softplus => "Softplus",
        Activation::Softsign => "Softsign",
        Activation::Tanh => "Tanh",
        Activation::Sigmoid => "Sigmoid",
        Activation::Hardswish => "HardSwish",
        _ => return None,
    })
}
