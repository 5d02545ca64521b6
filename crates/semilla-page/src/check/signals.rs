//! Signals over depth: what was measured, forward and backward.

use std::collections::HashMap;

use maud::{Markup, html};
use semilla_signal::theory::{End, Prediction, Spread as Stray};
use semilla_signal::{Layer, Point};

use super::Check;
use super::rows::{Row, Spread};
use crate::charts::{Frame, Mark, Marker, Plot, Scale, Series, Shape};
use crate::shell::Figure;
use crate::text::{self, Text};

/// The section with both charts.
pub(super) fn signals(check: &Check<'_>, rows: &[Row<'_>]) -> Markup {
    html! {
        section {
            h2 { (text::SIGNALS) }
            p.lead { (text::intervals(check.report.measurements.len())) " " (text::KEYS) }
            span.unseen id="word-measured" { (text::MEASURED) }
            span.unseen id="word-predicted" { (text::PREDICTED) }
            div.charts {
                (Chart {
                    id: "forward",
                    name: text::FORWARD,
                    what: text::FORWARD_WHAT,
                    series: vec![
                        path(check, rows, |point| point.forward.second_moment),
                        predicted(rows, "predicted other", |row| {
                            let known = row.predicted?;
                            Some((known.between_samples?, known.spread.between_samples))
                        }),
                        predicted(rows, "predicted measured", |row| {
                            let known = row.predicted?;
                            Some((known.second_moment, known.spread.second_moment))
                        }),
                        measured(rows, "other", Marker::Diamond, |layer| {
                            Some(layer.forward.between_samples)
                        }),
                        measured(rows, "measured", Marker::Disc, |layer| {
                            Some(layer.forward.second_moment)
                        }),
                    ],
                    legend: vec![
                        ("measured", Shape::Marks(Marker::Disc), text::MEASURED_SQUARE),
                        ("other", Shape::Marks(Marker::Diamond), text::MEASURED_BETWEEN),
                        ("predicted", Shape::Line, text::PREDICTED_BAND),
                        ("path", Shape::Line, text::ALONG_PATH),
                    ],
                }.draw(rows.len()))
                (Chart {
                    id: "backward",
                    name: text::BACKWARD,
                    what: text::BACKWARD_WHAT,
                    series: vec![
                        path(check, rows, |point| point.gradient),
                        predicted(rows, "predicted measured", |row| {
                            Some((row.predicted_gradient()?, row.predicted?.spread.gradient))
                        }),
                        measured(rows, "measured", Marker::Disc, |layer| {
                            Some(layer.backward?.squared_norm)
                        }),
                    ],
                    legend: vec![
                        ("measured", Shape::Marks(Marker::Disc), text::MEASURED_GRADIENT),
                        ("predicted", Shape::Line, text::PREDICTED_BAND),
                        ("path", Shape::Line, text::ALONG_PATH),
                    ],
                }.draw(rows.len()))
            }
            @if let Some(prediction) = check.prediction {
                @if let Some(reach) = &prediction.reach { p.scope { (text::reach(reach)) } }
                (scope(prediction))
            }
        }
    }
}

/// Where theory ends, and what it took for true.
fn scope(prediction: &Prediction) -> Markup {
    const FEW: usize = 3;
    let said = |end: &End| format!("{}: {}", end.at, end.because);
    let sections = [
        (
            text::THEORY_ENDS,
            prediction.ends.iter().map(said).collect::<Vec<String>>(),
        ),
        (text::THEORY_ASSUMES, prediction.assumed.clone()),
    ];
    html! {
        @for (name, sentences) in sections {
            @if !sentences.is_empty() {
                p.scope {
                    (name) " "
                    span.always lang="en" { (sentences[..sentences.len().min(FEW)].join("; ")) }
                    @if sentences.len() > FEW { " (+" (sentences.len() - FEW) ")" }
                }
            }
        }
    }
}

struct Chart {
    /// The cells of the table that it shows are marked with it.
    id: &'static str,
    name: Text,
    what: Text,
    series: Vec<Series>,
    legend: Vec<(&'static str, Shape, Text)>,
}

impl Chart {
    fn draw(self, layers: usize) -> Markup {
        let named = format!("chart-{}", self.id);
        let values = self.series.iter().flat_map(|series| &series.marks);
        let y = Scale::log(values.flat_map(|mark| [mark.y, mark.low, mark.high]));
        // Some room beside the first and the last layer.
        let plot = Plot {
            frame: Frame::WIDE,
            x: Scale::layers(layers),
            y,
            label: text::LAYER_AXIS,
            named_by: &named,
            series: self.series,
        };
        // Only what is drawn has a key.
        let is_drawn = |class: &str| {
            let mut series = plot.series.iter().filter(|series| !series.marks.is_empty());
            series.any(|series| series.class.split(' ').next() == Some(class))
        };
        let legend = self.legend.into_iter();
        Figure {
            id: &named,
            name: self.name,
            what: self.what,
            legend: legend.filter(|(class, ..)| is_drawn(class)).collect(),
            shows: Some(self.id),
        }
        .around(&plot, (1..=layers).map(|number| number as f64), html! {})
    }
}

fn measured(
    rows: &[Row<'_>],
    class: &'static str,
    marker: Marker,
    of: impl Fn(&Layer) -> Option<f64>,
) -> Series {
    let mark = |row: &Row<'_>| Some(mark(row.number, row.spread(&of)?));
    Series {
        class,
        shape: Shape::Marks(marker),
        marks: rows.iter().filter_map(mark).collect(),
    }
}

/// What theory expects of the typical network, and of 95 % of them.
fn predicted(
    rows: &[Row<'_>],
    class: &'static str,
    of: impl Fn(&Row<'_>) -> Option<(f64, Stray)>,
) -> Series {
    let mark = |row: &Row<'_>| {
        let (mean, stray) = of(row)?;
        let typical = mean * stray.drift.exp();
        let factor = (1.96 * stray.deviation).exp();
        Some(Mark {
            x: row.number as f64,
            y: typical,
            low: typical / factor,
            high: typical * factor,
        })
    };
    Series {
        class,
        shape: Shape::Line,
        marks: rows.iter().filter_map(mark).collect(),
    }
}

fn mark(number: usize, spread: Spread) -> Mark {
    Mark {
        x: number as f64,
        y: spread.mean,
        low: spread.low,
        high: spread.high,
    }
}

/// Values along the main path, at the layers that they come after.
fn path(check: &Check<'_>, rows: &[Row<'_>], of: impl Fn(&Point) -> f64) -> Series {
    let numbers: HashMap<&str, usize> = rows.iter().map(|row| (row.name(), row.number)).collect();
    let runs = &check.report.measurements;
    let first = runs.first().map_or(&[][..], |run| &run.path);
    let marks = first.iter().enumerate().filter_map(|(place, point)| {
        let number = *numbers.get(&*point.after)?;
        let values = runs.iter().filter_map(|run| run.path.get(place));
        Some(Mark::at(number as f64, Spread::of(values.map(&of))?.mean))
    });
    Series {
        class: "path",
        shape: Shape::Line,
        marks: marks.collect(),
    }
}
