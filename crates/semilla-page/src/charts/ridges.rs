//! Distributions in rows and columns on one axis: layers over training.

use maud::{Markup, html};
use semilla_signal::Histogram;

use super::place;
use crate::text::{Text, figure};

/// All columns together are so wide.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 24.0;
const GAP: (f64, f64) = (10.0, 5.0);
/// Room for the names of the rows, of the columns, and for the axis.
const LEFT: f64 = 26.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 18.0;

/// Distributions: a row for each layer, a column for each moment of training.
pub struct Ridges<'a> {
    /// What the columns are.
    pub columns: Vec<Text>,
    /// The names of the rows, short ones, and their distributions; `None` where there are no finite
    /// values.
    pub rows: Vec<(String, Vec<Option<&'a Histogram>>)>,
    /// All cells show values from minus this to this.
    pub reach: f64,
    /// The class that gives them their colour.
    pub class: &'a str,
    /// The id of the element that names the drawing.
    pub named_by: &'a str,
}

impl Ridges<'_> {
    /// The width of a column.
    fn column(&self) -> f64 {
        place((WIDTH - LEFT) / self.columns.len().max(1) as f64 - GAP.0)
    }

    /// The drawing.
    pub fn draw(&self) -> Markup {
        let wide = self.column();
        let height = TOP + self.rows.len() as f64 * (HEIGHT + GAP.1) + BOTTOM;
        let bottom = height - BOTTOM;
        let left = |column: usize| place(LEFT + column as f64 * (wide + GAP.0));
        html! {
            svg class={ "ridges " (self.class) } viewBox={ "0 0 " (WIDTH) " " (height) } role="img"
                aria-labelledby=(self.named_by) {
                @for (column, name) in self.columns.iter().enumerate() {
                    @let x = left(column);
                    @let middle = place(x + wide / 2.0);
                    (name.drawn(middle, 12.0, "tick middle"))
                    line.zero x1=(middle) x2=(middle) y1=(TOP) y2=(bottom) {}
                    text.tick.n.middle x=(middle) y=(bottom + 14.0) { "±" (figure(self.reach)) }
                }
                @for (row, (name, cells)) in self.rows.iter().enumerate() {
                    @let y = TOP + row as f64 * (HEIGHT + GAP.1) + HEIGHT;
                    text.tick.end x=(LEFT - 6.0) y=(y - 3.0) { (name) }
                    @for (column, cell) in cells.iter().enumerate() {
                        @let x = left(column);
                        @match cell {
                            Some(found) => path.bars d=(self.ridge(found, x, y)) {},
                            None => (super::Marker::Cross.at(place(x + wide / 2.0), y - 8.0)),
                        }
                        line.axis x1=(x) x2=(x + wide) y1=(y) y2=(y) {}
                    }
                }
            }
        }
    }

    /// The outline of a histogram on the common axis. What reaches beyond the axis stands as a bar
    /// at its end; what is narrower than a stroke is a needle.
    fn ridge(&self, found: &Histogram, x: f64, base: f64) -> String {
        /// Columns of the common axis.
        const BINS: usize = 40;
        let mut parts = [0.0f64; BINS];
        let width = 2.0 * self.reach / BINS as f64;
        let mut add = |from: f64, to: f64, count: f64| {
            let place = |value: f64| ((value + self.reach) / width).clamp(0.0, BINS as f64 - 1e-9);
            let (from, to) = (place(from), place(to));
            let (first, last) = (from as usize, to as usize);
            for (bin, part) in parts.iter_mut().enumerate().take(last + 1).skip(first) {
                let covered = (to.min(bin as f64 + 1.0) - from.max(bin as f64)).max(0.0);
                *part += match to > from {
                    true => count * covered / (to - from),
                    false => count,
                };
            }
        };
        let step = (found.high - found.low) / found.counts.len().max(1) as f64;
        for (bin, &count) in found.counts.iter().enumerate() {
            let low = found.low + bin as f64 * step;
            add(low, low + step, f64::from(count));
        }
        let most = parts.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let step = (self.column() / BINS as f64 * 100.0).round() / 100.0;
        let mut path = format!("M{x} {base}");
        for part in parts {
            let top = place(base - HEIGHT * part / most);
            path += &format!("V{top}h{step}");
        }
        path + &format!("V{base}z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tops(low: f64, high: f64) -> Vec<f64> {
        let found = Histogram {
            low,
            high,
            counts: vec![5; 10],
            below: 0,
            above: 0,
        };
        let ridges = Ridges {
            columns: Vec::new(),
            rows: Vec::new(),
            reach: 1.0,
            class: "",
            named_by: "",
        };
        let path = ridges.ridge(&found, 0.0, 24.0);
        let tops = path.split('V').skip(1).take(40);
        tops.map(|part| part.split('h').next().unwrap().parse().unwrap())
            .collect()
    }

    #[test]
    fn needles_even_spreads_and_what_is_beyond() {
        let needle = tops(-1e-12, 1e-12);
        assert_eq!(needle.iter().filter(|&&top| top < 24.0).count(), 2);
        let even = tops(-1.0, 1.0);
        assert!(even.iter().all(|&top| top == 0.0), "{even:?}");
        let beyond = tops(-10.0, 10.0);
        assert_eq!((beyond[0], beyond[39]), (0.0, 0.0));
        assert!(beyond[1..39].iter().all(|&top| top > 20.0), "{beyond:?}");
    }
}
