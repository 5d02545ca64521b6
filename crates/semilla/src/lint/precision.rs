//! Values that an element type cannot tell from 0.

use super::finding::{Finding, Rule, Severity};
use super::subject::Subjects;
use super::truncation::collect;
use crate::dtype::DType;
use crate::number::rounded;

/// The part of a tensor's values that may round to 0 without a word.
const SOME: f64 = 0.01;
/// Beyond this part a tensor is another one.
const MANY: f64 = 0.1;

/// Tensors of which values round to 0 in their element type.
pub(super) fn underflow(subjects: &Subjects<'_>) -> Vec<Finding> {
    let found = subjects.made().filter_map(|own| {
        let dtype = own.line.dtype;
        let smallest = smallest(dtype)?;
        // Half of the smallest number is rounded to even: to 0.
        let limit = smallest / 2.0;
        let part = match own.constant() {
            Some(value) if value != 0.0 && value.abs() <= limit => 1.0,
            Some(_) => return None,
            None => {
                let mut laws = Vec::new();
                collect(&own.line.fill, &mut laws);
                let parts = laws
                    .iter()
                    .filter(|law| law.std() > 0.0)
                    .map(|law| law.cdf(limit) - law.cdf(-limit));
                parts.fold(0.0, f64::max)
            }
        };
        (part > SOME).then(|| Finding {
            rule: Rule::Precision,
            severity: match part > MANY {
                true => Severity::Warning,
                false => Severity::Note,
            },
            tensors: vec![own.name().to_owned()],
            reason: format!(
                "{} % of its values round to 0 in {}, whose smallest number is {}",
                rounded(100.0 * part),
                dtype.name(),
                rounded(smallest),
            ),
            remedy: "keep it in BF16 or F32, or store it scaled".to_owned(),
        })
    });
    found.collect()
}

/// The smallest positive number of a type.
fn smallest(dtype: DType) -> Option<f64> {
    let exponent = match dtype {
        DType::F32 => -149,
        DType::BF16 => -133,
        DType::F16 => -24,
        DType::F8E5M2 => -16,
        DType::F8E4M3 => -9,
        _ => return None,
    };
    Some(2f64.powi(exponent))
}
