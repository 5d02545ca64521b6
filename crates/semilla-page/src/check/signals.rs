//! Signals over depth: what was measured, forward and backward.

use std::collections::HashMap;

use maud::{Markup, html};
use semilla_signal::{Layer, Point};

use super::Check;
use super::rows::{Row, Spread};
use crate::charts::{Mark, Plot, Scale, Series, Shape};
use crate::text::{self, Text};

/// The section with both charts.
pub(super) fn signals(check: &Check<'_>, rows: &[Row<'_>]) -> Markup {
    html! {
        section {
            h2 { (text::SIGNALS) }
            p.lead { (text::intervals(check.report.measurements.len())) " " (text::KEYS) }
            div.charts {
                (Chart {
                    id: "forward",
                    name: text::FORWARD,
                    what: text::FORWARD_WHAT,
                    series: vec![
                        path(check, rows, |point| point.forward.second_moment),
                        measured(rows, "other", Shape::Diamonds, |layer| {
                            Some(layer.forward.between_samples)
                        }),
                        measured(rows, "measured", Shape::Dots, |layer| {
                            Some(layer.forward.second_moment)
                        }),
                    ],
                    legend: vec![
                        ("measured", Shape::Dots, text::MEASURED_SQUARE),
                        ("other", Shape::Diamonds, text::MEASURED_BETWEEN),
                        ("path", Shape::Line, text::ALONG_PATH),
                    ],
                }.draw(rows.len()))
                (Chart {
                    id: "backward",
                    name: text::BACKWARD,
                    what: text::BACKWARD_WHAT,
                    series: vec![
                        path(check, rows, |point| point.gradient),
                        measured(rows, "measured", Shape::Dots, |layer| {
                            Some(layer.backward?.squared_norm)
                        }),
                    ],
                    legend: vec![
                        ("measured", Shape::Dots, text::MEASURED_GRADIENT),
                        ("path", Shape::Line, text::ALONG_PATH),
                    ],
                }.draw(rows.len()))
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
        let room = (layers as f64 * 0.02).max(0.3);
        let (first, last) = (1.0 - room, layers as f64 + room);
        let plot = Plot {
            x: Scale::linear(first, last),
            y,
            label: text::LAYER_AXIS,
            named_by: &named,
            series: self.series,
        };
        let (left, right) = Plot::SIDES;
        html! {
            figure data-shows=(self.id) {
                figcaption {
                    h3 id=(named) { (self.name) }
                    p.what { (self.what) }
                    ul.legend {
                        @for (class, shape, name) in &self.legend {
                            li { (key(class, *shape)) (name) }
                        }
                    }
                }
                div.plotted tabindex="0" role="group" aria-labelledby=(named) data-first=(first)
                    data-last=(last) data-left=(left) data-right=(right) {
                    (plot.draw())
                }
            }
        }
    }
}

/// The sign of a series.
fn key(class: &str, shape: Shape) -> Markup {
    html! {
        svg class=(class) viewBox="0 0 24 12" aria-hidden="true" {
            @match shape {
                Shape::Line => path.line d="M0 6H24" {},
                Shape::Dots => circle.dot cx="12" cy="6" r="4" {},
                Shape::Diamonds => path.diamond d="M12 1l5 5-5 5-5-5z" {},
            }
        }
    }
}

fn measured(
    rows: &[Row<'_>],
    class: &'static str,
    shape: Shape,
    of: impl Fn(&Layer) -> Option<f64>,
) -> Series {
    let mark = |row: &Row<'_>| Some(mark(row.number, row.spread(&of)?));
    Series {
        class,
        shape,
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
