//! How health looks: never by colour alone.

use maud::{Markup, html};
use semilla_signal::Health;

use crate::text;

/// The class that gives it its colour.
pub(crate) fn class(health: Health) -> &'static str {
    match health {
        Health::Good => "good",
        Health::Watch => "watch",
        Health::Bad => "bad",
    }
}

/// Its sign.
pub(crate) fn sign(health: Health) -> &'static str {
    match health {
        Health::Good => "●",
        Health::Watch => "▲",
        Health::Bad => "✕",
    }
}

/// Its sign and its word.
pub(crate) fn state(health: Health) -> Markup {
    html! {
        span class={ "state " (class(health)) } {
            span.sign aria-hidden="true" { (sign(health)) }
            (text::health(health))
        }
    }
}
