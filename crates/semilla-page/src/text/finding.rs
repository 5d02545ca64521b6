//! The verdict and what was found, in sentences. The English ones are those of the command.

use semilla::number::rough;
use semilla_signal::{Finding, Verdict};

use super::number::layers;
use super::{Lang, Text, percent, spanish};

/// The verdict in one sentence.
pub fn verdict(verdict: &Verdict) -> Text {
    let fatal = verdict.findings.iter().find(|finding| finding.is_fatal());
    let es = match fatal {
        Some(finding) => in_spanish(finding, verdict.depth),
        None => healthy(verdict),
    };
    Text::of(together(&capital(&verdict.sentence)), capital(&es))
}

/// A finding in one sentence; `depth` is that of the verdict.
pub fn finding(finding: &Finding, depth: usize) -> Text {
    Text::of(
        together(&capital(&finding.sentence(depth))),
        capital(&in_spanish(finding, depth)),
    )
}

/// Everything that was found but what the verdict itself says. Of many layers with dead units, the
/// worst is named.
pub fn remarks(verdict: &Verdict) -> Vec<Text> {
    const FEW: usize = 2;
    let said = verdict.findings.iter().position(Finding::is_fatal);
    let others = verdict
        .findings
        .iter()
        .enumerate()
        .filter(|(place, _)| Some(*place) != said);
    let (dead, others): (Vec<&Finding>, Vec<&Finding>) = others
        .map(|(_, finding)| finding)
        .partition(|finding| dead_part(finding).is_some());
    let mut remarks: Vec<Text> = Vec::new();
    if dead.len() > FEW {
        let worst = dead.iter().filter_map(|finding| dead_part(finding));
        remarks.extend(worst.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(weight, part)| {
            let (count, part) = (dead.len(), percent(part));
            Text::of(
                format!("Most units are dead in {count} layers; in {weight} {part} are"),
                format!("En {count} capas la mayoría de las unidades está muerta; en {weight}, el {part}"),
            )
        }));
    } else {
        remarks.extend(dead.iter().map(|other| finding(other, verdict.depth)));
    }
    remarks.extend(
        others
            .into_iter()
            .map(|other| finding(other, verdict.depth)),
    );
    remarks
}

fn dead_part(finding: &Finding) -> Option<(&str, f64)> {
    match finding {
        Finding::Dead { weight, part, .. } => Some((weight, *part)),
        _ => None,
    }
}

fn in_spanish(finding: &Finding, depth: usize) -> String {
    let layers = layers(depth as u64).in_lang(Lang::Es).to_owned();
    match finding {
        Finding::NotFinite { weight } => {
            format!("{weight} da valores que no son números finitos: la red no aprenderá")
        }
        Finding::Gradients {
            factor,
            depth: limit,
        } => format!(
            "los gradientes al cuadrado se {} en {layers}: más allá de {} capas la red apenas \
             aprenderá",
            change(*factor),
            limit.floor().max(1.0)
        ),
        Finding::Alike { factor } => format!(
            "las muestras se vuelven indistinguibles: tras {layers} queda {} de sus \
             diferencias, y la red apenas aprenderá",
            number(*factor)
        ),
        Finding::Dead { weight, part, .. } => {
            format!(
                "el {} de las unidades de {weight} están muertas",
                percent(*part)
            )
        }
        Finding::NoGradient { weights } => match &**weights {
            [one] => format!("al principio no llega gradiente a {one}"),
            many => {
                let first = many.first().map_or("", String::as_str);
                format!(
                    "al principio no llega gradiente a {} pesos, como {first}",
                    many.len()
                )
            }
        },
        Finding::Stuck { weights: 1 } => "no llega gradiente a su peso: no aprenderá".to_owned(),
        Finding::Stuck { weights } => {
            format!("no llega gradiente a ninguno de sus {weights} pesos: no aprenderá")
        }
    }
}

fn healthy(verdict: &Verdict) -> String {
    let layers = layers(verdict.depth as u64).in_lang(Lang::Es).to_owned();
    match verdict.log_gradients {
        None => "nada indica que no vaya a aprender".to_owned(),
        Some(log) if log.abs() < 2f64.ln() => {
            format!("las señales conservan su escala en ambos sentidos a lo largo de {layers}")
        }
        Some(log) => format!(
            "los gradientes al cuadrado se {} en {layers}{}: la red puede aprender",
            change(log.exp()),
            match verdict.is_borne_by_normalizations() {
                true => ", lo que las normalizaciones soportan",
                false => "",
            }
        ),
    }
}

fn change(factor: f64) -> String {
    match factor < 1.0 {
        true => format!("reducen {} veces", number(1.0 / factor)),
        false => format!("multiplican por {}", number(factor)),
    }
}

fn number(value: f64) -> String {
    spanish(&rough(value))
}

/// `30-fold` is not broken.
fn together(sentence: &str) -> String {
    sentence.replace("-fold", "\u{2011}fold")
}

fn capital(sentence: &str) -> String {
    let is_word = |word: &str| word.chars().all(char::is_alphabetic);
    let mut letters = sentence.chars();
    match (sentence.split(' ').next(), letters.next()) {
        // Names of weights stay as they are.
        (Some(word), Some(first)) if is_word(word) => first.to_uppercase().chain(letters).collect(),
        _ => sentence.to_owned(),
    }
}
