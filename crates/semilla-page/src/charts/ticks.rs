//! Where an axis has ticks, and what they say.

/// A tick of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where it stands.
    pub value: f64,
    /// What it says, as English writes it.
    pub label: String,
}

/// Ticks at multiples of 1, 2 or 5 times a power of ten; at most about `most`.
pub(super) fn linear(low: f64, high: f64, most: usize) -> Vec<Tick> {
    let step = nice((high - low) / most.max(1) as f64);
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    let tick = |place: i64| {
        let value = place as f64 * step;
        let label = format!("{value:.decimals$}").replace('-', "−");
        Tick { value, label }
    };
    (first..=last).map(tick).collect()
}

/// The least of 1, 2, 5, 10... that is not below.
fn nice(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let found = factors.map(|factor| factor * power).into_iter();
    let mut found = found.filter(|&nice| nice >= step * (1.0 - 1e-9));
    found.next().unwrap_or(10.0 * power)
}

/// Ticks at powers of ten; where these are few, also at 2 and 5 times them.
pub(super) fn logarithmic(low: f64, high: f64, most: usize) -> Vec<Tick> {
    let (low, high) = (low.log10(), high.log10());
    let step = nice((high - low) / most.max(1) as f64).max(1.0);
    let powers = |step: f64| {
        let (first, last) = ((low / step).ceil() as i32, (high / step).floor() as i32);
        (first..=last).map(move |place| place * step as i32)
    };
    let exponents: Vec<i32> = powers(step).collect();
    if exponents.len() < 3 && step == 1.0 {
        return between(low, high, most);
    }
    let is_plain = exponents.iter().all(|exponent| exponent.abs() <= 3);
    let tick = |&exponent: &i32| Tick {
        value: 10f64.powi(exponent),
        label: if is_plain {
            plain(10f64.powi(exponent))
        } else {
            power(exponent)
        },
    };
    exponents.iter().map(tick).collect()
}

/// Ticks at 1, 2 and 5 times powers of ten.
fn between(low: f64, high: f64, most: usize) -> Vec<Tick> {
    let powers = (low.floor() as i32)..=(high.ceil() as i32);
    let values = powers.flat_map(|exponent| [1.0, 2.0, 5.0].map(|f| f * 10f64.powi(exponent)));
    let inside = values.filter(|value| (low..=high).contains(&value.log10()));
    let ticks: Vec<Tick> = inside
        .map(|value| Tick {
            value,
            label: plain(value),
        })
        .collect();
    let spare = ticks.len().div_ceil(most.max(1));
    ticks.into_iter().step_by(spare).collect()
}

fn plain(value: f64) -> String {
    semilla::number::rough(value)
}

/// A power of ten.
fn power(exponent: i32) -> String {
    match exponent {
        0 => "1".to_owned(),
        other => crate::text::power(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Vec<Tick>) -> Vec<String> {
        ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(
            labels(linear(1.0, 30.0, 6)),
            ["5", "10", "15", "20", "25", "30"]
        );
        assert_eq!(
            labels(linear(-1.0, 1.0, 4)),
            ["−1.0", "−0.5", "0.0", "0.5", "1.0"]
        );
    }

    #[test]
    fn ticks_of_powers_fit_however_wide_the_axis_is() {
        assert_eq!(
            labels(logarithmic(0.01, 10.0, 6)),
            ["0.01", "0.1", "1", "10"]
        );
        assert_eq!(labels(logarithmic(0.8, 6.0, 6)), ["1", "2", "5"]);
        let wide = labels(logarithmic(1e-120, 1e4, 6));
        assert_eq!(wide, ["10⁻¹⁰⁰", "10⁻⁵⁰", "1"]);
        assert_eq!(labels(logarithmic(1e-8, 1.0, 6))[0], "10⁻⁸");
    }
}
