//! Fans that a peer's rule reads off the shape.

use super::finding::{Finding, Rule, Severity};
use super::subject::{Subject, Subjects};
use crate::init::Context;
use crate::model::Tensor;
use crate::number::rounded;
use crate::plan::context_of;

/// A standard deviation off by less is none of anybody's business.
const OFF: f64 = 1.25;
/// Beyond this it changes how a network trains.
const FAR_OFF: f64 = 2.0;

/// Fans that ignore groups, a transposed layout or fused weights, where the standard deviation
/// comes out different for it.
pub(super) fn misread(subjects: &Subjects<'_>) -> Vec<Finding> {
    let context = context_of(subjects.model, None, subjects.plan.seed);
    let found = subjects
        .made()
        .filter_map(|subject| misread_one(subject, &context));
    found.collect()
}

fn misread_one(subject: Subject<'_>, context: &Context) -> Option<Finding> {
    let (used, own) = (subject.line.fans?, subject.fans()?);
    if used == own {
        return None;
    }
    let context = context.at(subject.tensor);
    let tensor = Tensor {
        layout: subject.layout().cloned(),
        ..subject.tensor.clone()
    };
    let exact = subject.line.initializer.resolve(&tensor, &context).ok()?;
    let exact = exact.fill.root_mean_square(&subject.line.shape)?;
    let ratio = subject.root_mean_square()? / exact;
    let off = ratio.max(ratio.recip());
    if !off.is_finite() || off < OFF {
        return None;
    }
    let layout = subject.layout()?;
    let why = match () {
        () if layout.is_transposed() => "it is stored transposed".to_owned(),
        () if layout.groups() > 1 => format!("it has {} groups", layout.groups()),
        () if !subject.tensor.blocks.is_empty() => {
            format!("it holds {} weights in one", subject.tensor.blocks.len())
        }
        // Strides alone are nobody's mistake: no peer counts them.
        () => return None,
    };
    let is_harmless = subject.tensor.is_normalized || off < FAR_OFF;
    Some(Finding {
        rule: Rule::Fans,
        severity: match is_harmless {
            true => Severity::Note,
            false => Severity::Warning,
        },
        tensors: vec![subject.name().to_owned()],
        reason: format!(
            "fans {}/{} are read off the shape, but {why} and the layer's own are {}/{}: the \
             standard deviation is {} of what the initializer means",
            rounded(used.fan_in),
            rounded(used.fan_out),
            rounded(own.fan_in),
            rounded(own.fan_out),
            rounded(ratio),
        ),
        remedy: "fans = \"exact\" in the rule or the recipe".to_owned(),
    })
}
