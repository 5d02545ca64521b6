//! Biases of the output, from the labels or from their number.

use semilla::Fit;
use semilla::plan::{Change, Fitted};

use super::error::FitError;
use crate::train::Labels;

/// The logarithms of the classes' frequencies, each class counted once more so that none is 0.
pub(super) fn class_frequencies(
    tensor: &str,
    classes: usize,
    labels: Option<&Labels>,
) -> Result<Fitted, FitError> {
    let labels = labels.ok_or_else(|| FitError::NoLabels {
        tensor: tensor.to_owned(),
        fit: Fit::ClassFrequencies,
    })?;
    let counts = labels
        .frequencies(classes)
        .ok_or_else(|| FitError::Classes {
            tensor: tensor.to_owned(),
            classes,
        })?;
    let all: usize = counts.iter().sum();
    let log = |count: &usize| ((count + 1) as f64 / (all + classes) as f64).ln();
    Ok(Fitted {
        name: tensor.to_owned(),
        change: Change::Values(counts.iter().map(log).collect()),
        reason: format!("the logarithms of the classes' frequencies in {all} labels"),
    })
}

/// The logit of probability 1/C for each of C classes.
pub(super) fn prior(tensor: &str, classes: usize) -> Fitted {
    let logit = -(classes.max(2) as f64 - 1.0).ln();
    Fitted {
        name: tensor.to_owned(),
        change: Change::Values(vec![logit; classes]),
        reason: format!("each of {classes} classes starts at probability 1/{classes}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_become_probabilities() {
        let labels = Labels::Classes(vec![0, 0, 0, 1, -1]);
        let found = class_frequencies("b", 3, Some(&labels)).unwrap();
        let Change::Values(logits) = found.change else {
            panic!()
        };
        let probabilities: Vec<f64> = logits.iter().map(|logit| logit.exp()).collect();
        for (found, expected) in probabilities.iter().zip([4.0 / 7.0, 2.0 / 7.0, 1.0 / 7.0]) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert!(class_frequencies("b", 1, Some(&labels)).is_err());
        assert!(class_frequencies("b", 3, None).is_err());
        let Change::Values(logits) = prior("b", 5).change else {
            panic!()
        };
        assert!((1.0 / (1.0 + (-logits[0]).exp()) - 0.2).abs() < 1e-12);
    }
}
