//! Tables that are looked up.

use super::finding::{Finding, Rule, Severity};
use super::subject::Subjects;
use crate::init::{Initializer, Mode};
use crate::model::Role;
use crate::number::rounded;

/// Embeddings whose fans count the vocabulary: a row is looked up, and nothing is summed over the
/// others.
pub(super) fn vocabulary(subjects: &Subjects<'_>) -> Vec<Finding> {
    let tables = subjects
        .made()
        .filter(|own| own.role() == Role::Embedding && own.line.shape.len() == 2 && !own.is_tied());
    let found = tables.filter_map(|own| {
        let fans = own.line.fans?;
        let vocabulary = own.line.shape[0] as f64;
        let counts = match averages(&own.line.initializer)? {
            Mode::FanIn => fans.fan_in == vocabulary,
            Mode::FanOut => fans.fan_out == vocabulary,
            _ => fans.fan_in == vocabulary || fans.fan_out == vocabulary,
        };
        let std = own.root_mean_square()?;
        (counts && vocabulary > own.line.shape[1] as f64).then(|| Finding {
            rule: Rule::Embedding,
            severity: Severity::Note,
            tensors: vec![own.name().to_owned()],
            reason: format!(
                "its standard deviation of {} counts {vocabulary} words as a fan, but a row is \
                 looked up alone: embeddings shrink as the vocabulary grows",
                rounded(std)
            ),
            remedy: "a standard deviation of its own, such as normal(std=0.02)".to_owned(),
        })
    });
    found.collect()
}

/// The fan that an initializer divides by.
fn averages(initializer: &Initializer) -> Option<Mode> {
    match initializer {
        Initializer::XavierUniform(_) | Initializer::XavierNormal(_) => Some(Mode::FanAvg),
        Initializer::KaimingUniform(own) => Some(own.mode),
        Initializer::KaimingNormal(own) => Some(own.mode),
        Initializer::VarianceScaling(own) => Some(own.mode),
        Initializer::LecunUniform(_) | Initializer::LecunNormal(_) => Some(Mode::FanIn),
        Initializer::Padded(own) => averages(&own.of),
        _ => None,
    }
}
