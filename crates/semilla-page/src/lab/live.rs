//! A training as it goes on: what its charts show at one moment.

use maud::{Markup, html};
use semilla_lab::{End, LayerState, Point, Score};

use super::form::sign;
use super::setup::Setup;
use super::start::Start;
use super::theory::Told;
use crate::charts::{Frame, Mark, Marker, Plot, Scale, Series, Shape, look};
use crate::compare::{Pictures, reaches};
use crate::shell::{Figure, Numbers, saving};
use crate::text::{self as words, figure, lab as text};

/// One start in training.
pub(super) struct Arm {
    pub(super) start: Start,
    /// The loss so far.
    pub(super) curve: Vec<Point>,
    pub(super) end: End,
    /// Its layers before the first step.
    pub(super) first: Vec<LayerState>,
    /// Its layers now.
    pub(super) now: Vec<LayerState>,
    /// How well it does on samples that it has not seen, once it was measured.
    pub(super) score: Option<Score>,
}

impl Arm {
    /// How its signals and gradients are distributed, before the first step and now.
    fn pictures(&self) -> Pictures<'_> {
        Pictures {
            key: self.start.key(),
            title: html! { (sign(self.start)) (self.start.name()) },
            class: look(self.start.number()).class,
            names: [words::PRE_ACTIVATIONS, words::GRADIENTS],
            moments: vec![(text::AT_START, &self.first), (text::NOW, &self.now)],
        }
    }
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
                .map(|point| Mark::at(point.step as f64, point.loss.min(top)));
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
            steps.iter().map(|point| point.step as f64),
            self.losses(steps),
        )
    }

    fn losses(&self, steps: &[Point]) -> Markup {
        let series = self.arms.iter();
        let values = steps.iter().enumerate().map(|(row, point)| {
            let losses = self.arms.iter().map(|arm| Some(arm.curve.get(row)?.loss));
            (point.step, losses.collect())
        });
        Numbers {
            id: "losses",
            named_by: "loss-name",
            rows: words::compare::STEP,
            series: series
                .map(|arm| (arm.start.key().to_owned(), arm.start.name()))
                .collect(),
            values: values.collect(),
        }
        .draw()
    }

    /// Signals and gradients over depth, and how they are distributed.
    pub(super) fn layers(&self) -> Markup {
        let reaches = self
            .best()
            .map_or([1.0; 2], |arm| reaches(|| arm.first.iter().chain(&arm.now)));
        html! {
            div.charts { (self.signals()) (self.gradients()) }
            div.charts { @for arm in self.arms { (arm.pictures().draw(reaches)) } }
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
        let values = series.iter().flat_map(|series| &series.marks);
        let plot = Plot {
            frame: Frame::WIDE,
            x: Scale::layers(depth),
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
                            @let loss = arm.curve.last().map(|point| point.loss);
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

fn at(place: usize, value: f64) -> Mark {
    Mark::at(place as f64 + 1.0, value)
}
