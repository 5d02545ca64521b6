//! A plot of values over places in order.

use maud::{Markup, html};

use super::{Frame, Marker, Scale, place};
use crate::text::Text;

/// A plot: axes and what is drawn between them.
pub struct Plot<'a> {
    /// Its size.
    pub frame: Frame,
    /// The horizontal axis.
    pub x: Scale,
    /// The vertical axis.
    pub y: Scale,
    /// What the horizontal axis says.
    pub label: Text,
    /// The id of the element that names the plot.
    pub named_by: &'a str,
    /// What is drawn, the last on top.
    pub series: Vec<Series>,
}

/// Values of one kind, drawn alike.
pub struct Series {
    /// The class that gives it its colour.
    pub class: &'static str,
    /// How it is drawn.
    pub shape: Shape,
    /// Its values, in order.
    pub marks: Vec<Mark>,
}

/// How values are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One line through all, within a band of their intervals.
    Line,
    /// A broad line through all, to stand below others.
    Broad,
    /// A sign for each, with its interval.
    Marks(Marker),
    /// A line through all, and a sign for each with its interval.
    Both(Marker),
}

/// A value and its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// Its place on the horizontal axis.
    pub x: f64,
    /// The value.
    pub y: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end of its interval.
    pub high: f64,
}

impl Mark {
    /// A value without an interval.
    pub fn at(x: f64, y: f64) -> Self {
        Self {
            x,
            y,
            low: y,
            high: y,
        }
    }
}

impl Plot<'_> {
    /// Where a value lies across the drawing: 0 at its left edge, 1 at its right one.
    pub fn part(&self, value: f64) -> Option<f64> {
        Some(self.across(value)? / self.frame.width)
    }

    /// The drawing.
    pub fn draw(&self) -> Markup {
        let ((left, right), (bottom, top)) = (self.frame.sides(), self.frame.ends());
        let Frame { width, height, .. } = self.frame;
        html! {
            svg.plot viewBox={ "0 0 " (width) " " (height) } role="img"
                aria-labelledby=(self.named_by) {
                @for tick in self.y.ticks(self.frame.down) {
                    @if let Some(y) = self.down(tick.value) {
                        line.grid x1=(left) x2=(right) y1=(y) y2=(y) {}
                        text.tick.n.end x=(left - 8.0) y=(y + 4.0) { (tick.label) }
                    }
                }
                @for tick in self.x.whole_ticks(self.frame.across) {
                    @if let Some(x) = self.across(tick.value) {
                        line.axis x1=(x) x2=(x) y1=(bottom) y2=(bottom + 5.0) {}
                        text.tick.n.middle x=(x) y=(bottom + 19.0) { (tick.label) }
                    }
                }
                line.axis x1=(left) x2=(right) y1=(bottom) y2=(bottom) {}
                (self.label.drawn(place((left + right) / 2.0), height - 6.0, "label middle"))
                line.cursor x1=(left) x2=(left) y1=(top) y2=(bottom) {}
                @for series in &self.series {
                    g class=(series.class) { (self.drawn(series)) }
                }
            }
        }
    }

    fn drawn(&self, series: &Series) -> Markup {
        match series.shape {
            Shape::Line => html! {
                @if let Some(band) = self.band(&series.marks) { path.band d=(band) {} }
                path.line d=(self.line(&series.marks)) {}
            },
            Shape::Broad => html! { path.broad d=(self.line(&series.marks)) {} },
            Shape::Marks(marker) => self.signs(&series.marks, marker),
            Shape::Both(marker) => html! {
                path.line d=(self.line(&series.marks)) {}
                (self.signs(&series.marks, marker))
            },
        }
    }

    fn signs(&self, marks: &[Mark], marker: Marker) -> Markup {
        html! {
            path.interval d=(self.intervals(marks)) {}
            @for mark in marks {
                @if let (Some(x), Some(y)) = (self.across(mark.x), self.down(mark.y)) {
                    (marker.at(x, y))
                }
            }
        }
    }

    fn line(&self, marks: &[Mark]) -> String {
        self.through(marks.iter().map(|mark| (mark.x, mark.y)))
    }

    /// `None` if no value has an interval.
    fn band(&self, marks: &[Mark]) -> Option<String> {
        let is_wide = marks.iter().any(|mark| mark.low < mark.high);
        let has_place = |&(x, y): &(f64, f64)| self.across(x).is_some() && self.down(y).is_some();
        let upper = marks.iter().map(|mark| (mark.x, mark.high));
        let lower = marks.iter().rev().map(|mark| (mark.x, mark.low));
        is_wide.then(|| self.through(upper.chain(lower).filter(has_place)) + "z")
    }

    fn intervals(&self, marks: &[Mark]) -> String {
        let ends = marks.iter().filter_map(|mark| {
            let x = self.across(mark.x)?;
            let (low, high) = (self.down(mark.low)?, self.down(mark.high)?);
            (low != high).then(|| format!("M{x} {low}V{high}"))
        });
        ends.collect()
    }

    /// A line through places. It breaks where a value has none.
    fn through(&self, places: impl Iterator<Item = (f64, f64)>) -> String {
        let mut path = String::new();
        let mut pen = 'M';
        for (x, y) in places {
            match (self.across(x), self.down(y)) {
                (Some(x), Some(y)) => {
                    path += &format!("{pen}{x} {y}");
                    pen = 'L';
                }
                _ => pen = 'M',
            }
        }
        path
    }

    fn across(&self, value: f64) -> Option<f64> {
        let (left, right) = self.frame.sides();
        Some(place(left + self.x.place(value)? * (right - left)))
    }

    fn down(&self, value: f64) -> Option<f64> {
        let (bottom, top) = self.frame.ends();
        Some(place(bottom + self.y.place(value)? * (top - bottom)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(y: Scale, marks: Vec<Mark>) -> String {
        let series = Series {
            class: "measured",
            shape: Shape::Line,
            marks,
        };
        let plot = Plot {
            frame: Frame::WIDE,
            x: Scale::factors([0.01, 1.0].into_iter()),
            y,
            label: Text::new("rate", "tasa"),
            named_by: "name",
            series: vec![series],
        };
        plot.draw().into_string()
    }

    #[test]
    fn bands_are_drawn_where_there_are_intervals() {
        let mark = |x: f64, half: f64| Mark {
            x,
            y: 0.5,
            low: 0.5 - half,
            high: 0.5 + half,
        };
        let y = Scale::linear(0.0, 1.0);
        let banded = plot(y, vec![mark(0.01, 0.1), mark(0.1, 0.2)]);
        assert_eq!(banded.matches("class=\"band\"").count(), 1);
        let plain = plot(y, vec![mark(0.01, 0.0), mark(0.1, 0.0)]);
        assert!(!plain.contains("band"));
    }

    #[test]
    fn lines_break_where_a_value_has_no_place() {
        let marks = [0.5, 0.4, f64::NAN, 0.3, 0.2];
        let rates = [0.01, 0.03, 0.1, 0.3, 1.0];
        let marks = rates.iter().zip(marks).map(|(&x, y)| Mark::at(x, y));
        let drawn = plot(Scale::linear(0.0, 1.0), marks.collect());
        let line = drawn.split("class=\"line\" d=\"").nth(1).unwrap();
        let line = line.split('"').next().unwrap();
        assert_eq!(
            (line.matches('M').count(), line.matches('L').count()),
            (2, 2)
        );
    }

    #[test]
    fn logarithmic_axes_have_ticks_below_one() {
        let drawn = plot(Scale::linear(0.0, 1.0), vec![Mark::at(0.1, 0.5)]);
        assert!(
            drawn.contains(">0.01<") && drawn.contains(">0.1<"),
            "{drawn}"
        );
    }
}
