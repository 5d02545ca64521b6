//! Buttons that make files of what the page holds.

use maud::{Markup, html};

use crate::text;

/// A button that saves the table with this id as a CSV file of that name.
pub fn saving(table: &str) -> Markup {
    html! {
        p.saves {
            button type="button" data-csv=(table) data-name={ (table) ".csv" } { (text::SAVE_CSV) }
        }
    }
}
