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
            p.lead { (text::NETWORK_WHAT) }
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
            td.n data-in="forward" data-head="head-square" {
                (mean(row, |layer| Some(layer.forward.second_moment)))
            }
            td.n.spare data-in="forward" data-head="head-between" {
                (mean(row, |layer| Some(layer.forward.between_samples)))
            }
            td.n.spare data-in="forward" data-head="head-cosine" {
                (mean(row, |layer| layer.forward.cosine))
            }
            td.n data-in="backward" data-head="head-gradient" {
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

type Of = fn(&Layer) -> Option<f64>;

fn numbers(row: &Row<'_>) -> Markup {
    let lines: [(Text, Of); 5] = [
        (text::MEAN, |layer| Some(layer.forward.mean)),
        (text::BETWEEN_UNITS, |layer| {
            Some(layer.forward.between_units)
        }),
        (text::AFTER_ACTIVATION, |layer| {
            Some(layer.activated?.second_moment)
        }),
        (text::COSINE_AFTER, |layer| layer.activated?.cosine),
        (text::WEIGHT_GRADIENT, |layer| layer.weight_gradient),
    ];
    html! {
        p.cap { (text::NUMBERS) }
        table {
            tbody {
                @for (name, of) in lines {
                    @if let Some(spread) = row.spread(of) {
                        tr {
                            th scope="row" { (name) }
                            td.n { (figure(spread.mean)) }
                        }
                    }
                }
            }
        }
    }
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
