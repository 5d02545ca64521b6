//! Activations and gradients in the layers, over training.

use maud::{Markup, html};
use semilla_lab::{LayerState, Snapshot};
use semilla_signal::Histogram;

use super::shown::{moments, places};
use super::view::View;
use crate::charts::{Frame, Mark, Plot, Ridges, Scale, Series, Shape};
use crate::shell::{Figure, saving};
use crate::text::{self as words, Text, compare as text, figure};

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
    let (forward, backward) = (reach(layers(), activations), reach(layers(), gradients));
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
                @for arm in &looked {
                    figure {
                        figcaption { h3 { (view.name(arm.place)) } }
                        div.pictures {
                            (ridges(view, arm, "x", text::ACTIVATIONS, forward, activations))
                            (ridges(view, arm, "g", text::GRADIENTS, backward, gradients))
                        }
                    }
                }
            }
        }
    }
}

fn activations(layer: &LayerState) -> Option<&Histogram> {
    layer.histogram.as_ref()
}

fn gradients(layer: &LayerState) -> Option<&Histogram> {
    layer.gradient_histogram.as_ref()
}

/// How far an axis reaches that shows the layers of a network well: three quarters of them whole.
pub(crate) fn reach<'a>(
    layers: impl Iterator<Item = &'a LayerState>,
    of: fn(&LayerState) -> Option<&Histogram>,
) -> f64 {
    let ends = layers
        .filter_map(of)
        .map(|found| found.low.abs().max(found.high.abs()));
    let ends: Vec<f64> = ends.collect();
    let found = super::view::quantile(&ends, 0.75).filter(|&reach| reach > 0.0);
    found.unwrap_or(1.0)
}

fn ridges(
    view: View<'_>,
    arm: &Looked<'_>,
    id: &str,
    name: Text,
    reach: f64,
    of: fn(&LayerState) -> Option<&Histogram>,
) -> Markup {
    let named = format!("{id}-of-{}", arm.place);
    let shown: Vec<&Snapshot> = moments(arm.snapshots.len())
        .into_iter()
        .map(|place| &arm.snapshots[place])
        .collect();
    let depth = shown.first().map_or(0, |snapshot| snapshot.layers.len());
    let rows = places(depth).into_iter().map(|layer| {
        let cells = shown
            .iter()
            .map(|snapshot| snapshot.layers.get(layer).and_then(of));
        ((layer + 1).to_string(), cells.collect())
    });
    let drawing = Ridges {
        columns: shown
            .iter()
            .map(|snapshot| text::step(snapshot.step))
            .collect(),
        rows: rows.collect(),
        reach,
        class: view.look(arm.place).class,
        named_by: &named,
    };
    html! {
        div {
            p.cap id=(named) { (name) }
            (drawing.draw())
        }
    }
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
    let room = (depth as f64 * 0.02).max(0.3);
    let plot = Plot {
        frame: Frame::WIDE,
        x: Scale::linear(1.0 - room, depth as f64 + room),
        y: Scale::log(all.iter().flat_map(|(_, values)| values.iter().copied())),
        label: words::LAYER_AXIS,
        named_by: id,
        series: series.collect(),
    };
    let legend = looked.iter().map(|arm| {
        let look = view.look(arm.place);
        (look.class, Shape::Both(look.marker), view.name(arm.place))
    });
    let table = format!("{id}-numbers");
    Figure {
        id,
        name,
        what,
        legend: legend.collect(),
        shows: None,
    }
    .around(
        &plot,
        (1..=depth).map(|layer| layer as f64),
        html! {
            details {
                summary { (text::CHART_NUMBERS) }
                div.scroll tabindex="0" role="region" aria-labelledby=(id) {
                    table.layers id=(table) {
                        thead {
                            tr {
                                th scope="col" { (words::LAYER) }
                                @for (place, _) in &all {
                                    th scope="col" id={ (table) "-" (place) } { (view.name(*place)) }
                                }
                            }
                        }
                        tbody {
                            @for layer in 0..depth {
                                tr {
                                    th.n scope="row" { (layer + 1) }
                                    @for (place, values) in &all {
                                        @let value = values.get(layer).copied();
                                        td.n data-head={ (table) "-" (place) } data-v=[value] {
                                            (value.map_or(String::new(), figure))
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
                (saving(&table))
            }
        },
    )
}
