//! A training as it goes on: what its charts show at one moment.

use maud::{Markup, html};
use semilla_lab::{End, LayerState, Score};
use semilla_signal::Histogram;

use super::form::sign;
use super::setup::Setup;
use super::start::Start;
use super::theory::Told;
use crate::charts::{Frame, Mark, Marker, Plot, Ridges, Scale, Series, Shape, look};
use crate::compare::{places, reach};
use crate::shell::{Figure, saving};
use crate::text::{self as words, figure, lab as text};

/// One start in training.
pub(super) struct Arm {
    pub(super) start: Start,
    /// Steps and losses so far.
    pub(super) curve: Vec<(u64, f64)>,
    pub(super) end: End,
    /// Its layers before the first step.
    pub(super) first: Vec<LayerState>,
    /// Its layers now.
    pub(super) now: Vec<LayerState>,
    /// How well it does on samples that it has not seen, once it was measured.
    pub(super) score: Option<Score>,
}

/// Where all starts are.
pub(super) struct Moment<'a> {
    pub(super) setup: &'a Setup,
    pub(super) told: &'a [Told],
    pub(super) step: u64,
    pub(super) arms: &'a [Arm],
}

impl Moment<'_> {
    /// The curves of the loss.
    pub(super) fn loss(&self) -> Markup {
        // What explodes leaves the plot at the top; guessing stands in the middle.
        let top = 1.6 * (self.setup.classes() as f64).ln();
        let lines = self.arms.iter().flat_map(|arm| {
            let look = look(arm.start.number());
            let marks = arm
                .curve
                .iter()
                .map(|&(step, loss)| Mark::at(step as f64, loss.min(top)));
            let marks: Vec<Mark> = marks.collect();
            let lost = matches!(arm.end, End::Diverged { .. });
            let cross = marks.last().filter(|_| lost).map(|last| Series {
                class: look.class,
                shape: Shape::Marks(Marker::Cross),
                marks: vec![*last],
            });
            let line = Series {
                class: look.class,
                shape: Shape::Line,
                marks,
            };
            [Some(line), cross].into_iter().flatten()
        });
        let plot = Plot {
            frame: Frame::WIDE,
            x: Scale::linear(0.0, self.setup.steps as f64),
            y: Scale::linear(0.0, top),
            label: words::compare::STEP_AXIS,
            named_by: "loss-name",
            series: lines.collect(),
        };
        let legend = self.arms.iter().map(|arm| {
            (
                look(arm.start.number()).class,
                Shape::Line,
                arm.start.name(),
            )
        });
        let steps = self
            .arms
            .iter()
            .map(|arm| &arm.curve)
            .max_by_key(|curve| curve.len());
        let steps = steps.map_or(&[][..], |curve| curve);
        Figure {
            id: "loss-name",
            name: text::LOSS,
            what: text::LOSS_WHAT,
            legend: legend.collect(),
            shows: None,
        }
        .around(
            &plot,
            steps.iter().map(|&(step, _)| step as f64),
            self.losses(steps),
        )
    }

    fn losses(&self, steps: &[(u64, f64)]) -> Markup {
        html! {
            details {
                summary { (words::compare::CHART_NUMBERS) }
                div.scroll tabindex="0" role="region" aria-labelledby="loss-name" {
                    table.layers id="losses" {
                        thead {
                            tr {
                                th scope="col" { (words::compare::STEP) }
                                @for arm in self.arms {
                                    th scope="col" id={ "losses-" (arm.start.key()) } {
                                        (arm.start.name())
                                    }
                                }
                            }
                        }
                        tbody {
                            @for (row, (step, _)) in steps.iter().enumerate() {
                                tr {
                                    th.n scope="row" { (step) }
                                    @for arm in self.arms {
                                        @let loss = arm.curve.get(row).map(|(_, loss)| *loss);
                                        td.n data-head={ "losses-" (arm.start.key()) } data-v=[loss] {
                                            (loss.map_or(String::new(), figure))
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
                (saving("losses"))
            }
        }
    }

    /// Signals and gradients over depth, and how they are distributed.
    pub(super) fn layers(&self) -> Markup {
        let best = self.best();
        let axis = |of: Of| best.map_or(1.0, |arm| reach(arm.first.iter().chain(&arm.now), of));
        let (forward, backward) = (axis(activations), axis(gradients));
        html! {
            div.charts { (self.signals()) (self.gradients()) }
            div.charts {
                @for arm in self.arms {
                    figure {
                        figcaption { h3 { (sign(arm.start)) (arm.start.name()) } }
                        div.pictures {
                            (ridges(arm, "x", &words::PRE_ACTIVATIONS, forward, activations))
                            (ridges(arm, "g", &words::GRADIENTS, backward, gradients))
                        }
                    }
                }
            }
        }
    }

    /// The start whose gradients keep their size best, by theory: its axis shows how others fail.
    fn best(&self) -> Option<&Arm> {
        let change = |arm: &&Arm| {
            let told = self.told.iter().find(|told| told.start == arm.start);
            let log = told.and_then(|told| told.prediction.log_gradients);
            log.filter(|_| arm.start.is_random())
                .map_or(f64::INFINITY, f64::abs)
        };
        self.arms
            .iter()
            .min_by(|a, b| change(a).total_cmp(&change(b)))
    }

    fn signals(&self) -> Markup {
        let series = self.arms.iter().map(|arm| {
            let look = look(arm.start.number());
            let marks = arm.now.iter().enumerate();
            Series {
                class: look.class,
                shape: Shape::Both(look.marker),
                marks: marks.map(|(place, layer)| at(place, layer.std)).collect(),
            }
        });
        self.over_depth("signals", text::SIGNAL, text::SIGNAL_WHAT, series.collect())
    }

    /// Measured now, as a factor of that at the output, and predicted for the start.
    fn gradients(&self) -> Markup {
        let measured = self.arms.iter().map(|arm| {
            let look = look(arm.start.number());
            let last = arm.now.last().map_or(0.0, |layer| layer.gradient);
            let marks = arm.now.iter().enumerate();
            Series {
                class: look.class,
                shape: Shape::Marks(look.marker),
                marks: marks
                    .map(|(place, layer)| at(place, layer.gradient / last))
                    .collect(),
            }
        });
        let predicted = self
            .told
            .iter()
            .filter(|told| told.start.is_random())
            .map(|told| {
                let layers = told.prediction.layers.iter().enumerate();
                let marks =
                    layers.filter_map(|(place, layer)| Some(at(place, layer.gradient?.sqrt())));
                Series {
                    class: look(told.start.number()).class,
                    shape: Shape::Line,
                    marks: marks.collect(),
                }
            });
        let series = predicted.chain(measured).collect();
        self.over_depth("gradients", text::BACK, text::BACK_WHAT, series)
    }

    fn over_depth(
        &self,
        id: &str,
        name: words::Text,
        what: words::Text,
        series: Vec<Series>,
    ) -> Markup {
        let named = format!("{id}-name");
        let depth = series
            .iter()
            .map(|series| series.marks.len())
            .max()
            .unwrap_or(0);
        let room = (depth as f64 * 0.02).max(0.3);
        let values = series.iter().flat_map(|series| &series.marks);
        let plot = Plot {
            frame: Frame::WIDE,
            x: Scale::linear(1.0 - room, depth as f64 + room),
            y: Scale::log(values.map(|mark| mark.y)),
            label: words::LAYER_AXIS,
            named_by: &named,
            series,
        };
        html! {
            figure {
                figcaption {
                    h3 id=(named) { (name) }
                    p.what { (what) }
                }
                (plot.draw())
            }
        }
    }

    /// What came of each start.
    pub(super) fn outcome(&self) -> Markup {
        html! {
            div.scroll tabindex="0" role="region" aria-labelledby="outcome-name" {
                table.layers id="outcomes" {
                    thead {
                        tr {
                            th scope="col" { (words::compare::START) }
                            th scope="col" { (text::ACCURACY) }
                            th scope="col" { (text::LAST_LOSS) }
                        }
                    }
                    tbody {
                        @for arm in self.arms {
                            @let loss = arm.curve.last().map(|(_, loss)| *loss);
                            @let accuracy = arm.score.and_then(|score| score.accuracy);
                            tr {
                                th scope="row" { (sign(arm.start)) (arm.start.name()) }
                                @if let End::Diverged { step } = arm.end {
                                    td { (text::DIVERGED) " " (step) }
                                } @else {
                                    td.n data-v=[accuracy] {
                                        (accuracy.map_or(String::new(), |part| {
                                            format!("{:.1} %", part * 100.0)
                                        }))
                                    }
                                }
                                td.n data-v=[loss] { (loss.map_or(String::new(), figure)) }
                            }
                        }
                    }
                }
            }
            p.scope { (text::ONE_SEED) }
            (saving("outcomes"))
        }
    }
}

type Of = fn(&LayerState) -> Option<&Histogram>;

fn activations(layer: &LayerState) -> Option<&Histogram> {
    layer.histogram.as_ref()
}

fn gradients(layer: &LayerState) -> Option<&Histogram> {
    layer.gradient_histogram.as_ref()
}

fn at(place: usize, value: f64) -> Mark {
    Mark::at(place as f64 + 1.0, value)
}

fn ridges(arm: &Arm, id: &str, name: &words::Text, reach: f64, of: Of) -> Markup {
    let named = format!("{id}-of-{}", arm.start.key());
    let rows = places(arm.first.len()).into_iter().map(|layer| {
        let cells = [&arm.first, &arm.now].map(|layers| layers.get(layer).and_then(of));
        ((layer + 1).to_string(), cells.to_vec())
    });
    let drawing = Ridges {
        columns: vec![text::AT_START, text::NOW],
        rows: rows.collect(),
        reach,
        class: look(arm.start.number()).class,
        named_by: &named,
    };
    html! {
        div {
            p.cap id=(named) { (name) }
            (drawing.draw())
        }
    }
}
