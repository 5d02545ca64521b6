//! Activations and gradients in the layers, over training.

use maud::{Markup, html};
use semilla_lab::{LayerState, Snapshot};

use super::pictures::{Pictures, reaches};
use super::shown::moments;
use super::view::View;
use crate::charts::{Frame, Mark, Plot, Scale, Series, Shape};
use crate::shell::{Figure, Numbers};
use crate::text::{self as words, Text, compare as text};

/// An initialization with snapshots of its layers.
struct Looked<'a> {
    place: usize,
    snapshots: &'a [Snapshot],
}

/// The section; nothing where no training looked at its layers.
pub(super) fn layers(view: View<'_>) -> Markup {
    let looked = view.ranked().into_iter().filter_map(|(place, _)| {
        let mut runs = view.runs(place).into_iter();
        let run = runs.find(|run| !run.outcome.layers.is_empty())?;
        Some(Looked {
            place,
            snapshots: &run.outcome.layers,
        })
    });
    let looked: Vec<Looked<'_>> = looked.collect();
    let Some(best) = looked.first() else {
        return html! {};
    };
    let layers = || best.snapshots.iter().flat_map(|snapshot| &snapshot.layers);
    let reaches = reaches(layers);
    html! {
        section {
            h2 { (text::LAYERS) }
            p.lead { (text::LAYERS_WHAT) }
            div.charts {
                (sizes(
                    view,
                    &looked,
                    "sizes-forward",
                    text::ACTIVATION_SIZE,
                    text::ACTIVATION_SIZE_WHAT,
                    |layer| layer.std,
                ))
                (sizes(
                    view,
                    &looked,
                    "sizes-backward",
                    text::GRADIENT_SIZE,
                    text::GRADIENT_SIZE_WHAT,
                    |layer| layer.gradient,
                ))
            }
            div.charts {
                @for arm in &looked { (pictures(view, arm, reaches)) }
            }
        }
    }
}

fn pictures(view: View<'_>, arm: &Looked<'_>, reaches: [f64; 2]) -> Markup {
    let shown = moments(arm.snapshots.len()).into_iter();
    let shown = shown.map(|place| &arm.snapshots[place]);
    Pictures {
        key: &arm.place.to_string(),
        title: html! { (view.name(arm.place)) },
        class: view.look(arm.place).class,
        names: [text::ACTIVATIONS, text::GRADIENTS],
        moments: shown
            .map(|snapshot| (text::step(snapshot.step), &*snapshot.layers))
            .collect(),
    }
    .draw(reaches)
}

fn sizes(
    view: View<'_>,
    looked: &[Looked<'_>],
    id: &str,
    name: Text,
    what: Text,
    of: fn(&LayerState) -> f64,
) -> Markup {
    let values = |arm: &Looked<'_>| -> Vec<f64> {
        let first = arm.snapshots.first();
        first.map_or(Vec::new(), |snapshot| {
            snapshot.layers.iter().map(of).collect()
        })
    };
    let all: Vec<(usize, Vec<f64>)> = (looked.iter().map(|arm| (arm.place, values(arm)))).collect();
    let depth = all
        .iter()
        .map(|(_, values)| values.len())
        .max()
        .unwrap_or(0);
    let series = all.iter().rev().map(|(place, values)| {
        let look = view.look(*place);
        let marks = values.iter().enumerate();
        Series {
            class: look.class,
            shape: Shape::Both(look.marker),
            marks: marks
                .map(|(layer, &y)| Mark::at(layer as f64 + 1.0, y))
                .collect(),
        }
    });
    let plot = Plot {
        frame: Frame::WIDE,
        x: Scale::layers(depth),
        y: Scale::log(all.iter().flat_map(|(_, values)| values.iter().copied())),
        label: words::LAYER_AXIS,
        named_by: id,
        series: series.collect(),
    };
    let legend = looked.iter().map(|arm| {
        let look = view.look(arm.place);
        (look.class, Shape::Both(look.marker), view.name(arm.place))
    });
    let names = all.iter();
    let numbers = Numbers {
        id: &format!("{id}-numbers"),
        named_by: id,
        rows: words::LAYER,
        series: names
            .map(|(place, _)| (place.to_string(), view.name(*place)))
            .collect(),
        values: (0..depth)
            .map(|layer| {
                let values = all.iter().map(|(_, values)| values.get(layer).copied());
                (layer as u64 + 1, values.collect())
            })
            .collect(),
    };
    Figure {
        id,
        name,
        what,
        legend: legend.collect(),
        shows: None,
    }
    .around(&plot, (1..=depth).map(|layer| layer as f64), numbers.draw())
}
