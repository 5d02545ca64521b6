//! The loss over training: a line and a band for each initialization.

use semilla_lab::{End, Measure, Run};
use std::collections::BTreeSet;

use maud::{Markup, html};

use super::results::axis;
use super::view::{View, quantile};
use crate::charts::{Frame, Mark, Marker, Plot, Scale, Series, Shape};
use crate::shell::{Figure, Numbers};
use crate::text::{Text, compare as text};

/// A value of a training over its steps.
type Values = fn(&Run, Measure) -> Vec<(u64, f64)>;

/// The section.
pub(super) fn curves(view: View<'_>) -> Markup {
    html! {
        section {
            h2 { (text::CURVES) }
            div.charts {
                (chart(view, "curve", text::TRAINING_CURVE, text::CURVES_WHAT, |run, _| {
                    run.outcome.curve.iter().map(|point| (point.step, point.loss)).collect()
                }))
                (chart(
                    view,
                    "validation",
                    text::VALIDATION_CURVE,
                    text::validation(view.comparison.protocol.measure),
                    validations,
                ))
            }
        }
    }
}

fn validations(run: &Run, measure: Measure) -> Vec<(u64, f64)> {
    let found = run.outcome.validations.iter().filter_map(|found| {
        let value = match measure {
            Measure::Accuracy => found.score.accuracy?,
            Measure::Loss => found.score.loss,
        };
        Some((found.step, value))
    });
    found.collect()
}

/// An initialization over training.
struct Line {
    place: usize,
    marks: Vec<Mark>,
    /// Where most of its trainings have diverged, if they do.
    end: Option<f64>,
}

/// Nothing where fewer than two steps were looked at.
fn chart(view: View<'_>, id: &str, name: Text, what: Text, values: Values) -> Markup {
    let ranked = view.ranked();
    let lines = ranked.iter().map(|&(place, _)| line(view, place, values));
    let lines: Vec<Line> = lines.collect();
    let steps: BTreeSet<u64> = (lines.iter().flat_map(|line| &line.marks))
        .map(|mark| mark.x as u64)
        .collect();
    let (Some(&first), Some(&last)) = (steps.first(), steps.last()) else {
        return html! {};
    };
    if first == last {
        return html! {};
    }
    let y = values_axis(view, &lines, id == "curve");
    let top = match y {
        Scale::Linear { high, .. } | Scale::Log { high, .. } => high,
    };
    let series = lines.iter().rev().flat_map(|line| {
        let look = view.look(line.place);
        let drawn = Series {
            class: look.class,
            shape: Shape::Line,
            marks: line.marks.clone(),
        };
        let end = line.end.map(|step| Series {
            class: look.class,
            shape: Shape::Marks(Marker::Cross),
            marks: vec![Mark::at(
                step,
                line.marks.last().map_or(top, |mark| mark.y.min(top)),
            )],
        });
        [Some(drawn), end].into_iter().flatten()
    });
    let named = format!("chart-{id}");
    let plot = Plot {
        frame: Frame::WIDE,
        x: Scale::linear(0.0, last as f64),
        y,
        label: text::STEP_AXIS,
        named_by: &named,
        series: series.collect(),
    };
    let legend = ranked
        .iter()
        .map(|&(place, _)| (view.look(place).class, Shape::Line, view.name(place)));
    Figure {
        id: &named,
        name,
        what,
        legend: legend.collect(),
        shows: None,
    }
    .around(
        &plot,
        steps.iter().map(|&step| step as f64),
        numbers(view, &named, &format!("{id}-numbers"), &lines, &steps),
    )
}

fn numbers(
    view: View<'_>,
    named_by: &str,
    id: &str,
    lines: &[Line],
    steps: &BTreeSet<u64>,
) -> Markup {
    let value = |line: &Line, step: u64| {
        let mut marks = line.marks.iter();
        marks.find(|mark| mark.x == step as f64).map(|mark| mark.y)
    };
    let series = lines.iter();
    let values = steps.iter().map(|&step| {
        let values = lines.iter().map(|line| value(line, step));
        (step, values.collect())
    });
    Numbers {
        id,
        named_by,
        rows: text::STEP,
        series: series
            .map(|line| (line.place.to_string(), view.name(line.place)))
            .collect(),
        values: values.collect(),
    }
    .draw()
}

/// The median and the quartiles over seeds at every step. A training that has diverged counts as
/// infinite from there on.
fn line(view: View<'_>, place: usize, values: Values) -> Line {
    let measure = view.comparison.protocol.measure;
    let runs = view.runs(place);
    let found: Vec<(Vec<(u64, f64)>, bool)> = runs
        .iter()
        .map(|run| {
            (
                values(run, measure),
                matches!(run.outcome.end, End::Diverged { .. }),
            )
        })
        .collect();
    let steps: BTreeSet<u64> = (found.iter().flat_map(|(values, _)| values))
        .map(|&(step, _)| step)
        .collect();
    let mut marks = Vec::new();
    let mut end = None;
    for step in steps {
        let at = found.iter().filter_map(|(values, diverged)| {
            let own = values.iter().find(|(known, _)| *known == step);
            let lost = diverged.then_some(f64::INFINITY);
            own.map(|(_, value)| *value).or(lost)
        });
        let at: Vec<f64> = at.collect();
        match quantile(&at, 0.5) {
            Some(y) => marks.push(Mark {
                x: step as f64,
                y,
                low: quantile(&at, 0.25).unwrap_or(y),
                high: quantile(&at, 0.75).unwrap_or(y),
            }),
            None => {
                end = end.or(Some(step as f64));
            }
        }
    }
    let all_lost = !found.is_empty() && found.iter().all(|(_, diverged)| *diverged);
    let last = marks.last().map(|mark: &Mark| mark.x);
    Line {
        place,
        end: end.or(all_lost.then_some(last).flatten()),
        marks,
    }
}

/// From 0 to a little above what guessing gives: a loss that explodes does not flatten all others.
fn values_axis(view: View<'_>, lines: &[Line], is_loss: bool) -> Scale {
    let marks = || lines.iter().flat_map(|line| &line.marks);
    if !is_loss && view.comparison.protocol.measure == Measure::Accuracy {
        return axis(marks().flat_map(|mark| [mark.low, mark.high]));
    }
    let most = marks().map(|mark| mark.y).fold(0.0, f64::max);
    let guessing = view
        .comparison
        .data
        .classes
        .map(|classes| 1.5 * (classes as f64).ln());
    match guessing {
        Some(guessing) if guessing > 0.0 => Scale::linear(0.0, most.min(guessing) * 1.05),
        _ => axis(marks().map(|mark| mark.y)),
    }
}
