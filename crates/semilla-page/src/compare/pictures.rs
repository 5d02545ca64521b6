//! How what goes through the layers is distributed, at several moments of a training.

use maud::{Markup, html};
use semilla_lab::LayerState;
use semilla_signal::Histogram;

use super::shown::places;
use super::view::quantile;
use crate::charts::Ridges;
use crate::text::Text;

type Of = fn(&LayerState) -> Option<&Histogram>;

/// Both ways through the network: how their ids begin, and what is drawn.
const WAYS: [(&str, Of); 2] = [
    ("x", |layer| layer.histogram.as_ref()),
    ("g", |layer| layer.gradient_histogram.as_ref()),
];

/// The pictures of one network.
pub(crate) struct Pictures<'a> {
    /// What its ids end with.
    pub(crate) key: &'a str,
    /// What stands above.
    pub(crate) title: Markup,
    /// The class that gives them their colour.
    pub(crate) class: &'a str,
    /// What the pictures of both ways are called.
    pub(crate) names: [Text; 2],
    /// The moments, and the layers then.
    pub(crate) moments: Vec<(Text, &'a [LayerState])>,
}

impl Pictures<'_> {
    /// The figure; the axis of each way reaches so far.
    pub(crate) fn draw(&self, reaches: [f64; 2]) -> Markup {
        let ways = WAYS.iter().zip(&self.names).zip(reaches);
        html! {
            figure {
                figcaption { h3 { (self.title) } }
                div.pictures {
                    @for (((way, of), name), reach) in ways {
                        @let named = format!("{way}-of-{}", self.key);
                        div {
                            p.cap id=(named) { (name) }
                            (self.ridges(&named, reach, *of))
                        }
                    }
                }
            }
        }
    }

    fn ridges(&self, named_by: &str, reach: f64, of: Of) -> Markup {
        let depth = self.moments.first().map_or(0, |(_, layers)| layers.len());
        let rows = places(depth).into_iter().map(|layer| {
            let cells = self.moments.iter();
            let cells = cells.map(|(_, layers)| layers.get(layer).and_then(of));
            ((layer + 1).to_string(), cells.collect())
        });
        let columns = self.moments.iter().map(|(name, _)| name.clone());
        let drawing = Ridges {
            columns: columns.collect(),
            rows: rows.collect(),
            reach,
            class: self.class,
            named_by,
        };
        drawing.draw()
    }
}

/// How far axes reach that show the layers of a network well, of each way: three quarters of them
/// whole.
pub(crate) fn reaches<'a, I: Iterator<Item = &'a LayerState>>(layers: impl Fn() -> I) -> [f64; 2] {
    WAYS.map(|(_, of)| {
        let ends = layers()
            .filter_map(of)
            .map(|found| found.low.abs().max(found.high.abs()));
        let ends: Vec<f64> = ends.collect();
        let found = quantile(&ends, 0.75).filter(|&reach| reach > 0.0);
        found.unwrap_or(1.0)
    })
}
