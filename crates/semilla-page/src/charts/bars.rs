//! Histograms.

use maud::{Markup, html};
use semilla_signal::Histogram;

use crate::text::figure;

/// A histogram with its ends, and 0 where it lies between them.
pub fn histogram(histogram: &Histogram, class: &str, named_by: &str) -> Markup {
    const WIDTH: f64 = 240.0;
    const HEIGHT: f64 = 72.0;
    let zero = -histogram.low / (histogram.high - histogram.low);
    html! {
        svg class={ "histogram " (class) } viewBox={ "0 -2 " (WIDTH) " " (HEIGHT + 20.0) } role="img"
            aria-labelledby=(named_by) {
            path.bars d=(bars(histogram, WIDTH, HEIGHT)) {}
            @if zero > 0.0 && zero < 1.0 {
                @let x = super::place(zero * WIDTH);
                line.zero x1=(x) x2=(x) y1="0" y2=(HEIGHT) {}
            }
            line.axis x1="0" x2=(WIDTH) y1=(HEIGHT) y2=(HEIGHT) {}
            text.tick.n x="0" y=(HEIGHT + 14.0) { (figure(histogram.low)) }
            text.tick.n.end x=(WIDTH) y=(HEIGHT + 14.0) { (figure(histogram.high)) }
        }
    }
}

/// A histogram as small as a word, for the eye only.
pub fn sparkline(histogram: &Histogram, class: &str) -> Markup {
    const WIDTH: f64 = 80.0;
    const HEIGHT: f64 = 20.0;
    html! {
        svg class={ "spark " (class) } viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } aria-hidden="true" {
            path.bars d=(bars(histogram, WIDTH, HEIGHT)) {}
        }
    }
}

/// The outline of the bars.
fn bars(histogram: &Histogram, width: f64, height: f64) -> String {
    let most = histogram.counts.iter().copied().max().unwrap_or(0).max(1);
    let step = super::place(width / histogram.counts.len().max(1) as f64);
    let mut path = format!("M0 {height}");
    for count in &histogram.counts {
        let top = super::place(height * (1.0 - f64::from(*count) / f64::from(most)));
        path += &format!("V{top}h{step}");
    }
    path + &format!("V{height}z")
}
