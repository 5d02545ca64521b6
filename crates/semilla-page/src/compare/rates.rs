//! The result against the learning rate, a small plot for each initialization.

use maud::{Markup, html};
use semilla_lab::{Arm, Measure, Searched};

use super::results::axis;
use super::view::{View, quantile};
use crate::charts::{Frame, Mark, Marker, Plot, Scale, Series, Shape};
use crate::shell::{Figure, opening};
use crate::text::{Text, chosen, compare as text};

/// The section.
pub(super) fn rates(view: View<'_>) -> Markup {
    let comparison = view.comparison;
    let tried = |searched: &Searched| !searched.scores.is_empty();
    let ranked: Vec<(usize, &Arm)> = view
        .ranked()
        .into_iter()
        .filter(|(_, arm)| arm.search.iter().any(tried))
        .collect();
    if ranked.is_empty() {
        return html! {};
    }
    let medians = ranked.iter().flat_map(|(_, arm)| &arm.search);
    let scale = axis(medians.filter_map(|searched| searched.median));
    html! {
        section {
            h2 { (text::RATES) }
            p.lead { (text::RATES_WHAT) " " (text::upwards(comparison.protocol.measure)) }
            div.charts.small {
                @for (place, arm) in &ranked { (chart(view, &ranked, scale, *place, arm)) }
            }
            (opening("rates-name", "rates", &numbers(view, &ranked)))
        }
    }
}

fn chart(view: View<'_>, all: &[(usize, &Arm)], y: Scale, place: usize, arm: &Arm) -> Markup {
    let rates = &view.comparison.rates;
    let look = view.look(place);
    let others = all.iter().filter(|(other, _)| *other != place);
    let mut series: Vec<Series> = others
        .map(|(_, other)| Series {
            class: "path",
            shape: Shape::Line,
            marks: medians(rates, other),
        })
        .collect();
    series.push(Series {
        class: look.class,
        shape: Shape::Broad,
        marks: basin(rates, arm),
    });
    series.push(Series {
        class: look.class,
        shape: Shape::Both(look.marker),
        marks: medians(rates, arm),
    });
    series.push(Series {
        class: look.class,
        shape: Shape::Marks(Marker::Cross),
        marks: diverged(rates, arm, worst(view, y)),
    });
    let named = format!("rates-{place}");
    let plot = Plot {
        frame: Frame::SMALL,
        x: Scale::factors(rates.iter().copied()),
        y,
        label: text::RATE_AXIS,
        named_by: &named,
        series,
    };
    let best = arm.best.and_then(|best| view.rate(best));
    Figure {
        id: &named,
        name: view.name(place),
        what: best.map_or(Text::new("", ""), text::best_rate),
        legend: Vec::new(),
        shows: Some(&named),
    }
    .around_rows(&plot, "rates", rates.iter().copied())
}

/// The medians with the quartiles of the scores; rates at which most diverged have no place.
fn medians(rates: &[f64], arm: &Arm) -> Vec<Mark> {
    let marks = rates.iter().zip(&arm.search);
    let marks = marks.filter(|(_, searched)| !searched.scores.is_empty());
    let marks = marks.map(|(&rate, searched)| {
        let known: Vec<f64> = searched.scores.iter().copied().flatten().collect();
        let y = searched.median.unwrap_or(f64::NAN);
        Mark {
            x: rate,
            y,
            low: quantile(&known, 0.25).unwrap_or(y),
            high: quantile(&known, 0.75).unwrap_or(y),
        }
    });
    marks.collect()
}

/// The line of the medians within the basin.
fn basin(rates: &[f64], arm: &Arm) -> Vec<Mark> {
    let Some(basin) = arm.basin else {
        return Vec::new();
    };
    let known: Vec<Mark> = (medians(rates, arm).into_iter())
        .filter(|mark| mark.y.is_finite())
        .collect();
    let end = |rate: f64| {
        let pair = known
            .windows(2)
            .find(|pair| (pair[0].x..=pair[1].x).contains(&rate))?;
        let part = (rate / pair[0].x).ln() / (pair[1].x / pair[0].x).ln();
        Some(Mark::at(rate, pair[0].y + part * (pair[1].y - pair[0].y)))
    };
    let inner = known
        .iter()
        .filter(|mark| (basin.low..=basin.high).contains(&mark.x));
    let inner = inner.map(|mark| Mark::at(mark.x, mark.y));
    end(basin.low)
        .into_iter()
        .chain(inner)
        .chain(end(basin.high))
        .collect()
}

/// A cross on the bad side of the plot for each rate with a divergence.
fn diverged(rates: &[f64], arm: &Arm, worst: f64) -> Vec<Mark> {
    let lost = rates
        .iter()
        .zip(&arm.search)
        .filter(|(_, searched)| searched.diverged > 0);
    lost.map(|(&rate, _)| Mark::at(rate, worst)).collect()
}

fn worst(view: View<'_>, y: Scale) -> f64 {
    let (Scale::Linear { low, high } | Scale::Log { low, high }) = y;
    match view.comparison.protocol.measure {
        Measure::Accuracy => low,
        Measure::Loss => high,
    }
}

fn numbers(view: View<'_>, ranked: &[(usize, &Arm)]) -> Markup {
    html! {
        table.layers id="rates" {
            caption.unseen id="rates-name" { (text::RATES) }
            thead {
                tr {
                    th scope="col" { (text::RATE) }
                    @for (place, _) in ranked {
                        th scope="col" id={ "rates-head-" (place) } { (view.name(*place)) }
                    }
                }
            }
            tbody {
                @for (row, rate) in view.comparison.rates.iter().enumerate() {
                    tr {
                        th.n scope="row" data-v=(rate) { (chosen(*rate)) }
                        @for (place, arm) in ranked {
                            @let searched = arm.search.get(row);
                            @let median = searched.and_then(|searched| searched.median);
                            td data-in={ "rates-" (place) } data-head={ "rates-head-" (place) }
                                data-v=[median] {
                                @if let Some(median) = median { span.n { (view.score(median)) } }
                                @if let Some(searched) = searched.filter(|found| found.diverged > 0) {
                                    " ✕ " (searched.diverged) "/" (searched.scores.len())
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
