//! The network, drawn, beside the table of its layers.

use maud::{Markup, html};
use semilla::Line;
use semilla_signal::{Health, Layer};

use super::Check;
use super::rows::Row;
use crate::charts::{histogram, sparkline};
use crate::network::{Sketch, drawing};
use crate::signs::{class, sign, state};
use crate::text::{self, Text, figure, percent};

/// The section with the drawing and the table.
pub(super) fn layers(check: &Check<'_>, rows: &[Row<'_>]) -> Markup {
    let health: Vec<Health> = rows.iter().map(|row| row.health).collect();
    let sketch = Sketch::of(check.graph, rows.iter().map(Row::name));
    html! {
        section {
            h2 { (text::NETWORK) }
            p.lead { (text::NETWORK_WHAT) " " (text::FIRST_SEED) }
            ul.keys {
                @for health in [Health::Good, Health::Watch, Health::Bad] {
                    li class={ "state " (class(health)) } {
                        span.sign aria-hidden="true" { (sign(health)) }
                        (text::health(health)) ": " (text::health_meaning(health))
                    }
                }
            }
            div.split {
                div.network tabindex="0" role="region" aria-labelledby="drawing-name" {
                    span.unseen id="drawing-name" { (text::DRAWING) }
                    (drawing(&sketch, &health))
                }
                div.scroll tabindex="0" role="region" aria-labelledby="table-name" {
                    (table(check, rows))
                }
            }
        }
    }
}

fn table(check: &Check<'_>, rows: &[Row<'_>]) -> Markup {
    html! {
        table.layers {
            caption.unseen id="table-name" { (text::TABLE) }
            thead {
                tr {
                    th scope="col" { (text::LAYER) }
                    th.left scope="col" { (text::STATE) }
                    th scope="col" id="head-square" { "E[x²]" }
                    th.spare scope="col" id="head-between" { (text::BETWEEN) }
                    th.spare scope="col" id="head-cosine" { (text::COSINE) }
                    th scope="col" id="head-gradient" { "|g|²" }
                    th.spare scope="col" id="head-dead" { (text::DEAD) }
                    th.spare scope="col" { (text::DISTRIBUTION) }
                }
            }
            tbody {
                @for row in rows { (line(row)) (detail(check, row)) }
            }
        }
    }
}

fn line(row: &Row<'_>) -> Markup {
    let number = row.number;
    html! {
        tr.layer id={ "layer-" (number) } {
            th scope="row" {
                button type="button" aria-expanded="false" aria-controls={ "detail-" (number) } {
                    span.name id={ "name-" (number) } { (text::breakable(row.name())) }
                }
            }
            td.left id={ "state-" (number) } { (state(row.health)) }
            td.n data-in="forward" data-head="head-square"
                data-predicted=[row.predicted.map(|known| figure(known.second_moment))] {
                (mean(row, |layer| Some(layer.forward.second_moment)))
            }
            td.n.spare data-in="forward" data-head="head-between"
                data-predicted=[row.predicted.and_then(|known| known.between_samples).map(figure)] {
                (mean(row, |layer| Some(layer.forward.between_samples)))
            }
            td.n.spare data-in="forward" data-head="head-cosine"
                data-predicted=[row.predicted.and_then(|known| known.cosine).map(figure)] {
                (mean(row, |layer| layer.forward.cosine))
            }
            td.n data-in="backward" data-head="head-gradient"
                data-predicted=[row.predicted_gradient().map(figure)] {
                (mean(row, |layer| Some(layer.backward?.squared_norm)))
            }
            td.n.spare data-in="backward" data-head="head-dead" { (dead(row)) }
            td.spare {
                @if let Some(found) = &row.first().histogram { (sparkline(found, "measured")) }
            }
        }
    }
}

/// The mean over seeds; nothing where no seed has it.
fn mean(row: &Row<'_>, of: impl Fn(&Layer) -> Option<f64>) -> String {
    row.spread(of)
        .map_or(String::new(), |spread| figure(spread.mean))
}

fn dead(row: &Row<'_>) -> String {
    let spread = row.spread(|layer| Some(layer.backward?.dead));
    spread.map_or(String::new(), |spread| percent(spread.mean))
}

/// What opens below a layer's line.
fn detail(check: &Check<'_>, row: &Row<'_>) -> Markup {
    let number = row.number;
    let first = row.first();
    html! {
        tr.detail id={ "detail-" (number) } {
            td colspan="8" {
                div.inside {
                    @if let Some(found) = &first.histogram {
                        div {
                            p.cap id={ "x-" (number) } { (text::PRE_ACTIVATIONS) }
                            (histogram(found, "measured", &format!("x-{number}")))
                        }
                    }
                    @if let Some(found) = &first.gradient_histogram {
                        div {
                            p.cap id={ "g-" (number) } { (text::GRADIENTS) }
                            (histogram(found, "other", &format!("g-{number}")))
                        }
                    }
                    div { (numbers(row)) }
                    @if row.step.is_some() || row.spectrum.is_some() { div { (further(row)) } }
                    @if let Some(line) = row.line { div { (start(line)) } }
                    @if !row.findings.is_empty() {
                        div.wide {
                            p.cap { (text::FOUND) }
                            @for finding in &row.findings {
                                p { (text::finding(finding, check.report.verdict.depth)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A number of a layer: its name, how it is measured, what theory expects, and how far these are
/// apart.
struct Number {
    name: Text,
    measured: fn(&Layer) -> Option<f64>,
    predicted: Option<f64>,
    score: Option<f64>,
}

impl Number {
    fn measured(name: Text, measured: fn(&Layer) -> Option<f64>) -> Self {
        Self {
            name,
            measured,
            predicted: None,
            score: None,
        }
    }

    fn predicted(self, predicted: Option<f64>, score: Option<f64>) -> Self {
        Self {
            predicted,
            score,
            ..self
        }
    }
}

fn numbers(row: &Row<'_>) -> Markup {
    let (known, scores) = (row.predicted, row.scores.as_ref());
    let all = [
        Number::measured(text::MEAN, |layer| Some(layer.forward.mean)).predicted(
            known.map(|known| known.mean),
            scores.and_then(|scores| scores.mean),
        ),
        Number::measured(text::SQUARE, |layer| Some(layer.forward.second_moment)).predicted(
            known.map(|known| known.second_moment),
            scores.and_then(|scores| scores.second_moment),
        ),
        Number::measured(text::BETWEEN, |layer| Some(layer.forward.between_samples)).predicted(
            known.and_then(|known| known.between_samples),
            scores.and_then(|scores| scores.between_samples),
        ),
        Number::measured(text::COSINE, |layer| layer.forward.cosine).predicted(
            known.and_then(|known| known.cosine),
            scores.and_then(|scores| scores.cosine),
        ),
        Number::measured(text::GRADIENT, |layer| Some(layer.backward?.squared_norm)).predicted(
            row.predicted_gradient(),
            scores.and_then(|scores| scores.gradient),
        ),
        Number::measured(text::DEAD, |layer| Some(layer.backward?.dead))
            .predicted(known.and_then(|known| known.dead), None),
        Number::measured(text::BETWEEN_UNITS, |layer| {
            Some(layer.forward.between_units)
        }),
        Number::measured(text::AFTER_ACTIVATION, |layer| {
            Some(layer.activated?.second_moment)
        }),
        Number::measured(text::COSINE_AFTER, |layer| layer.activated?.cosine),
        Number::measured(text::WEIGHT_GRADIENT, |layer| layer.weight_gradient),
    ];
    html! {
        table {
            thead {
                tr {
                    th scope="col" { (text::NUMBERS) }
                    th scope="col" { (text::MEASURED) }
                    @if known.is_some() {
                        th scope="col" { (text::PREDICTED) }
                        th scope="col" { "z" }
                    }
                }
            }
            tbody {
                @for number in &all {
                    @if let Some(spread) = row.spread(number.measured) {
                        tr {
                            th scope="row" { (number.name) }
                            td.n { (figure(spread.mean)) }
                            @if known.is_some() {
                                td.n { (number.predicted.map_or(String::new(), figure)) }
                                td.n { (number.score.map_or(String::new(), score)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What the first step does to a layer, and its singular values.
fn further(row: &Row<'_>) -> Markup {
    let (step, spectrum) = (row.step, row.spectrum);
    let all = [
        (
            text::WEIGHT_CHANGE,
            step.and_then(|step| step.weight_change),
        ),
        (
            text::OUTPUT_CHANGE,
            step.and_then(|step| step.output_change),
        ),
        (
            text::EFFECTIVE_RANK,
            spectrum.map(|found| found.effective_rank),
        ),
        (text::SATURATED, spectrum.and_then(|found| found.saturated)),
        (text::STABLE_RANK, spectrum.map(|found| found.stable_rank)),
        (text::OVER_EDGE, spectrum.map(|found| found.edge)),
    ];
    html! {
        p.cap { (text::FURTHER) }
        table {
            tbody {
                @for (name, value) in &all {
                    @if let Some(value) = value {
                        tr { th scope="row" { (name) } td.n { (figure(*value)) } }
                    }
                }
            }
        }
    }
}

/// A score, in tenths of a standard deviation.
fn score(value: f64) -> String {
    format!("{value:.1}").replace('-', "−")
}

/// What the plan says of a weight.
fn start(line: &Line) -> Markup {
    html! {
        p.cap { (text::STARTS) }
        p { code { (line.values()) } }
        p { span.always lang="en" { (line.reason) } }
        table {
            tbody {
                @if let Some(std) = line.std {
                    tr {
                        th scope="row" { (text::STANDARD_DEVIATION) }
                        td.n { (figure(std)) }
                    }
                }
                @if let Some(gain) = line.gain {
                    tr { th scope="row" { (text::GAIN) } td.n { (figure(gain)) } }
                }
                @if let Some(fans) = line.fans {
                    tr {
                        th scope="row" { (text::FANS) }
                        td { (fans.fan_in) ", " (fans.fan_out) }
                    }
                }
            }
        }
    }
}
