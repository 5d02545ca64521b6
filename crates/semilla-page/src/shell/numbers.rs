//! The numbers of a figure, in a table that opens.

use maud::{Markup, html};

use super::saving::saving;
use crate::text::{Text, compare::CHART_NUMBERS, figure};

/// A table that opens, and can be saved. `named_by` is the id of what names it, `id` its own.
pub fn opening(named_by: &str, id: &str, table: &Markup) -> Markup {
    html! {
        details {
            summary { (CHART_NUMBERS) }
            div.scroll tabindex="0" role="region" aria-labelledby=(named_by) { (table) }
            (saving(id))
        }
    }
}

/// The numbers of several series at places that they share.
pub struct Numbers<'a> {
    /// The table's id, with which those of its columns begin.
    pub id: &'a str,
    /// The id of what names the table.
    pub named_by: &'a str,
    /// What the rows are.
    pub rows: Text,
    /// The series: how their ids end, and their names.
    pub series: Vec<(String, Text)>,
    /// The places, and the value of each series there.
    pub values: Vec<(u64, Vec<Option<f64>>)>,
}

impl Numbers<'_> {
    /// The table, which opens.
    pub fn draw(&self) -> Markup {
        let Self { id, series, .. } = self;
        let table = html! {
            table.layers id=(id) {
                thead {
                    tr {
                        th scope="col" { (self.rows) }
                        @for (key, name) in series {
                            th scope="col" id={ (id) "-" (key) } { (name) }
                        }
                    }
                }
                tbody {
                    @for (place, values) in &self.values {
                        tr {
                            th.n scope="row" { (place) }
                            @for ((key, _), value) in series.iter().zip(values) {
                                td.n data-head={ (id) "-" (key) } data-v=[value] {
                                    (value.map_or(String::new(), figure))
                                }
                            }
                        }
                    }
                }
            }
        };
        opening(self.named_by, id, &table)
    }
}
