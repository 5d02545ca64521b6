//! Rules that would decide a tensor, as they are written: remedies in errors.

use super::auto;
use super::start::Starts;
use crate::init::Initializer;
use crate::layout::FanRule;
use crate::model::{Model, Role, Tensor};

/// Characters of a name in an error, at most.
const NAME: usize = 80;

/// The largest kernel along a line; longer last axes are those of a stack of matrices.
const LINE: usize = 16;

/// A rule that would decide a tensor: as `auto` does where the role is known, otherwise with an
/// initializer that fits the shape.
pub(super) fn rule_for(tensor: &Tensor, model: &Model) -> String {
    if let Some(decision) = auto::decide(tensor, model, &Starts::default(), FanRule::Exact) {
        let init = decision.initializer.to_string();
        return format!("[[rule]] with {}, init = {init:?}", matching(tensor));
    }
    let values = match tensor.shape.len() {
        _ if !tensor.dtype.is_float() => r#"init = "zeros""#,
        0 | 1 => r#"init = "ones""#,
        2 => r#"set = { role = "linear" }, init = "xavier_uniform""#,
        // Kernels along a line are short.
        3 if tensor.shape[2] > LINE => {
            r#"set = { role = "linear" }, layout = "EOI", init = "xavier_uniform""#
        }
        3..=5 => r#"set = { role = "conv" }, init = "kaiming_normal""#,
        _ => r#"init = { normal = { std = 0.02 } }"#,
    };
    format!("[[rule]] with {}, {values}", matching(tensor))
}

/// A rule that states what was inferred of a tensor, and does with it what was done.
pub(super) fn rule_stating(tensor: &Tensor, initializer: &Initializer) -> String {
    let mut parts = vec![matching(tensor)];
    if tensor.role != Role::Unknown {
        parts.push(format!("set = {{ role = \"{}\" }}", tensor.role));
    }
    if let Some(layout) = &tensor.layout {
        parts.push(format!("layout = \"{layout}\""));
    }
    parts.push(format!("init = {:?}", initializer.to_string()));
    format!("[[rule]] with {}", parts.join(", "))
}

fn matching(tensor: &Tensor) -> String {
    let name: String = tensor.name.chars().take(NAME).collect();
    format!("match = {name:?}")
}
