//! Recommendations in words.

use semilla::number::rough;

use super::ranked::{Outcome, Ranked};
use crate::measure::Trouble;

/// Names in a sentence, at most.
const SHOWN: usize = 4;

/// The advice in one sentence.
pub(super) fn sentence(ranked: &[Ranked]) -> String {
    let Some(best) = ranked.first() else {
        return "nothing was tried".to_owned();
    };
    if let Outcome::Measured { verdict } = &best.outcome
        && !verdict.passes
    {
        return format!(
            "none of the {} starts lets it train; {} comes nearest: {}",
            ranked.len(),
            best.name,
            verdict.sentence
        );
    }
    let tied: Vec<&str> = ranked
        .iter()
        .filter(|row| row.is_tied)
        .map(|row| row.name.as_str())
        .collect();
    let other = ranked.iter().find(|row| !row.is_tied);
    let numbers = trouble(best).map_or(String::new(), |found| format!(": {}", shows(found)));
    match (&tied[..], other) {
        ([_], Some(other)) => {
            let against = trouble(other).map_or(String::new(), |found| {
                format!("; with {} {}", other.name, shows(found))
            });
            format!("{} suits it best{numbers}{against}", best.name)
        }
        ([_], None) => format!("{} suits it{numbers}", best.name),
        (many, _) => format!(
            "{}{numbers}; no difference from it is expected of {}",
            best.name,
            listed(&many[1..])
        ),
    }
}

/// What would help more than other weights: said where even the best start has trouble.
pub(super) fn advice(ranked: &[Ranked]) -> Option<String> {
    let best = ranked.first()?;
    let Outcome::Measured { verdict } = &best.outcome else {
        return None;
    };
    (!verdict.passes && verdict.depth > 1).then(|| {
        "residual sums (x + f(x)) or normalizations between the layers let signals through that no \
         first weights do"
            .to_owned()
    })
}

fn trouble(row: &Ranked) -> Option<Trouble> {
    match &row.outcome {
        Outcome::Measured { verdict } => verdict.trouble,
        _ => None,
    }
}

/// What a measurement shows, in numbers.
fn shows(trouble: Trouble) -> String {
    let gradients = match trouble.gradients.exp() {
        within if within < 2.0 => format!("squared gradients stay within × {}", rough(within)),
        factor => format!(
            "squared gradients differ {}-fold between the ends",
            rough(factor)
        ),
    };
    let alike = match (-trouble.alike).exp() {
        all if all > 0.5 => "samples stay apart".to_owned(),
        part => format!("{} of what tells samples apart arrives", rough(part)),
    };
    let directions = match trouble.directions.exp() {
        few if few < 1.5 => "in as many directions as at the start".to_owned(),
        fold => format!("in {} times fewer directions", rough(fold)),
    };
    format!("{gradients}, {alike}, {directions}")
}

fn listed(names: &[&str]) -> String {
    match names.len() {
        // One more is as short as its count.
        many if many <= SHOWN + 1 => names.join(", "),
        many => format!("{} and {} others", names[..SHOWN].join(", "), many - SHOWN),
    }
}
