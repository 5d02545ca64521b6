//! The results, an initialization a row.

use maud::{Markup, html};

use super::view::View;
use crate::charts::{Scale, Shape, interval, interval_axis, key};
use crate::shell::saving;
use crate::text::{chosen, compare as text, figure};

/// The section.
pub(super) fn results(view: View<'_>) -> Markup {
    let comparison = view.comparison;
    let ranked = view.ranked();
    let quartiles = ranked.iter().flat_map(|(_, arm)| &arm.quartiles).flatten();
    let scale = axis(quartiles.copied());
    let has_target = ranked.iter().any(|(_, arm)| arm.steps_to_target.is_some());
    html! {
        section {
            h2 { (text::RESULTS) }
            p.lead { (text::RESULTS_WHAT) }
            div.scroll tabindex="0" role="region" aria-labelledby="results-name" {
                table.layers id="results" {
                    caption.unseen id="results-name" { (text::RESULTS) }
                    thead {
                        tr {
                            th scope="col" { (text::START) }
                            th.left scope="col" { (text::GROUP) }
                            th scope="col" { (text::MEDIAN) }
                            th scope="col" {
                                (text::measure(comparison.protocol.measure)) ", " (text::QUARTILES)
                                (interval_axis(&scale))
                            }
                            th scope="col" { (text::BEST_RATE) }
                            th.spare scope="col" { (text::BASIN) }
                            th scope="col" { (text::DIVERGED) }
                            th.spare scope="col" { (text::TRAINING_LOSS) }
                            @if has_target { th.spare scope="col" { (text::TO_TARGET) } }
                        }
                    }
                    tbody {
                        @for (place, arm) in &ranked {
                            @let look = view.look(*place);
                            @let diverged = arm.finals.iter().filter(|score| score.is_none()).count();
                            tr {
                                th scope="row" {
                                    (key(look.class, Shape::Both(look.marker)))
                                    (view.name(*place))
                                    @if arm.trunk.is_some() { " " small { "(" (text::TRUNK) ")" } }
                                }
                                td.left { (comparison.letters(*place)) }
                                @match arm.quartiles[..] {
                                    [low, Some(median), high] => {
                                        td.n data-v=(median) { (view.score(median)) }
                                        td class=(look.class) data-v=(spread(low, high)) {
                                            (interval(
                                                &scale,
                                                [low.unwrap_or(median), median, high.unwrap_or(median)],
                                                look.marker,
                                            ))
                                        }
                                    },
                                    _ => { td {} td {} },
                                }
                                td.n data-v=[arm.best.and_then(|best| view.rate(best))] {
                                    (arm.best.and_then(|best| view.rate(best)).map_or(String::new(), chosen))
                                }
                                td.n.spare data-v=[arm.basin.map(|basin| basin.octaves)] {
                                    (arm.basin.map_or(String::new(), |basin| format!("{:.1}", basin.octaves)))
                                }
                                td.n { (diverged) " / " (arm.finals.len()) }
                                td.n.spare data-v=[arm.training_loss] {
                                    (arm.training_loss.map_or(String::new(), figure))
                                }
                                @if has_target {
                                    td.n.spare data-v=[arm.steps_to_target] {
                                        (arm.steps_to_target.map_or(
                                            String::new(),
                                            |steps| figure(steps as f64),
                                        ))
                                    }
                                }
                            }
                        }
                    }
                }
            }
            p.scope { (text::BASIN) ": " (text::BASIN_IS) }
            (saving("results"))
        }
    }
}

/// Two quartiles for machines.
fn spread(low: Option<f64>, high: Option<f64>) -> String {
    let end = |end: Option<f64>| end.map_or(String::new(), |end| end.to_string());
    format!("{}..{}", end(low), end(high))
}

/// An axis over all values, with some room.
pub(super) fn axis(values: impl Iterator<Item = f64>) -> Scale {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    match low <= high {
        true => {
            let room = 0.05 * (high - low);
            Scale::linear(low - room, high + room)
        }
        false => Scale::linear(0.0, 1.0),
    }
}
