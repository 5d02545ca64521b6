//! The theory, told step by step.

use maud::{Markup, html};

use super::choice::Shape;
use super::form::sign;
use super::setup::Setup;
use super::start::Start;
use super::theory::{Middle, Told};
use crate::text::lab as text;

/// A card for each start.
pub(super) fn cards(setup: &Setup, told: &[Told]) -> Markup {
    html! {
        div.cards { @for told in told { (card(setup, told)) } }
    }
}

fn card(setup: &Setup, told: &Told) -> Markup {
    html! {
        div.card {
            h3 { (sign(told.start)) (told.start.name()) }
            @match told.start {
                Start::Zeros => p { (text::SYMMETRY) },
                Start::Pretrained => p { (text::TRAINED) },
                _ => (steps(setup, told)),
            }
        }
    }
}

fn steps(setup: &Setup, told: &Told) -> Markup {
    let middle = told.layer.as_ref();
    html! {
        @match told.prediction.log_gradients {
            Some(log) => p.finding { (text::gradients(log, told.prediction.depth)) },
            None => p { (text::UNTOLD) },
        }
        @if let Some(middle) = middle { (why(setup, middle)) }
    }
}

/// Why: the numbers of a layer. With normalizations or residual sums a layer's own numbers are not
/// the whole story, so only its weights are told.
fn why(setup: &Setup, middle: &Middle) -> Markup {
    let activation = setup.activation_name();
    html! {
        ol.steps {
            li { (text::step_weights(middle.std, middle.fan_in, middle.weight_variance)) }
            @if setup.shape == Shape::Plain {
                li { (text::step_forward(activation, middle.q, middle.square, middle.next())) }
                li { (text::step_back(activation, middle.slope_square, middle.chi1())) }
                @if let Some(depth) = middle.reach { li { (text::reach(depth)) } }
            }
        }
    }
}
