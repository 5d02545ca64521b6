//! Numbers for people.

use semilla::number::{counted, grouped};

use super::Text;

/// A number of things, which have two forms in each language: `1 sample`, `2,000 muestras`.
pub(crate) fn number_of(count: u64, en: [&str; 2], es: [&str; 2]) -> Text {
    let form = es[usize::from(count != 1)];
    Text::of(
        counted(count, en[0], en[1]),
        format!("{} {form}", spanish(&grouped(count))),
    )
}

/// A number of samples.
pub(crate) fn samples(count: u64) -> Text {
    number_of(count, ["sample", "samples"], ["muestra", "muestras"])
}

/// A number of layers.
pub(crate) fn layers(count: u64) -> Text {
    number_of(count, ["layer", "layers"], ["capa", "capas"])
}

/// A number of steps.
pub(crate) fn steps(count: u64) -> Text {
    number_of(count, ["step", "steps"], ["paso", "pasos"])
}

/// Three significant digits, as English writes them: what columns of numbers hold. The page's script
/// turns them into Spanish.
///
/// ```
/// use semilla_page::text::figure;
///
/// let texts = [0.0, 1.0, 0.012345, 12345.0, 2.5e-7, -0.5, f64::NAN].map(figure);
/// assert_eq!(texts, ["0", "1.00", "0.0123", "12,300", "2.50e−7", "−0.500", "NaN"]);
/// ```
pub fn figure(value: f64) -> String {
    let sign = if value < 0.0 { "−" } else { "" };
    format!("{sign}{}", positive(value.abs()))
}

/// The same without zeros at the end: numbers that people chose, such as learning rates.
///
/// ```
/// use semilla_page::text::chosen;
///
/// assert_eq!([0.05, 10.0, 0.0125, 300.0, 2e-7].map(chosen), ["0.05", "10", "0.0125", "300", "2e−7"]);
/// ```
pub fn chosen(value: f64) -> String {
    let said = figure(value);
    let (digits, exponent) = said.split_once('e').unwrap_or((&said, ""));
    let digits = match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    };
    match exponent {
        "" => digits.to_owned(),
        exponent => format!("{digits}e{exponent}"),
    }
}

fn positive(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return if value.is_nan() { "NaN" } else { "∞" }.to_owned();
    }
    let text = format!("{value:.2e}");
    let exponent = text
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse::<i32>().ok());
    match exponent.unwrap_or(0) {
        exponent @ -3..3 => format!("{:.*}", (2 - exponent) as usize, rounded(&text)),
        3..6 => semilla::number::grouped(rounded(&text) as u64),
        _ => text.replace('-', "−"),
    }
}

fn rounded(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

/// A part of a whole, such as `12 %`.
pub fn percent(part: f64) -> String {
    let hundredths = part * 100.0;
    match hundredths {
        _ if !hundredths.is_finite() => figure(hundredths),
        _ if hundredths > 0.0 && hundredths < 1.0 => "< 1 %".to_owned(),
        _ => format!("{hundredths:.0} %"),
    }
}

/// A number as Spanish writes it: a decimal comma, and thin spaces between groups of three.
///
/// ```
/// use semilla_page::text::spanish;
/// assert_eq!(spanish("12,300.5"), "12\u{202f}300,5");
/// ```
pub fn spanish(number: &str) -> String {
    let changed = number.chars().map(|letter| match letter {
        '.' => ',',
        ',' => '\u{202f}',
        other => other,
    });
    changed.collect()
}

/// A factor for sentences: two digits, and powers of ten where it is very large.
///
/// ```
/// use semilla_page::text::fold;
///
/// assert_eq!(fold(3612.0), "3,600");
/// assert_eq!(fold(9.04e22), "9 × 10²²");
/// ```
pub fn fold(factor: f64) -> String {
    let said = semilla::number::rough(factor);
    match said.split_once('e') {
        Some((digits, exponent)) => match exponent.parse() {
            Ok(exponent) => format!("{digits} × {}", power(exponent)),
            Err(_) => said,
        },
        None => said,
    }
}

/// 10 to a power.
pub(crate) fn power(exponent: i32) -> String {
    let raised = exponent.to_string().chars().map(raised).collect::<String>();
    format!("10{raised}")
}

fn raised(digit: char) -> char {
    match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32(u32::from(digit) - u32::from('0') + u32::from('⁰')).unwrap_or('?'),
    }
}
