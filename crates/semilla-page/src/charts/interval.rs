//! A value and its interval as small as a row of a table.

use maud::{Markup, html};

use super::{Marker, Scale, place};

const WIDTH: f64 = 200.0;
const HEIGHT: f64 = 22.0;
/// Room at both ends, so that signs are whole.
const SIDE: f64 = 6.0;

/// A value with its interval, beside the line of 0 where the axis has it. For the eye only: the row
/// that holds it says the numbers.
pub fn interval(scale: &Scale, [low, value, high]: [f64; 3], marker: Marker) -> Markup {
    let middle = HEIGHT / 2.0;
    html! {
        svg.forest viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } aria-hidden="true" {
            @if let Some(zero) = inside(scale, 0.0) {
                line.zero x1=(zero) x2=(zero) y1="0" y2=(HEIGHT) {}
            }
            @if let (Some(low), Some(high)) = (across(scale, low), across(scale, high)) {
                path.interval d={ "M" (low) " " (middle) "H" (high) } {}
            }
            @if let Some(x) = across(scale, value) { (marker.at(x, middle)) }
        }
    }
}

/// The axis of a column of intervals.
pub fn interval_axis(scale: &Scale) -> Markup {
    html! {
        svg.forest viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } aria-hidden="true" {
            line.axis x1=(SIDE) x2=(WIDTH - SIDE) y1=(HEIGHT - 1.0) y2=(HEIGHT - 1.0) {}
            @for tick in scale.ticks(4) {
                @if let Some(x) = inside(scale, tick.value) {
                    line.axis x1=(x) x2=(x) y1=(HEIGHT - 5.0) y2=(HEIGHT - 1.0) {}
                    text.tick.n.middle x=(x) y=(HEIGHT - 9.0) { (tick.label) }
                }
            }
        }
    }
}

fn across(scale: &Scale, value: f64) -> Option<f64> {
    let part = scale.place(value)?.clamp(0.0, 1.0);
    Some(place(SIDE + part * (WIDTH - 2.0 * SIDE)))
}

/// Where a value stands that the axis reaches.
fn inside(scale: &Scale, value: f64) -> Option<f64> {
    let part = scale.place(value)?;
    (0.0..=1.0).contains(&part).then(|| across(scale, value))?
}
