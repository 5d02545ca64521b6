//! Starts compared: the verdict first.

use semilla_lab::statistics::{Difference, Pair};
use semilla_lab::{Arm, Caveat, Comparison, Measure, Purpose, Why};

use crate::failure::Failure;
use crate::show::figures::{counted, grouped_digits, rough, short};
use crate::show::output::Output;
use crate::show::sparkline::{scaled, sparkline};
use crate::show::table::Table;

/// Prints the verdict, what limits it, a row for each start from the best to the worst, what was
/// left out, and how the numbers were made.
pub(crate) fn print(found: &Comparison, output: &mut Output) -> Result<(), Failure> {
    output.line(format_args!("{}", found.verdict.sentence))?;
    for caveat in &found.verdict.caveats {
        output.line(format_args!("note: {}", said(found, caveat)))?;
    }
    let mut table = Table::new(header(found.protocol.measure));
    for arm in found.ranked() {
        table.row(cells(found, arm));
    }
    table.spare(&["basin", "steps", "P(as good)", "loss", "group"]);
    output.table(&table)?;
    output.line(format_args!("{}", legend(found)))?;
    for pruned in &found.pruned {
        let name = &found.arms[pruned.arm].name;
        let rate = pruned.rate.and_then(|rate| found.rates.get(rate));
        let rate = rate.map_or(String::new(), |rate| format!(" at rate {}", short(*rate)));
        output.line(format_args!("left out: {name}{rate}: {}", why(pruned.why)))?;
    }
    if let Some(check) = &found.self_check {
        let spread = check
            .spread
            .map_or("no bound".to_owned(), |spread| amount(found, spread));
        output.line(format_args!(
            "self-check: {} against itself, {} each, {} times: {:.1} % false differences; two \
             such averages differ by up to {spread}, and by more than {} in {:.0} % of cases.",
            found.arms[found.protocol.reference].name,
            counted(check.seeds as u64, "seed", "seeds"),
            grouped_digits(check.draws as u64),
            100.0 * check.false_differences,
            amount(found, found.protocol.difference),
            100.0 * check.beyond,
        ))?;
    }
    output.line(format_args!(
        "{}, {}; {} to train on, {} to choose rates by, {} to compare by.",
        counted(found.cost.trials, "training", "trainings"),
        counted(found.cost.steps, "step", "steps"),
        counted(found.data.training as u64, "sample", "samples"),
        found.data.validation,
        found.data.test,
    ))
}

fn header(measure: Measure) -> [&'static str; 10] {
    let score = match measure {
        Measure::Accuracy => "test accuracy",
        Measure::Loss => "test loss",
    };
    [
        "start",
        "group",
        score,
        "against the best",
        "p",
        "P(as good)",
        "rate",
        "over rates",
        "basin",
        "loss",
    ]
}

fn legend(found: &Comparison) -> String {
    let seeds = found.protocol.finals.len() as u64;
    let seeds = counted(seeds, "fresh seed", "fresh seeds");
    let pairs = match found.pairs.len() {
        0 => String::new(),
        1 => "; p: sign flips, which decides".to_owned(),
        many => format!("; p: sign flips, adjusted for all {many} pairs (Holm), which decides"),
    };
    let rates = found.rates.iter().copied();
    let (low, high) = (
        rates.clone().fold(f64::INFINITY, f64::min),
        rates.fold(0.0, f64::max),
    );
    format!(
        "medians and quartiles over {seeds} at each start's best rate; differences with the 95 % \
         interval of each alone{pairs}; starts that share a letter: no \
         evidence of a difference; P(as good): how often a training does better than one of the \
         best; over rates {} to {}: × diverged; basin: octaves of rates that do about as well.",
        short(low),
        short(high),
    )
}

fn cells(found: &Comparison, place: usize) -> [String; 10] {
    let arm = &found.arms[place];
    let pair = against_best(found, place);
    [
        arm.name.clone(),
        found.letters(place),
        quartiles(found, arm),
        pair.map(|(pair, sign)| difference(found, &pair.difference, sign))
            .unwrap_or_default(),
        pair.map(|(pair, _)| probability(pair.p_adjusted))
            .unwrap_or_default(),
        pair.map(|(pair, sign)| {
            let part = if sign > 0.0 {
                pair.superiority
            } else {
                1.0 - pair.superiority
            };
            format!("{:.0} %", 100.0 * part)
        })
        .unwrap_or_default(),
        arm.best
            .map(|rate| short(found.rates[rate]))
            .unwrap_or_default(),
        over_rates(found, arm),
        arm.basin
            .map(|basin| format!("{:.1}", basin.octaves))
            .unwrap_or_default(),
        loss(found, place),
    ]
}

/// The pair of an arm and the best one, with the sign that makes the difference arm − best.
fn against_best(found: &Comparison, arm: usize) -> Option<(&Pair, f64)> {
    let best = *found.order.first()?;
    found.pairs.iter().find_map(|pair| match (pair.a, pair.b) {
        (a, b) if (a, b) == (arm, best) => Some((pair, 1.0)),
        (a, b) if (a, b) == (best, arm) => Some((pair, -1.0)),
        _ => None,
    })
}

fn quartiles(found: &Comparison, arm: &Arm) -> String {
    let [worst, median, best] = arm.quartiles[..] else {
        return String::new();
    };
    let one = |value: Option<f64>| match (value, found.protocol.measure) {
        (None, _) => "diverged".to_owned(),
        (Some(value), Measure::Accuracy) => format!("{:.1}", 100.0 * value),
        (Some(value), Measure::Loss) => short(value),
    };
    let unit = if found.protocol.measure == Measure::Accuracy {
        " %"
    } else {
        ""
    };
    match median {
        None => "diverged".to_owned(),
        Some(_) => format!("{}{unit} ({}..{})", one(median), one(worst), one(best)),
    }
}

fn difference(found: &Comparison, difference: &Difference, sign: f64) -> String {
    let signed = |value: Option<f64>| value.map(|value| sign * value);
    let (low, high) = match sign > 0.0 {
        true => (signed(difference.low), signed(difference.high)),
        false => (signed(difference.high), signed(difference.low)),
    };
    let one = |value: Option<f64>, none: &str| match (value, found.protocol.measure) {
        (None, _) => none.to_owned(),
        (Some(value), Measure::Accuracy) => signed_text(format!("{:.1}", 100.0 * value)),
        (Some(value), Measure::Loss) => signed_text(rough(value)),
    };
    let value = one(signed(difference.value), "diverges");
    format!("{value} ({}..{})", one(low, "-∞"), one(high, "∞"))
}

/// A number's text with its sign; that of 0 has none, whatever it was rounded from.
fn signed_text(text: String) -> String {
    let is_zero = text.parse() == Ok(0.0);
    match text.strip_prefix('-') {
        Some(digits) if is_zero => digits.to_owned(),
        None if !is_zero => format!("+{text}"),
        _ => text,
    }
}

fn probability(p: f64) -> String {
    match p < 0.001 {
        true => "<0.001".to_owned(),
        false => format!("{p:.3}"),
    }
}

/// The medians of the validation scores over the rates; better is higher.
fn over_rates(found: &Comparison, arm: &Arm) -> String {
    let value = |value: f64| match found.protocol.measure {
        Measure::Accuracy => value,
        Measure::Loss => -value,
    };
    let all = found.arms.iter().flat_map(|arm| &arm.search);
    let all = all.filter_map(|searched| searched.median).map(value);
    let (least, most) = (
        all.clone().fold(f64::INFINITY, f64::min),
        all.fold(f64::NEG_INFINITY, f64::max),
    );
    let bars = arm
        .search
        .iter()
        .map(|searched| match searched.scores.is_empty() {
            true => ' '.to_string(),
            false => scaled([searched.median.map(value)], least, most),
        });
    bars.collect()
}

/// The training loss of the first final seed.
fn loss(found: &Comparison, arm: usize) -> String {
    let is_first =
        |run: &&semilla_lab::Run| (run.arm, run.purpose, run.seed) == (arm, Purpose::Final, 0);
    let run = found.runs.iter().find(is_first);
    let points = run.map(|run| &run.outcome.curve[..]).unwrap_or_default();
    let step = points.len().div_ceil(16).max(1);
    sparkline(points.iter().step_by(step).map(|point| Some(point.loss)))
}

fn amount(found: &Comparison, value: f64) -> String {
    match found.protocol.measure {
        Measure::Accuracy => format!("{:.1} points", 100.0 * value),
        Measure::Loss => rough(value),
    }
}

fn said(found: &Comparison, caveat: &Caveat) -> String {
    match caveat {
        Caveat::Incomplete => "not everything was trained; the numbers are those so far".to_owned(),
        Caveat::FewSeeds { needed } => format!(
            "with {} not even the clearest difference can be shown among so many starts; \
             --seeds {needed} can",
            counted(found.protocol.finals.len() as u64, "seed", "seeds")
        ),
        Caveat::Edge { arm } => format!(
            "{} is best at the end of the rates; give others with --rates",
            found.arms[*arm].name
        ),
        Caveat::SelfCheck => {
            "the self-check finds too many differences where there are none".to_owned()
        }
    }
}

fn why(why: Why) -> String {
    match why {
        Why::Hopeless { log_gradients } => format!(
            "theory expects gradients to change by a factor of {} over the depth",
            rough((log_gradients / 2.0).exp())
        ),
        Why::Behind { steps, p } => format!("clearly worse after {steps} steps (p = {})", rough(p)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_has_no_sign() {
        let texts = ["-0.0", "0.0", "1.5", "-1.5", "0"].map(|text| signed_text(text.to_owned()));
        assert_eq!(texts, ["0.0", "0.0", "+1.5", "-1.5", "0"]);
    }
}
