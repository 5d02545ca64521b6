//! Every pair of initializations: the difference, its interval, and what can be said of it.

use maud::{Markup, html};
use semilla_lab::statistics::{Difference, Pair};

use super::results::axis;
use super::view::View;
use crate::charts::{Marker, Scale, interval, interval_axis};
use crate::shell::saving;
use crate::text::{compare as text, figure, percent};

/// The section.
pub(super) fn pairs(view: View<'_>) -> Markup {
    let comparison = view.comparison;
    if comparison.pairs.is_empty() {
        return html! {};
    }
    let ends = comparison.pairs.iter().flat_map(|pair| {
        let found = &pair.difference;
        [found.low, found.value, found.high].into_iter().flatten()
    });
    let scale = axis(ends.chain([0.0]));
    html! {
        section {
            h2 { (text::PAIRS) }
            p.lead { (text::pairs_what(comparison.pairs.len())) }
            div.scroll tabindex="0" role="region" aria-labelledby="pairs-name" {
                table.layers id="pairs" {
                    caption.unseen id="pairs-name" { (text::PAIRS) }
                    thead {
                        tr {
                            th scope="col" { (text::PAIR) }
                            th scope="col" {
                                (text::measure(comparison.protocol.measure))
                                (interval_axis(&scale))
                            }
                            th scope="col" { (text::DIFFERENCE) }
                            th.spare scope="col" { (text::INTERVAL) }
                            th scope="col" { (text::P) }
                            th.spare scope="col" { (text::SUPERIORITY) }
                            th.spare scope="col" { (text::NEEDED) }
                            th.left scope="col" { (text::CONCLUSION) }
                        }
                    }
                    tbody { @for pair in &comparison.pairs { (row(view, &scale, pair)) } }
                }
            }
            (saving("pairs"))
        }
    }
}

fn row(view: View<'_>, scale: &Scale, pair: &Pair) -> Markup {
    let found = &pair.difference;
    let shown = |value: Option<f64>| value.map_or("—".to_owned(), |value| view.difference(value));
    let class = if pair.is_different {
        "measured"
    } else {
        "untold"
    };
    html! {
        tr {
            th scope="row" { (view.name(pair.a)) " − " (view.name(pair.b)) }
            td class=(class) {
                @if let Some(value) = found.value {
                    (interval(
                        scale,
                        [found.low.unwrap_or(f64::MIN), value, found.high.unwrap_or(f64::MAX)],
                        if pair.is_different { Marker::Disc } else { Marker::Diamond },
                    ))
                }
            }
            td.n data-v=[found.value] { (shown(found.value)) }
            td.n.spare { (shown(found.low)) " … " (shown(found.high)) }
            td.n data-v=(pair.p_adjusted) { (figure(pair.p_adjusted)) }
            td.n.spare data-v=(pair.superiority) { (percent(pair.superiority)) }
            td.n.spare data-v=[pair.seeds_needed] {
                (pair.seeds_needed.map_or("—".to_owned(), |seeds| figure(seeds as f64)))
            }
            td.left {
                @match (pair.is_different, excludes_zero(found)) {
                    (true, _) => { b { (text::DIFFERENT) } },
                    (false, true) => { (text::not_among(view.comparison.pairs.len())) },
                    (false, false) => { (text::UNTOLD) },
                }
            }
        }
    }
}

/// Whether an interval has 0 outside.
fn excludes_zero(found: &Difference) -> bool {
    found.low > Some(0.0) || found.high.is_some_and(|high| high < 0.0)
}
