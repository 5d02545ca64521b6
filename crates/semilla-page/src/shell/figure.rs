//! A plot with its name, its keys, and the values under the pointer.

use maud::{Markup, html};

use crate::charts::{Plot, Shape, key};
use crate::text::Text;

/// What stands around a plot.
pub struct Figure<'a> {
    /// The id of its name.
    pub id: &'a str,
    /// Its name.
    pub name: Text,
    /// What it shows.
    pub what: Text,
    /// The signs of its series, and what they are.
    pub legend: Vec<(&'static str, Shape, Text)>,
    /// The mark of the cells that hold its values in the page's table; `None` if the figure has a
    /// table of its own.
    pub shows: Option<&'a str>,
}

impl Figure<'_> {
    /// A figure whose numbers are the rows of a table elsewhere in the page, by its id.
    pub fn around_rows(
        self,
        plot: &Plot<'_>,
        table: &str,
        places: impl Iterator<Item = f64>,
    ) -> Markup {
        self.put(plot, Some(table), places, html! {})
    }

    /// The figure. `places` are the values on the horizontal axis at which the rows of its table
    /// stand; `table` is its own one, if it has one.
    pub fn around(
        self,
        plot: &Plot<'_>,
        places: impl Iterator<Item = f64>,
        table: Markup,
    ) -> Markup {
        self.put(plot, None, places, table)
    }

    fn put(
        self,
        plot: &Plot<'_>,
        elsewhere: Option<&str>,
        places: impl Iterator<Item = f64>,
        table: Markup,
    ) -> Markup {
        let parts = places.map(|place| plot.part(place).unwrap_or(0.0));
        let parts: Vec<String> = parts.map(|part| format!("{part:.3}")).collect();
        html! {
            figure data-shows=(self.shows.unwrap_or_default()) data-rows=[elsewhere] {
                figcaption {
                    h3 id=(self.id) { (self.name) }
                    p.what { (self.what) }
                    @if !self.legend.is_empty() {
                        ul.legend {
                            @for (class, shape, name) in self.legend {
                                li { (key(class, shape)) (name) }
                            }
                        }
                    }
                }
                div.plotted tabindex="0" role="group" aria-labelledby=(self.id)
                    data-places=(parts.join(" ")) {
                    (plot.draw())
                }
                (table)
            }
        }
    }
}
