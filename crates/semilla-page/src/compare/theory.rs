//! What theory expected, beside what came of it.

use maud::{Markup, html};
use semilla_lab::Arm;

use super::results::axis;
use super::view::View;
use crate::charts::{Frame, Mark, Plot, Scale, Series, Shape};
use crate::shell::{Figure, opening};
use crate::text::{compare as text, figure};

/// The section; nothing where theory says nothing.
pub(super) fn theory(view: View<'_>) -> Markup {
    let ranked = view.ranked().into_iter().filter_map(|(place, arm)| {
        let log = arm.predicted?.log_gradients;
        log.is_finite().then_some((place, arm, log / 10f64.ln()))
    });
    let ranked: Vec<(usize, &Arm, f64)> = ranked.collect();
    if ranked.is_empty() {
        return html! {};
    }
    let median = |arm: &Arm| arm.quartiles.get(1).copied().flatten();
    let medians = ranked.iter().filter_map(|(_, arm, _)| median(arm));
    let most = ranked
        .iter()
        .map(|(_, _, log)| log.abs())
        .fold(1.0, f64::max);
    let series = ranked.iter().rev().filter_map(|(place, arm, log)| {
        let look = view.look(*place);
        let y = median(arm)?;
        let end = |place: usize| arm.quartiles.get(place).copied().flatten().unwrap_or(y);
        Some(Series {
            class: look.class,
            shape: Shape::Marks(look.marker),
            marks: vec![Mark {
                x: log.abs(),
                y,
                low: end(0),
                high: end(2),
            }],
        })
    });
    let plot = Plot {
        frame: Frame::WIDE,
        x: Scale::linear(-0.04 * most, most * 1.04),
        y: axis(medians),
        label: text::THEORY_AXIS,
        named_by: "chart-theory",
        series: series.collect(),
    };
    let legend = ranked.iter().map(|(place, ..)| {
        let look = view.look(*place);
        (look.class, Shape::Marks(look.marker), view.name(*place))
    });
    let figured = Figure {
        id: "chart-theory",
        name: text::measure(view.comparison.protocol.measure),
        what: text::THEORY_AXIS,
        legend: legend.collect(),
        shows: None,
    };
    html! {
        section {
            h2 { (text::THEORY) }
            p.lead { (text::THEORY_WHAT) }
            div.charts {
                (figured.around(
                    &plot,
                    ranked.iter().map(|(_, _, log)| log.abs()),
                    opening("chart-theory", "theory", &numbers(view, &ranked)),
                ))
            }
        }
    }
}

fn numbers(view: View<'_>, ranked: &[(usize, &Arm, f64)]) -> Markup {
    html! {
        table.layers id="theory" {
            thead {
                tr {
                    th scope="col" { (text::START) }
                    th scope="col" id="theory-factor" { (text::PREDICTED_CHANGE) }
                    th scope="col" id="theory-median" { (text::MEDIAN) }
                }
            }
            tbody {
                @for (place, arm, log) in ranked {
                    @let median = arm.quartiles.get(1).copied().flatten();
                    tr {
                        th scope="row" { (view.name(*place)) }
                        td.n data-head="theory-factor" data-v=(10f64.powf(*log)) {
                            (figure(10f64.powf(*log)))
                        }
                        td.n data-head="theory-median" data-v=[median] {
                            (median.map_or(String::new(), |median| view.score(median)))
                        }
                    }
                }
            }
        }
    }
}
