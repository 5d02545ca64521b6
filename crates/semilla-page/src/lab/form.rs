//! The form in which a learner sets everything.

use maud::{Markup, html};
use semilla_signal::Optimizer;

use super::choice::{Own, Shape, Source};
use super::setup::{
    ACTIVATIONS, BATCH, DEPTH, GAIN, LABELS, Limits, RATE, SEED, STEPS, Setup, WIDTH,
};
use super::start::Start;
use crate::charts::{self, look};
use crate::text::{Text, lab as text};

/// The form, filled with a setup; the learner may have data of their own.
pub(super) fn form(setup: &Setup, own: Option<&Own>) -> Markup {
    html! {
        form.settings id="setup" autocomplete="off" {
            fieldset {
                legend { (text::NETWORK) }
                (choice("shape", &text::SHAPE, Shape::ALL.map(|shape| {
                    (shape.key(), shape.name(), shape == setup.shape)
                })))
                (choice("activation", &text::ACTIVATION, ACTIVATIONS.map(|(name, activation)| {
                    (name, Text::new(name, name), setup.activation == activation)
                })))
                (number(&DEPTH, &text::DEPTH, setup.depth))
                (number(&WIDTH, &text::WIDTH, setup.width))
            }
            fieldset {
                legend { (text::STARTS) }
                div.starts {
                    @for start in Start::ALL {
                        label.start {
                            input type="checkbox" name="start" value=(start.key())
                                checked[setup.starts.contains(&start)];
                            (sign(start))
                            (start.name())
                        }
                    }
                }
                (number(&GAIN, &text::GAIN, setup.gain))
            }
            fieldset {
                legend { (text::DATA) }
                (choice("source", &text::SOURCE, Source::all(own).iter().map(|source| {
                    (source.key(), source.name(), *source == setup.source)
                })))
                (number(&LABELS, &text::LABELS, setup.labels))
            }
            fieldset {
                legend { (text::TRAINING) }
                (choice("optimizer", &text::OPTIMIZER, Optimizer::ALL.map(|optimizer| {
                    let name = optimizer.name();
                    (name, Text::new(name, name), optimizer == setup.optimizer)
                })))
                (number(&RATE, &text::RATE, setup.rate))
                (number(&STEPS, &text::STEPS, setup.steps))
                (number(&BATCH, &text::BATCH, setup.batch))
                (number(&SEED, &text::SEED, setup.seed))
            }
            div.act {
                button.train type="submit" id="train" { (text::TRAIN) }
                button type="button" id="stop" disabled { (text::STOP) }
                p id="progress" role="status" {}
                p.complaint id="complaint" role="alert" {}
            }
        }
    }
}

/// The sign of a start in every chart.
pub(super) fn sign(start: Start) -> Markup {
    let look = look(start.number());
    charts::key(look.class, charts::Shape::Both(look.marker))
}

/// Options have one language at a time: the script keeps them in that of the page.
fn choice(
    name: &str,
    label: &Text,
    options: impl IntoIterator<Item = (&'static str, Text, bool)>,
) -> Markup {
    use crate::text::Lang;
    html! {
        div.field {
            label for=(name) { (label) }
            select name=(name) id=(name) {
                @for (value, said, is_chosen) in options {
                    option value=(value) selected[is_chosen] data-en=(said.in_lang(Lang::En))
                        data-es=(said.in_lang(Lang::Es)) { (said.in_lang(Lang::En)) }
                }
            }
        }
    }
}

fn number(limits: &Limits, label: &Text, value: impl ToString) -> Markup {
    html! {
        div.field {
            label for=(limits.name) { (label) }
            input type="text" inputmode="decimal" name=(limits.name) id=(limits.name)
                value=(value.to_string());
        }
    }
}
