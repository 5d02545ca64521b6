//! Activations by Semilla's names: a node `Activation` of the domain `semilla`.

use semilla::activation::Activation;

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
    let unary = Unary {
        value: move |x: T| T::of(function.value(x.f64())),
        slope: move |x: T, _| T::of(function.derivative(x.f64())),
    };
    Made::step(unary, [call.float(0)?])
}
